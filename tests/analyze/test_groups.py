"""Groups: what makes runs replicates, which of them count, and what is said of the others."""

import math
import shutil
from pathlib import Path

import pytest

import epochal
from epochal.analyze.dimensions import FIELDS
from epochal.analyze.groups import Group, Groups, find_groups
from epochal.analyze.guards import of_groups
from epochal.analyze.members import Member, fingerprint
from epochal.analyze.replicates import is_place_or_name, names, seed_role
from epochal.core.errors import EvidenceError, MetricNotFoundError
from epochal.journal.append import append_events
from epochal.read.view import RunView
from epochal.store.seal import seal_run


@pytest.fixture
def record(tmp_path):
    """Records a run: `record("name", 2.3, seed=0, lr=0.1)`; gives its view."""

    def make(name, *values, state="finished", metric="val/loss", define=None, **more):
        about = {key: more.pop(key) for key in ("seed", "group", "tags") if key in more}
        project, summary = more.pop("project", "p"), more.pop("summary", {})
        run = epochal.init(
            project=project, name=name, dir=str(tmp_path / "runs"), config=more, follow="off",
            capture_environment=False, **about,
        )  # fmt: skip
        if define:
            run.define(metric, **define)
        for step, value in enumerate(values):
            run.log({metric: value}, step=step)
        run.summary.update(summary)
        run.finish(state)
        return RunView(run.dir)

    return make


def found(groups):
    """Names of groups with the scores of their runs."""
    return {group.name: group.scores.tolist() for group in groups}


@pytest.mark.parametrize(
    ("key", "role"),
    [
        ("seed", "seed"), ("train.seed", "seed"), ("data_seed", "data"), ("seed_init", "init"),
        ("model.random_state", "seed"), ("seed.split", "split"), ("dataSeed", "data"),
        ("lr", None), ("seed_length", None), ("num_seeds", None), ("seedling", None),
    ],
)  # fmt: skip
def test_seed_keys(key, role):
    """What is a seed is read from its key, and its role too."""
    assert seed_role(key, 3) == role


@pytest.mark.parametrize("value", [True, 0.5, "3", [1]])
def test_seeds_are_whole_numbers(value):
    """Something else under the key of a seed is a setting."""
    assert seed_role("seed", value) is None


def test_roles_of_the_run_are_seed_keys():
    """A key called like a seed of the run is one if it has its value, and else it is not."""
    assert seed_role("shuffle", 7, {"shuffle": 7}) == "shuffle"
    assert seed_role("data", "cifar", {"data": 7}) is None


@pytest.mark.parametrize(
    ("key", "value", "place"),
    [
        ("output_dir", "/out/1", True), ("train.log_dir", "x", True), ("train_log_dir", "x", True),
        ("run_name", "a", True), ("log.file", "x", True), ("checkpoint_dir", "x", True),
        ("data_dir", "/cifar", False), ("data.path", "x", False), ("checkpoint_path", "x", False),
        ("dropout", "x", False), ("fan_out", 64, False), ("name", "resnet", False),
    ],
)  # fmt: skip
def test_places_and_names(key, value, place):
    """Where a run writes to is no setting; what it reads is one."""
    assert is_place_or_name(key, value) is place


def test_names_are_short_and_distinct():
    """Names hold what differs; equal texts of different values are numbered."""
    assert names([{"o.name": "adam"}, {"o.name": "sgd"}]) == [
        ("adam", "o.name=adam"), ("sgd", "o.name=sgd"),
    ]  # fmt: skip
    assert [n for n, _ in names([{"a.lr": 1, "b.lr": 2}, {"a.lr": 1, "b.lr": 3}])] == [
        "a.lr=1, b.lr=2", "a.lr=1, b.lr=3",
    ]  # fmt: skip
    assert [n for n, _ in names([{"x": "1"}, {"x": 1}])] == ["x=1 (1)", "x=1 (2)"]
    assert [n for n, _ in names([{"on": True}, {"on": "true"}, {}])][2] == "on=unset"
    long = [n for n, _ in names([{"x": "a" * 90}, {"x": "a" * 90 + "b"}])]
    assert len(set(long)) == 2
    assert max(map(len, long)) < 60


def test_replicates_are_found(record):
    """Seeds and output paths make no groups, everything else does; 1 and 1.0 are one setting."""
    runs = [
        record(f"{depth}-{seed}", 2.0 + seed, seed=seed, lr=0.1, model={"depth": depth},
               output_dir=f"/out/{depth}/{seed}")
        for depth, seed in ((12, 0), (12, 1), (6, 0), (6, 1), (6.0, 2))
    ]  # fmt: skip
    groups = find_groups(runs, metric="val/loss")
    assert found(groups) == {"depth=6": [2.0, 3.0, 4.0], "depth=12": [2.0, 3.0]}
    assert groups.by == "model.depth"
    assert groups.ignored == ("output_dir",)
    assert groups[0].seeds == (0, 1, 2)
    assert dict(groups[0].setting) == {"model.depth": 6}
    assert groups.holes == {"depth=12": [2]}
    assert any("depth=12 lacks seed 2" in guard for guard in of_groups(groups))


def test_grouping_by_what_was_asked(record):
    """`by` takes paths of the config, beginnings of them, lists, and fields of the run."""
    runs = [
        record("a", 1.0, seed=0, lr=0.1, opt={"name": "adam", "eps": 1}, group="g", tags=["x"]),
        record("b", 2.0, seed=0, lr=0.2, opt={"name": "sgd", "eps": 1}, project="q", tags=["x"]),
    ]
    assert set(found(find_groups(runs, by="config.lr", metric="val/loss"))) == {"lr=0.1", "lr=0.2"}
    assert set(found(find_groups(runs, by='config.opt["name"]', metric="val/loss"))) == {
        "adam",
        "sgd",
    }
    both = find_groups(runs, by=["lr", "opt"], metric="val/loss")
    assert both[0].name == "lr=0.1, opt.name=adam, eps=1"
    by_field = {field: found(find_groups(runs, by=field, metric="val/loss")) for field in FIELDS}
    assert set(by_field["group"]) == {"group=g", "group=no group"}
    assert set(by_field["project"]) == {"project=p", "project=q"}
    assert set(by_field["run"]) == {"run=a", "run=b"}
    assert list(by_field["tags"].values()) == [[1.0, 2.0]]
    with pytest.raises(EvidenceError, match=r"'learning_rat'.*by="):
        find_groups(runs, by="learning_rat", metric="val/loss")


def test_projects_are_never_mixed(record):
    """The same config in two projects is two groups."""
    runs = [record("a", 1.0, seed=0, lr=1, project=p) for p in ("one", "two")]
    assert set(found(find_groups(runs, metric="val/loss"))) == {"one", "two"}


def test_seeds_by_role(record):
    """Seeds of the run and of its config are put together by role."""
    run = record("a", 1.0, seed={"data": 1}, init_seed=2, lr=0.1)
    (group,) = find_groups([run], metric="val/loss")
    assert group.seeds == ({"data": 1, "init": 2},)


def test_replicates_may_differ_in_more(record):
    """A fold is a replicate if one says so, and a setting if not; it is no rerun."""
    runs = [record(f"f{fold}", float(len(fold)), seed=0, fold=fold) for fold in ("a", "bb", "ccc")]
    assert len(find_groups(runs, metric="val/loss")) == 3
    (group,) = find_groups(runs, metric="val/loss", replicates=["seed", "fold"])
    assert sorted(group.scores) == [1.0, 2.0, 3.0]


def test_runs_that_do_not_count_are_named(record):
    """Failed, interrupted and diverged runs are left out, each with its reason."""
    runs = [
        record("good", 2.0, seed=0, lr=1),
        record("bad", 2.0, seed=1, lr=1, state="failed"),
        record("stopped", 2.0, seed=2, lr=1, state="interrupted"),
        record("gone", 1.0, 0.5, math.nan, seed=3, lr=1),
        record("early", seed=4, lr=1, state="failed"),
        record("stranger", 1.0, seed=0, lr=5, metric="acc"),
    ]  # fmt: skip
    groups = find_groups(runs, metric="val/loss", statistic="min")
    assert found(groups) == {"all": [2.0]}
    reasons = {each.name: each.reason for each in groups[0].left_out}
    assert reasons == {
        "bad": "failed with an exception", "stopped": "was interrupted",
        "gone": "diverged: val/loss ends at NaN, first at step 2",
        "early": "failed with an exception",
    }  # fmt: skip
    assert [(each.name, each.reason) for each in groups.left_out] == [
        ("stranger", "has no val/loss")
    ]
    said = "\n".join(of_groups(groups))
    assert "4 of 5 runs left out" in said
    assert "gone diverged" in said
    assert "stranger" in said


def test_a_running_run_is_left_out(tmp_path):
    """A run that is still written to does not count yet."""
    run = epochal.init(dir=str(tmp_path), name="now", follow="off", capture_environment=False)
    try:
        run.log({"loss": 1.0}, step=1)
        run.flush()
        with pytest.raises(EvidenceError, match="now is still running"):
            find_groups([RunView(run.dir)], metric="loss")
    finally:
        run.finish()


def test_no_run_counts(record):
    """The error names every run and why it does not count; a wrong name gets a hint."""
    runs = [record("x", 1.0, state="failed"), record("y", math.inf)]
    with pytest.raises(EvidenceError, match=r"x failed.*y diverged"):
        find_groups(runs, metric="val/loss")
    with pytest.raises(MetricNotFoundError, match="did you mean 'val/loss'"):
        find_groups(runs, metric="val/los", goal="minimize")
    with pytest.raises(EvidenceError, match="no runs"):
        find_groups([], metric="val/loss")


def test_the_newest_finished_rerun_counts(record):
    """Of the same config and seed one run counts; older and failed ones are no loss."""
    runs = [
        record("first", 1.0, seed=0, lr=1), record("second", 2.0, seed=0, lr=1),
        record("third", 3.0, seed=0, lr=1, state="failed"), record("other", 4.0, seed=1, lr=1),
    ]  # fmt: skip
    (group,) = groups = find_groups(runs, metric="val/loss")
    assert group.scores.tolist() == [2.0, 4.0]
    assert [each.replaced for each in group.left_out] == [True, True]
    said = of_groups(groups)
    assert any("2 reruns left out (first, third)" in guard for guard in said)
    assert not any("may look better" in guard for guard in said)


def test_runs_without_a_seed_are_different_runs(record):
    """Nothing says that they are reruns; that they are independent is said."""
    runs = [record("a", 1.0, lr=1), record("b", 2.0, lr=1)]
    groups = find_groups(runs, metric="val/loss")
    assert groups[0].n == 2
    assert any("no seed is recorded" in guard for guard in of_groups(groups))


def test_statistics(record):
    """The defined summary is the default; every other number can be asked for."""
    values = [5.0, 1.0, *([2.0] * 8), 3.0, 4.0, *([6.0] * 8)]
    run = record("a", *values, define={"goal": "minimize", "summary": "min"})
    expected = {None: 1.0, "last": 6.0, "min": 1.0, "max": 6.0, "best": 1.0, "last 10 %": 6.0,
                "last 50%": 5.5, "mean": sum(values) / 20}  # fmt: skip
    for statistic, value in expected.items():
        (group,) = find_groups([run], metric="val/loss", statistic=statistic)
        assert group.scores.tolist() == pytest.approx([value]), statistic
    for wrong in ("lst", "last 0 %", "last 200 %"):
        with pytest.raises(EvidenceError, match="statistic="):
            find_groups([run], metric="val/loss", statistic=wrong)


def test_numbers_of_the_summary(record):
    """A number that the training put into its summary can be compared, a truth value not."""
    runs = [
        record(f"r{i}", 1.0, seed=i, summary={"test_acc": 0.5 + i / 10, "ok": True})
        for i in range(2)
    ]
    (group,) = groups = find_groups(runs, metric="test_acc", goal="maximize")
    assert sorted(group.scores) == [0.5, 0.6]
    assert groups.statistic == "given"
    with pytest.raises(MetricNotFoundError):
        find_groups(runs, metric="ok", goal="maximize")


def test_the_goal(record):
    """It is asked for, defined, known by name, or unclear."""
    defined = record("a", 1.0, metric="score", define={"goal": "maximize"})
    other = record("b", 1.0, metric="score", define={"goal": "minimize"})
    assert find_groups([defined], metric="score").goal == "maximize"
    assert find_groups([defined], metric="score", goal="minimize").goal == "minimize"
    assert find_groups([record("c", 1.0)], metric="val/loss").goal == "minimize"
    with pytest.raises(EvidenceError, match="different goals"):
        find_groups([defined, other], metric="score")
    with pytest.raises(EvidenceError, match="what is better for 'acc'"):
        find_groups([record("d", 1.0, metric="acc")], metric="acc")
    with pytest.raises(EvidenceError, match="goal='up'"):
        find_groups([defined], metric="score", goal="up")


def test_settings_that_are_mixed_or_differ_too(record):
    """Grouping by one key says what else differs, inside a group and between groups."""
    runs = [
        record(f"{opt}-{i}", 1.0 + i, seed=i, opt=opt, lr=lr, clip=clip)
        for opt, lr, clips in (("adam", 0.001, (1, 1)), ("sgd", 0.1, (1, 5)))
        for i, clip in enumerate(clips)
    ]
    groups = find_groups(runs, by="opt", metric="val/loss")
    said = of_groups(groups)
    assert any("sgd mixes clip (1, 5)" in guard for guard in said)
    assert any("differ in lr too: adam 0.001, sgd 0.1" in guard for guard in said)


def test_states_of_the_code():
    """Mixed code in a group is told, and so are groups of different code."""

    def group(name, *codes):
        members = tuple(Member(float(i), i, code=code) for i, code in enumerate(codes))
        return Group(name, name, members=members)

    mixed = of_groups(
        Groups((group("a", "c1", "c1", "c2+x"), group("b", "c1", "c1", "c1")), "loss")
    )
    assert any("a: its runs are of 2 states of the code (2 of c1, 1 of c2+x)" in g for g in mixed)
    apart = of_groups(Groups((group("a", "c1", "c1", "c1"), group("b", "c2", "c2", "c2")), "loss"))
    assert any("run with different code (a c1, b c2)" in guard for guard in apart)
    unknown = of_groups(Groups((group("a", "c1+changes", "c1+changes"),), "loss"))
    assert any("2 runs had uncommitted changes" in guard for guard in unknown)
    partly = of_groups(Groups((group("a", "c1", "", "c1"), group("b", "", "")), "loss"))
    (said,) = [guard for guard in partly if "code" in guard]
    assert said == "the state of the code of 3 runs is not known, so that it may differ"
    same = of_groups(Groups((group("a", "c1", "c1", "c1"), group("b", "c1", "c1", "c1")), "loss"))
    assert not any("code" in guard for guard in same)


def test_the_state_of_the_code_is_read(record):
    """Commit and uncommitted changes together are the state; groups may be made by commit."""

    def at(name, seed, **git):
        run = record(name, 1.0, seed=seed)
        append_events(run.dir, run.id, [("environment", {"values": {"git": git}})])
        return RunView(run.dir)

    commit = "12345678abcdef"
    runs = [
        at("clean", 0, commit=commit, dirty=False),
        at("one", 1, commit=commit, dirty=True, diff={"sha256": "a1" * 32}),
        at("two", 2, commit=commit, dirty=True, diff={"sha256": "b2" * 32}),
    ]
    (group,) = groups = find_groups(runs, by="git.commit", metric="val/loss")
    codes = [member.code for member in group.members]
    assert codes == ["12345678", "12345678+a1a1a1a1", "12345678+b2b2b2b2"]
    assert any("3 states of the code" in guard for guard in of_groups(groups))
    assert group.label == "commit=12345678abcd"


def test_runs_of_different_length(record):
    """Where the last values stand at different steps, that is told; so is a NaN on the way."""
    runs = [record("a", 1.0, math.nan, 2.0, seed=0), record("b", 1.0, 2.0, seed=1)]
    said = of_groups(find_groups(runs, metric="val/loss"))
    assert any("different steps (1 to 2)" in guard for guard in said)
    assert any("a has NaN" in guard for guard in said)


def test_damaged_runs_are_told(record, tmp_path):
    """A run of which records are missing counts, and that they are missing is said."""
    run = epochal.init(dir=str(tmp_path), project="p", name="hurt", seed=0, follow="off",
                       capture_environment=False)  # fmt: skip
    for step in range(9):
        run.log({"val/loss": 1.0}, step=step)
        run.flush()  # a frame of its own
    run.finish()
    (segment,) = Path(run.dir, "journal").glob("*")
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 0xFF
    segment.write_bytes(content)
    groups = find_groups([RunView(run.dir), record("sound", 1.0, seed=1)], metric="val/loss")
    assert groups[0].n == 2
    assert any("records of hurt are lost or damaged" in guard for guard in of_groups(groups))


def test_one_group_says_how_to_divide_it(record):
    """A single group hints at what else differs between its runs."""
    runs = [record(f"r{i}", 1.0 + i, seed=i, group=f"g{i}", exp_name=f"e{i}") for i in range(2)]
    said = of_groups(find_groups(runs, metric="val/loss"))
    assert any("one group only" in g and "by='exp_name' or by='group'" in g for g in said)


def test_fingerprint(record, tmp_path):
    """Copying, tagging and sealing keep it, other values change it; the index says the same."""
    run = record("a", 1.0, 2.0, seed=0, lr=0.1)
    other = record("a", 1.0, 2.5, seed=0, lr=0.1)
    before = fingerprint(run)
    assert before != fingerprint(other)
    copy = shutil.copytree(run.dir, tmp_path / "elsewhere")
    assert fingerprint(RunView(copy)) == before
    with_index = {r.dir: fingerprint(r) for r in epochal.open(tmp_path / "runs").runs()}
    assert with_index[run.dir] == before
    run.tag("x")
    run.note("y")
    seal_run(run.dir)
    assert fingerprint(RunView(run.dir)) == before


def test_a_run_that_broke_off_belongs_to_its_own_group(record):
    """With the same config in all groups, what a run without the metric was called decides."""
    runs = [record(f"{name}{seed}", 2.0, seed=seed, group=name)
            for name in ("new", "old") for seed in (0, 1)]  # fmt: skip
    runs += [record(f"broken {name}", metric="other", seed=9, group=name, state="failed")
             for name in ("new", "old", "old")]  # fmt: skip
    runs.append(record("stranger", seed=9, group="none of them", state="failed"))
    found_groups = find_groups(runs, by="group", metric="val/loss")
    assert {g.name: [e.name for e in g.left_out] for g in found_groups} == {
        "new": ["broken new"], "old": ["broken old", "broken old"],
    }  # fmt: skip
    assert [each.name for each in found_groups.left_out] == ["stranger"]


@pytest.mark.parametrize("newest", [True, False])
def test_a_rerun_does_not_undo_a_divergence(record, newest):
    """A diverged run is a result: it is said, though another of its config and seed counts."""
    values = [("good", 2.0), ("bad", math.nan)] if newest else [("bad", math.nan), ("good", 2.0)]
    runs = [record(name, value, seed=0) for name, value in values]
    runs.append(record("killed", 2.0, seed=0, state="killed"))
    (group,) = find_groups(runs, metric="val/loss")
    assert [run.name for run in group.runs] == ["good"]
    assert {each.name: each.replaced for each in group.left_out} == {"bad": False, "killed": True}
    assert any(
        "1 of 2 runs left out (bad diverged" in g for g in of_groups(Groups((group,), "val/loss"))
    )
