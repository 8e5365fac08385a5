"""Configurations: what can be read, how writing merges, names built from values."""

import argparse
import collections
import contextlib
import copy
import dataclasses
import enum
import functools
import json
import pickle
import threading
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from epochal.core.errors import ConfigError
from epochal.record.config import MAX_FILE_BYTES, Config, expand_name, read_config
from epochal.record.plain import MAX_DEPTH

scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=10)
)
keys = st.text(max_size=8)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=12,
)
configs = st.dictionaries(keys, trees, max_size=4)


class Color(enum.Enum):
    RED = 1


class Optimizer(str, enum.Enum):
    ADAMW = "adamw"


@dataclasses.dataclass
class Model:
    depth: int = 2
    widths: tuple[int, ...] = (8, 16)


@dataclasses.dataclass
class Experiment:
    lr: float = 1e-3
    model: Model = dataclasses.field(default_factory=Model)


class Pydantic:
    def model_dump(self):  # noqa: D102 - a stand-in for other people's classes
        return {"lr": 0.1, "inner": {"path": Path("a/b")}}


class Duck:
    def keys(self):  # noqa: D102 - a stand-in for other people's classes
        return ["lr"]

    def __getitem__(self, key):
        return {"lr": 0.1}[key]


EXPERIMENT = {"lr": 0.001, "model": {"depth": 2, "widths": [8, 16]}}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (None, {}),
        ({}, {}),
        ({"a": {"b": 1}}, {"a": {"b": 1}}),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (Experiment(), EXPERIMENT),
        ({"nested": Experiment()}, {"nested": EXPERIMENT}),
        (argparse.Namespace(a=1, b=argparse.Namespace(c=2)), {"a": 1, "b": {"c": 2}}),
        (types.SimpleNamespace(a=1), {"a": 1}),
        (OmegaConf.create({"a": 1, "b": [{"c": "${a}"}]}), {"a": 1, "b": [{"c": 1}]}),
        ({"conf": OmegaConf.create({"a": [1]})}, {"conf": {"a": [1]}}),
        (OmegaConf.structured(Model), {"depth": 2, "widths": [8, 16]}),
        (Pydantic(), {"lr": 0.1, "inner": {"path": "a/b"}}),
        (Duck(), {"lr": 0.1}),
        (Config({"a": {"b": 1}}), {"a": {"b": 1}}),
        (collections.ChainMap({"a": 1}, {"a": 2, "b": 3}), {"a": 1, "b": 3}),
    ],
)  # fmt: skip
def test_every_kind_of_source_is_read(source, expected):
    """Each kind of source gives new plain dicts."""
    assert read_config(source) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((1, 2), [1, 2]),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({3}), [3]),
        (range(3), [0, 1, 2]),
        (collections.deque([1]), [1]),
        (np.float32(0.5), 0.5),
        (np.float64(0.1), 0.1),
        (np.longdouble(2), 2.0),
        (np.int64(3), 3),
        (np.bool_(True), True),  # noqa: FBT003 - the value under test
        (np.str_("x"), "x"),
        (np.array([[1, 2]]), [[1, 2]]),
        (np.array(1.5), 1.5),
        (np.zeros((100, 100)), "numpy.ndarray(shape=(100, 100), dtype=float64)"),
        (np.dtype("float32"), "float32"),
        (np.float32, "numpy.float32"),
        (Path("data"), "data"),
        (Color.RED, "RED"),
        (Optimizer.ADAMW, "adamw"),
        (b"ab\xff", "ab\\xff"),
        (1 + 2j, "(1+2j)"),
        (len, "len"),
        (json.dumps, "json.dumps"),
        (functools.partial(json.dumps, indent=2), "json.dumps"),
        (dict, "dict"),
        (Path, "pathlib.Path"),
        (json, "json"),
        (True, True),
        (1 << 9000, hex(1 << 9000)),
    ],
)
def test_values_become_plain(value, expected):
    """Each kind of leaf becomes a plain value of exactly the builtin type."""
    (result,) = read_config({"x": value}).values()
    assert result == expected
    assert type(result) is type(expected)


def test_a_value_names_no_address():
    """Objects without text of their own read the same in every process."""
    result = read_config({"a": object(), "b": Color, "c": iter([1])})
    assert result["a"] == "object"
    assert "0x" not in json.dumps(result)


@pytest.mark.torch
def test_tensors_become_plain():
    """Tensors, data types and devices of PyTorch become plain values."""
    import torch

    source = {
        "scalar": torch.tensor(2), "vector": torch.ones(2, requires_grad=True),
        "large": torch.zeros(2000), "dtype": torch.float32, "device": torch.device("cpu"),
        "size": torch.Size([1, 2]), "meta": torch.ones(2, device="meta"),
        "model": torch.nn.Linear(1, 1), "half": torch.tensor(0.5, dtype=torch.bfloat16),
    }  # fmt: skip
    assert read_config(source) == {
        "scalar": 2, "vector": [1.0, 1.0],
        "large": "torch.Tensor(shape=(2000,), dtype=torch.float32)",
        "dtype": "torch.float32", "device": "cpu", "size": [1, 2], "meta": "torch.Tensor",
        "model": "torch.nn.modules.linear.Linear", "half": 0.5,
    }  # fmt: skip


@settings(deadline=None)
@given(configs)
def test_plain_configs_come_back_equal_and_new(config):
    """What is plain already is copied as it is, and JSON brings it back."""
    before = copy.deepcopy(config)
    result = read_config(config)
    assert result == config == before
    assert json.loads(json.dumps(result)) == result
    assert result is not config


@settings(deadline=None)
@given(configs)
def test_a_json_file_brings_a_config_back(tmp_path_factory, config):
    """A config that is written as JSON is read back equal."""
    path = tmp_path_factory.mktemp("json") / "config.json"
    path.write_text(json.dumps(config))
    assert read_config(path) == config


def test_keys_become_text():
    """Keys of other types become text; two that read the same are refused."""
    assert read_config({1: "a", None: "b", (1, 2): "c"}) == {"1": "a", "None": "b", "(1, 2)": "c"}
    with pytest.raises(ConfigError, match="two keys that read '1'"):
        read_config({1: "a", "1": "b"})


def test_cycles_and_depth_are_refused():
    """A config that contains itself or is too deep is refused; one at the limit is read."""
    cycle = {"a": {}}
    cycle["a"]["b"] = [cycle]
    with pytest.raises(ConfigError, match=r"config\.a\.b\.0 contains itself"):
        read_config(cycle)
    deep = {}
    for _ in range(MAX_DEPTH - 1):
        deep = {"a": deep}
    assert read_config(deep) == deep
    with pytest.raises(ConfigError, match="deeper than 64"):
        read_config({"a": deep})


def test_a_shared_object_is_no_cycle():
    """The same object in two places is read twice."""
    shared = {"x": [1]}
    result = read_config({"a": shared, "b": shared})
    assert result == {"a": {"x": [1]}, "b": {"x": [1]}}
    assert result["a"] is not result["b"]


class Broken:
    def model_dump(self):  # noqa: D102 - a stand-in for other people's classes
        raise RuntimeError("no dump today")


@pytest.mark.parametrize("source", [[1, 2], 3, Experiment, len, (("a", 1),)])
def test_what_is_no_config_is_refused(source):
    """Anything but a mapping of names to values is refused."""
    with pytest.raises(ConfigError, match="not a mapping"):
        read_config(source)


def test_errors_of_foreign_code_are_named():
    """An error inside somebody's class or an interpolation says where it happened."""
    with pytest.raises(ConfigError, match=r"config\.x cannot be read: no dump today"):
        read_config({"x": Broken()})
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(OmegaConf.create({"a": "${nowhere}"}))


YAML = """
lr: 1e-3
eps: 1E-08
big: .5e+3
plain: 0.1
quoted: "1e-3"
word: e3
hex: 0x10
date: 2026-01-02
model: &m {depth: 2}
same: *m
"""


def test_a_yaml_file_is_read(tmp_path):
    """YAML is read with floats in scientific notation, aliases and dates."""
    path = tmp_path / "config.yaml"
    path.write_text(YAML)
    expected = {
        "lr": 1e-3, "eps": 1e-8, "big": 500.0, "plain": 0.1, "quoted": "1e-3", "word": "e3",
        "hex": 16, "date": "2026-01-02", "model": {"depth": 2}, "same": {"depth": 2},
    }  # fmt: skip
    assert read_config(str(path)) == read_config(path) == expected


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_of_yaml_are_floats(tmp_path_factory, value):
    """Any float that Python writes into a YAML file comes back as that float."""
    path = tmp_path_factory.mktemp("yaml") / "config.yml"
    path.write_text(f"x: {value!r}\n")
    assert read_config(path) == {"x": value}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.yaml", "a: [1", "not valid"),
        ("a.yaml", "!!python/object/apply:os.system ['true']", "not valid"),
        ("a.yaml", "- 1", "not a mapping"),
        ("a.yaml", "a: 1\n---\nb: 2", "not valid"),
        ("a.json", "{'a': 1}", "not valid"),
        ("a.json", "[" * 100_000, "nested too deep"),
        ("a.toml", "a = 1", r"must be a YAML or JSON file"),
    ],
)
def test_bad_files_are_refused(tmp_path, name, text, message):
    """A file that is broken or of another kind is refused by name."""
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_config(path)
    assert name in str(caught.value)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    """Missing files, folders and files of another encoding are refused."""
    with pytest.raises(ConfigError, match="No such file"):
        read_config(tmp_path / "missing.yaml")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ConfigError, match="not a regular file"):
        read_config(tmp_path / "folder.yaml")
    (tmp_path / "latin.json").write_bytes(b'{"a": "\xe4"}')
    with pytest.raises(ConfigError, match="not valid"):
        read_config(tmp_path / "latin.json")


def test_large_files_and_bombs_are_refused(tmp_path):
    """Neither a large file nor a short one that describes billions of values is taken in."""
    path = tmp_path / "large.json"
    path.write_bytes(b" " * (MAX_FILE_BYTES + 1))
    with pytest.raises(ConfigError, match="larger than 8 MiB"):
        read_config(path)
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="more than 1,000,000 values"):
        read_config(path)


def test_an_empty_file_is_an_empty_config(tmp_path):
    """A YAML file with nothing in it says nothing."""
    (tmp_path / "a.yaml").write_text("# nothing yet\n")
    assert read_config(tmp_path / "a.yaml") == {}


# ------------------------------------------------------------------------------------ Config


def test_nested_and_dotted_reading():
    """Keys lead inside, dotted keys too, and a literal key comes first."""
    config = Config({"model": {"depth": 2, "a.b": {"c": 1}}, "x.y": 3, "x": {"y": 4}})
    assert config["model"]["depth"] == config["model.depth"] == 2
    assert config["model.a.b.c"] == config["model"]["a.b.c"] == 1
    assert (config["x.y"], config["x"]["y"]) == (3, 4)
    assert ("model.depth" in config, "model.width" in config, 3 in config) == (True, False, False)
    assert config.get("model.width") is None
    with pytest.raises(KeyError):
        config["model.depth.more"]


def test_writes_merge_and_are_told():
    """Each write merges deep and is told as the nested mapping that was merged in."""
    told = []
    config = Config({"model": {"depth": 2}}, on_update=told.append)
    config["lr"] = np.float32(0.5)
    config["model"] = {"width": 8}
    config["model"]["depth"] = 3
    config["model.heads"] = (4,)
    config["new.name"] = 1
    config.update({"model": {"depth": 4}, "tags": {"b"}}, seed=1)
    config.update({})
    assert told == [
        {"lr": 0.5},
        {"model": {"width": 8}},
        {"model": {"depth": 3}},
        {"model": {"heads": [4]}},
        {"new.name": 1},
        {"model": {"depth": 4}, "tags": ["b"], "seed": 1},
    ]
    assert config.to_dict() == {
        "model": {"depth": 4, "width": 8, "heads": [4]},
        "lr": 0.5, "new.name": 1, "tags": ["b"], "seed": 1,
    }  # fmt: skip


def test_on_update_can_be_set_later():
    """Views that were taken before tell through it too."""
    config, told = Config({"a": {"b": {}}}), []
    inner = config["a"]["b"]
    config.on_update = told.append
    inner["c"] = 1
    assert told == [{"a": {"b": {"c": 1}}}]


@settings(deadline=None)
@given(configs, st.lists(configs, max_size=4))
def test_replaying_the_updates_gives_the_config(start, updates):
    """Whoever merges the told updates in order has the same configuration."""
    told = []
    config = Config(start, on_update=told.append)
    replayed = Config(start)
    for update in updates:
        config.update(update)
    for update in told:
        assert json.loads(json.dumps(update)) == update
        replayed.update(update)
    assert replayed.to_dict() == config.to_dict()


def test_nothing_inside_is_given_away():
    """Neither results nor told updates nor inputs share anything with the configuration."""
    told, source = [], {"layers": [1, {"a": 1}]}
    config = Config({}, on_update=told.append)
    config.update(source)
    source["layers"].append(2)
    told[0]["layers"][1]["a"] = 2
    config["layers"].append(3)
    config.to_dict()["layers"].append(4)
    assert config.to_dict() == {"layers": [1, {"a": 1}]}


def test_a_refused_write_changes_nothing():
    """A write that cannot be kept is neither merged nor told."""
    told = []
    config = Config({"a": 1}, on_update=told.append)
    cycle = []
    cycle.append(cycle)
    with pytest.raises(ConfigError):
        config.update(a=2, b=cycle)
    with pytest.raises(ConfigError, match="set it to None"):
        del config["a"]
    assert (config.to_dict(), told) == ({"a": 1}, [])


def test_a_view_of_a_replaced_mapping_says_so():
    """A view whose mapping was replaced by a value refuses instead of writing elsewhere."""
    config = Config({"model": {"depth": 2}})
    view = config["model"]
    config["model"] = 3
    with pytest.raises(ConfigError, match=r"config\.model is no mapping anymore"):
        view["depth"] = 4


def test_it_is_a_mapping():
    """Equality, length, iteration and unpacking are those of the dict."""
    data = {"a": 1, "model": {"depth": 2}}
    config = Config(data)
    assert config == data
    assert (len(config), list(config), dict(**config["model"])) == (2, ["a", "model"], {"depth": 2})
    assert repr(config) == f"Config({data})"
    assert config.setdefault("a", 5) == 1


def test_copies_are_independent():
    """Copies and pickles are configurations of their own that tell nobody."""
    told = []
    config = Config({"a": {"b": 1}}, on_update=told.append)
    for twin in (copy.copy(config), copy.deepcopy(config), pickle.loads(pickle.dumps(config))):
        twin["a"]["b"] = 2
        assert twin == {"a": {"b": 2}}
    assert pickle.loads(pickle.dumps(config["a"])) == {"b": 1}
    assert (config, told) == ({"a": {"b": 1}}, [])


def test_threads_may_write_at_the_same_time():
    """No update is lost and each is told once."""
    told = []
    config = Config(on_update=told.append)

    def write(number):
        for i in range(50):
            config.update({"x": {f"{number}-{i}": i}})

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(config["x"]) == len(told) == 200


# ------------------------------------------------------------------------------------- names

VALUES = {"lr": 3e-4, "model": {"depth": 2, "name": "vit"}, "a.b": 1, "none": None, "on": True}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("plain", "plain"),
        ("lr-ablation-{lr}", "lr-ablation-0.0003"),
        ("{lr:.1e}", "3.0e-04"),
        ("{model.name}-{model.depth:03d}", "vit-002"),
        ("{a.b}", "1"),
        ("{{lr}}", "{lr}"),
        ("{none}-{on}", "None-True"),
        ("{model.name:>5}", "  vit"),
    ],
)
def test_names_are_built_from_values(template, expected):
    """Keys and formats are replaced by the values."""
    assert expand_name(template, VALUES) == expand_name(template, Config(VALUES)) == expected


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{lrr}", r"no key 'lrr' \(did you mean 'lr'\?\)"),
        ("{model.dept}", "did you mean 'model.depth'"),
        ("{lr.__class__}", "no key"),
        ("{model[depth]}", "no key"),
        ("{lr!r}", "write {key}"),
        ("{}", "write {key}"),
        ("{0}", "no key"),
        ("{lr:{width}}", "format"),
        ("{lr:999999999}", "format"),
        ("{lr:.999999f}", "format"),
        ("{lr:%Y}", "format"),
        ("{model.name:d}", "'vit'"),
        ("{model}", "is a dict"),
        ("{lr", "not valid"),
        ("}", "not valid"),
    ],
)
def test_names_that_cannot_be_built_are_refused(template, message):
    """Unknown keys, tricks and formats out of bounds are refused."""
    with pytest.raises(ConfigError, match=message):
        expand_name(template, VALUES)


@settings(deadline=None)
@given(st.text(max_size=30))
def test_any_template_gives_a_name_or_a_config_error(template):
    """No text makes anything but a name or the one error."""
    with contextlib.suppress(ConfigError):
        assert isinstance(expand_name(template, VALUES), str)
