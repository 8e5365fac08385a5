"""The numbered sections of the sink `tensorboard`, read with TensorBoard's own reader."""

import importlib.util
import math
import struct
import sys
import time
from pathlib import Path

import numpy as np
import pytest

if importlib.util.find_spec("tensorboard") is None:
    pytest.skip("the package tensorboard is not installed", allow_module_level=True)

from tensorboard.backend.event_processing import event_accumulator

import epochal
from epochal.core.records import RunInfo
from epochal.follow.follower import Follower
from epochal.sinks.tensorboard import sections
from epochal.sinks.tensorboard.files import TensorBoardSink
from epochal.sinks.tensorboard.sections import SECTIONS
from epochal.testing import event, rows

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from recorded import new_run

__all__ = ["new_run"]

PICTURE = np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)

LITERAL = {
    "train/loss": ["01_Training/Loss"],
    "lr": ["01_Training/Learning_Rate", "04_Learning_Rate/Step_LR"],
    "gradients/norm": ["01_Training/Gradient_Norm", "11_Gradient_Stats/Total_Gradient_Norm"],
    "train/loss_kl": ["02_Loss_Components/KL"],
    "performance/samples_per_s": ["05_Performance/Samples_Per_Second"],
    "performance/steps_per_s": ["05_Performance/Steps_Per_Second"],
    "diffusion/noise_mse": ["06_Diffusion/Noise_Prediction_MSE"],
    "diffusion/snr": ["06_Diffusion/Signal_to_Noise_Ratio"],
    "diffusion/beta": ["06_Diffusion/Beta"],
    "noise/predicted_mean": ["07_Noise_Analysis/Predicted_Mean"],
    "noise/true_std": ["07_Noise_Analysis/Actual_Std"],
    "noise/correlation": ["07_Noise_Analysis/Noise_Correlation"],
    "parameters/layers/down.0.weight/mean": ["09_Parameter_Stats/down/0/weight/Mean"],
    "gradients/layers/down.0.weight/norm": ["11_Gradient_Stats/down/0/weight/Norm"],
    "samples/mean": ["12_Generated_Samples/Sample_Mean"],
}
"""Names that scripts of others read, and what they are made of."""

INSTRUMENTS = """
    gradients/norm gradients/norm_mean gradients/norm_max gradients/max_abs
    gradients/layers/a.weight/norm gradients/layers/a.weight/mean gradients/layers/a.weight/std
    gradients/norm_before_clip gradients/norm_after_clip gradients/clipped gradients/clip_threshold
    amp/loss_scale amp/skipped_steps
    parameters/norm parameters/mean parameters/std parameters/max_abs parameters/update_ratio
    parameters/distance parameters/layers/a.weight/norm parameters/layers/a.weight/mean
    parameters/layers/a.weight/std parameters/layers/a.weight/update_ratio
    numerics/nan_loss numerics/inf_loss numerics/nan_gradients numerics/inf_gradients
    numerics/nan_parameters numerics/inf_parameters
    performance/samples_per_s performance/batches_per_s performance/steps_per_s
    performance/tokens_per_s performance/step_s performance/epoch_s performance/elapsed_s
    performance/data_wait_share
    lr lr/decoder lr/1 schedule/last_epoch schedule/best
    ema/distance ema/relative_distance ema/steps
    diffusion/noise_mse diffusion/snr diffusion/snr_db diffusion/beta diffusion/alpha_bar
    diffusion/timestep_mean diffusion/timestep_std diffusion/loss/t0-99 diffusion/loss/t100-199
    noise/predicted_mean noise/predicted_std noise/predicted_min noise/predicted_max
    noise/true_mean noise/true_std noise/true_min noise/true_max noise/correlation noise/cosine
    data/mean data/std data/min data/max samples/mean samples/std
    model/parameters model/trainable_parameters model/bytes model/depth
    system/cpu_percent system/memory_used_mib system/process_memory_mib system/disk_free_mib
    system/disk_read_mib_per_s system/gpu0/torch_allocated_mib system/gpu0/torch_reserved_mib
    system/gpu0/torch_peak_mib system/gpu0/memory_used_mib system/gpu0/utilization_percent
    system/gpu1/torch_allocated_mib system/sampler_ms
    train/loss train/loss_kl train/accuracy val/loss val/perplexity val/loss_kl test/accuracy
    train/loss_min train/loss_max
""".split()
"""Names that instruments and the sampler of the machine give."""


def accumulated(folder):
    """Reads a folder of event files with TensorBoard's reader, everything of it."""
    keep_all = dict.fromkeys(event_accumulator.DEFAULT_SIZE_GUIDANCE, 0)
    return event_accumulator.EventAccumulator(str(folder), size_guidance=keep_all).Reload()


def tags_of(reader):
    """The tags of all kinds."""
    found = reader.Tags()
    return {tag for kind in ("scalars", "images", "tensors", "histograms") for tag in found[kind]}


def texts_of(reader, tag):
    """The texts of a tag."""
    return [each.tensor_proto.string_val[0].decode() for each in reader.Tensors(tag)]


def points(reader, tag):
    """(step, value) of all points of a tag."""
    return [(point.step, point.value) for point in reader.Scalars(tag)]


def single(number):
    """Rounds to single precision."""
    return struct.unpack("<f", struct.pack("<f", number))[0]


def mirrored(run, **options):
    """Mirrors a finished run into sections and gives TensorBoard's reader."""
    sink = TensorBoardSink(layout="sections", **options)
    assert Follower(run.dir, sink).finish(time.monotonic() + 60)
    return accumulated(Path(run.dir, "tensorboard"))


def sink_on(folder, config=None, state=None, **options):
    """An open sink with sections, without a run."""
    sink = TensorBoardSink(layout="sections", **options)
    about = RunInfo("a1b2c3d4e5", "Run 1", "p", "run-1", str(folder), config or {}, created_s=1e9)
    sink.open(about, state)
    return sink


@pytest.fixture
def full_run(new_run):
    """A finished run with something for every section."""
    run = new_run(config={"batch_size": 8, "model": {"depth": 12}, "optimizer": "adam|w"})
    for step in range(3):
        run.log(dict.fromkeys(LITERAL, (step + 1) / 7), step=step)
    run.log({"train/loss": 0.3, "gradients/norm": 0.7, "performance/epoch_s": 60.5}, epoch=4)
    run.record_background({"system/gpu0/torch_allocated_mib": 1536.0}, "system")
    run.summary["model/parameters"] = 124_000_000
    run.summary["model/trainable_parameters"] = 1000
    run.summary["something else"] = 1.0
    run.log(
        {
            "model/layers": epochal.Table(["name", "parameters"], [["down.0", 64]]),
            "model/tree": "Net(\n  (down): Linear(8, 8)\n)",
            "parameters/histograms/down.0.weight": epochal.Histogram([1.0, 2.0, 2.5]),
            "gradients/histograms/down.0.weight": epochal.Histogram([1.0, 2.0, 2.5]),
            "diffusion/timesteps": epochal.Histogram([1.0, 2.0, 2.5]),
            "samples/grid": epochal.Image(PICTURE, caption="at the end"),
            "noise/comparison": epochal.Image(PICTURE),
        },
        step=2,
    )
    run.finish()
    return run


# -- what stands where -----------------------------------------------------------------------


def test_every_section_is_filled(full_run):
    """All fifteen sections are there, and nothing else."""
    found = {tag.partition("/")[0] for tag in tags_of(mirrored(full_run))}
    assert found - {"_hparams_"} == set(SECTIONS)
    assert len(SECTIONS) == 15


def test_values(full_run):
    """Every point of every metric is there at its step, in single precision."""
    reader = mirrored(full_run)
    for name, tags in LITERAL.items():
        for tag in tags:
            expected = [(step, single((step + 1) / 7)) for step in range(3)]
            assert points(reader, tag) == expected, (name, tag)


def test_media_and_texts(full_run):
    """Media and texts stand in their sections, with their captions."""
    reader = mirrored(full_run)
    found = reader.Tags()
    assert {"12_Generated_Samples/Grid", "13_Noise_Visualization/Noise_Comparison"} == set(
        found["images"]
    )
    assert {
        "10_Parameter_Histograms/down/0/weight",
        "11_Gradient_Stats/down/0/weight/Histogram",
        "06_Diffusion/Timestep_Distribution",
        "12_Generated_Samples/Grid/caption",
    } <= set(found["tensors"])
    assert "| down.0 | 64 |" in texts_of(reader, "08_Model_Architecture/Layers")[0]
    tree = texts_of(reader, "08_Model_Architecture/Tree")[0]
    assert tree == "    Net(\n      (down): Linear(8, 8)\n    )"


def test_memory_is_in_gb(full_run):
    """The unit that stands in the name is that of the value: 1536 MiB are 1.5 GB of 1024³ bytes."""
    reader = mirrored(full_run)
    (point,) = points(reader, "14_System/GPU_Memory_Allocated_GB")
    assert point[1] == 1.5


def test_model_record(full_run):
    """What the run's summary says of the model are numbers; the rest of it is not shown."""
    reader = mirrored(full_run)
    assert points(reader, "08_Model_Architecture/Total_Parameters") == [(0, 124_000_000.0)]
    assert points(reader, "08_Model_Architecture/Trainable_Parameters") == [(0, 1000.0)]
    assert not [tag for tag in tags_of(reader) if "something" in tag.lower()]


def test_configuration(full_run):
    """The configuration is a table, and its usual numbers are numbers."""
    reader = mirrored(full_run)
    (table,) = texts_of(reader, "15_Configuration/Config")
    assert "| model.depth | 12 |" in table
    assert r"| optimizer | adam\|w |" in table
    assert points(reader, "15_Configuration/Batch_Size") == [(0, 8.0)]


def test_configuration_that_changes(new_run):
    """A change of the configuration gives a new table; secrets are not in it."""
    run = new_run(config={"lr": 0.1, "hub": {"token": "abcdefgh12345678"}})
    run.config["depth"] = 3
    run.finish()
    tables = texts_of(mirrored(run), "15_Configuration/Config")
    assert ["depth" in table for table in tables] == [False, True]
    assert not any("abcdefgh" in table for table in tables)


def test_configuration_is_kept_out(full_run):
    """Without hparams the configuration is nowhere."""
    reader = mirrored(full_run, hparams=False)
    assert not [tag for tag in tags_of(reader) if tag.startswith(("15_", "_hparams_"))]


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_every_instrument_has_a_section(name):
    """What instruments and the sampler give stands in a section, by step and in an epoch's row."""
    for places in (sections.of_number(name), sections.of_epoch(name)):
        assert places
        assert {place.tag.partition("/")[0] for place in places} <= set(SECTIONS)
        assert all(not place.tag.endswith("/") for place in places)


def test_no_place_is_shared():
    """Two metrics of instruments never have one place."""
    for find in (sections.of_number, sections.of_epoch):
        tags = [place.tag for name in INSTRUMENTS for place in find(name)]
        assert len(tags) == len(set(tags))


@pytest.mark.torch
def test_what_instruments_give(new_run):
    """What the instruments measure on a model stands in the sections."""
    torch = pytest.importorskip("torch")
    from epochal.measure import Gradients, Histograms, Parameters, describe_model

    model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Linear(3, 1))
    model(torch.ones(2, 4)).sum().backward()
    run = new_run()
    describe_model(model).log(run)
    run.log({**Gradients(model).measure(), **Parameters(model).measure()}, step=1)
    run.log(Histograms(model).measure(), step=1)
    run.finish()
    found = tags_of(mirrored(run))
    assert {tag.partition("/")[0] for tag in found} <= {*SECTIONS, "_hparams_"}
    assert {
        "01_Training/Gradient_Norm",
        "08_Model_Architecture/Total_Parameters",
        "08_Model_Architecture/Parameter_Efficiency",
        "08_Model_Architecture/Layers",
        "09_Parameter_Stats/0/weight/Std",
        "10_Parameter_Histograms/1/bias",
        "11_Gradient_Stats/1/bias/Histogram",
    } <= found


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("system/gpu1/torch_allocated_mib", "14_System/GPU1_Memory_Allocated_GB"),
        ("system/gpu0/memory_used_mib", "14_System/GPU_Memory_Used_GB"),
        ("system/disk_read_mib_per_s", "14_System/Disk_Read_MiB_Per_Second"),
        ("val/loss", "01_Training/Validation_Loss"),
        ("val/loss_kl", "02_Loss_Components/Validation_KL"),
        ("reconstruction_loss", "02_Loss_Components/Reconstruction"),
        ("train/loss_std", "01_Training/Loss_Std"),
        ("ema/distance", "09_Parameter_Stats/EMA_Distance"),
        ("numerics/nan_gradients", "11_Gradient_Stats/NaN_Gradients"),
        ("diffusion/loss/t0-99", "06_Diffusion/Loss/T0-99"),
    ],
)
def test_title_case(name, tag):
    """Names that are given nowhere have the style of those that are."""
    assert [place.tag for place in sections.of_number(name)] == [tag]


def test_other_names_stay(tmp_path):
    """Metrics and texts that fit no section keep their names."""
    sink = sink_on(tmp_path)
    sink.write(rows(1, ("reward", "env/steps", "loss_")))
    sink.write([event("text", key="remark", text="hello", step=1)])
    sink.close()
    assert {"reward", "env/steps", "loss_", "remark"} <= tags_of(
        accumulated(tmp_path / "tensorboard")
    )


# -- rows of epochs --------------------------------------------------------------------------


def test_epochs_are_drawn_against_the_epoch(full_run):
    """A row of an epoch stands in 03 at its epoch, and elsewhere where no row of a step does."""
    reader = mirrored(full_run)
    assert points(reader, "03_Epoch_Summary/Average_Loss") == [(4, single(0.3))]
    assert points(reader, "03_Epoch_Summary/Average_Grad_Norm") == [(4, single(0.7))]
    assert points(reader, "03_Epoch_Summary/Epoch_Time_Seconds") == [(4, 60.5)]
    assert points(reader, "05_Performance/Epoch_Time_Seconds") == [(2, 60.5)]
    assert len(points(reader, "01_Training/Loss")) == 3, "the mean of an epoch is no step's loss"


def test_epochs_before_steps(tmp_path):
    """What rows of epochs alone have stands with the steps, until a row of a step has it."""
    sink = sink_on(tmp_path)
    sink.write(epoch_rows((1, 10), (2, 20)))
    sink.write(rows(1, ("train/loss",), start=21))
    sink.write(epoch_rows((3, 30)))
    sink.close()
    reader = accumulated(tmp_path / "tensorboard")
    assert [step for step, _ in points(reader, "03_Epoch_Summary/Average_Loss")] == [1, 2, 3]
    assert [step for step, _ in points(reader, "01_Training/Loss")] == [10, 20, 21]


def test_a_row_with_step_and_epoch_is_one_of_a_step(tmp_path):
    """A row with both stands where rows of steps stand."""
    sink = sink_on(tmp_path)
    sink.write(rows(2, ("train/loss",), epoch=1))
    sink.close()
    reader = accumulated(tmp_path / "tensorboard")
    assert points(reader, "01_Training/Loss") == [(1, 1.0), (2, 2.0)]


def epoch_rows(*pairs):
    """Rows of epochs, of (epoch, last step)."""
    return [
        row._replace(epoch=epoch, step_given=False, step=step)
        for (epoch, step), row in zip(pairs, rows(len(pairs), ("train/loss",)), strict=True)
    ]


def test_resume_hides_epochs_by_their_step(tmp_path):
    """An epoch that ended after the step from which a run goes on is hidden, others stay."""
    sink = sink_on(tmp_path, {"lr": 0.1})
    sink.write(epoch_rows((1, 100), (2, 200), (300, 150), (3, 250)))
    sink.write([event("summary", values={"model/parameters": 7})])
    sink.flush()
    sink.write([event("resume", after=200, session=2)])
    sink.close()
    reader = accumulated(tmp_path / "tensorboard")
    assert [step for step, _ in points(reader, "03_Epoch_Summary/Average_Loss")] == [1, 2, 300]


def test_resume_keeps_what_belongs_to_no_step(tmp_path):
    """A resume before the first step hides neither the configuration nor the model."""
    sink = sink_on(tmp_path, {"lr": 0.1})
    sink.write([event("summary", values={"model/parameters": 7}), *rows(3, ("train/loss",))])
    sink.flush()
    sink.write([event("resume", after=-5, session=2)])
    sink.close()
    found = tags_of(accumulated(tmp_path / "tensorboard"))
    assert {"15_Configuration/Config", "08_Model_Architecture/Total_Parameters"} <= found
    assert "01_Training/Loss" not in found


# -- switches and names ----------------------------------------------------------------------


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_is_switched_off(full_run, section):
    """A section that is off has nothing, and the others have what they had."""
    everything = tags_of(mirrored(full_run))
    Path(full_run.dir, "follow", "tensorboard.json").unlink()
    left = tags_of(mirrored(full_run, sections={section[:2]: False}))
    assert left == {tag for tag in everything if not tag.startswith(section)}


def test_switches_by_name_and_number(tmp_path):
    """A section is named in full or by its number; True changes nothing."""
    sink = sink_on(tmp_path, sections={"01_Training": False, "4": False, 2: False, "03": True})
    sink.write(rows(1, ("train/loss", "lr", "loss_kl", "gradients/norm")))
    sink.close()
    found = accumulated(tmp_path / "tensorboard").Tags()["scalars"]
    assert found == ["11_Gradient_Stats/Total_Gradient_Norm"]


def test_names_of_the_user_go_first(tmp_path):
    """`names=` goes before the sections, also to keep a plain name, whatever is off."""
    names = {"train/loss": "Loss/Train", "noise/*": "Noise/*", "lr": "lr"}
    sink = sink_on(tmp_path, names=names, sections={"1": False})
    sink.write(rows(1, ("train/loss", "noise/true_mean", "lr", "gradients/norm")))
    sink.close()
    found = accumulated(tmp_path / "tensorboard").Tags()["scalars"]
    total = "11_Gradient_Stats/Total_Gradient_Norm"
    assert found == ["Loss/Train", "Noise/true_mean", "lr", total]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"layout": "section"}, "neither 'plain' nor 'sections'"),
        ({"layout": "sections", "sections": {"16": False}}, "no section '16'"),
        ({"layout": "sections", "sections": {"12_Samples": False}}, "no section '12_Samples'"),
        ({"layout": "sections", "sections": {"12": "off"}}, "neither True nor False"),
        ({"sections": {"12": False}}, "needs layout='sections'"),
    ],
)
def test_wrong_options(options, says):
    """A layout or section that does not exist is refused in words."""
    with pytest.raises(ValueError, match=says):
        TensorBoardSink(**options)


# -- one place, two metrics ------------------------------------------------------------------


def test_a_place_has_one_metric(tmp_path):
    """Of two metrics for one place the first has it; the other keeps its name."""
    sink = sink_on(tmp_path)
    sink.write(rows(2, ("train/loss", "loss")))
    state = sink.flush()
    sink.close()
    again = sink_on(tmp_path, state=state)
    again.write(rows(2, ("loss",), start=3))  # alone in its row, after a new start
    again.close()
    reader = accumulated(tmp_path / "tensorboard")
    assert [step for step, _ in points(reader, "01_Training/Loss")] == [1, 2]
    assert [step for step, _ in points(reader, "loss")] == [1, 2, 3, 4]


def test_going_on_is_like_never_stopping(tmp_path):
    """A mirror that was closed after each record has what one has that was never closed."""
    records = [
        *rows(2, ("loss", "gradients/norm")), event("config", update={"lr": 0.2}),
        *epoch_rows((1, 2), (2, 4)), event("config", update={"model": {"depth": 1}}),
        event("summary", values={"model/depth": 3}), *rows(2, ("train/loss",), start=5),
    ]  # fmt: skip
    whole = sink_on(tmp_path / "a", {"seed": 1})
    whole.write(records)
    whole.close()
    state = None
    for record in records:
        part = sink_on(tmp_path / "b", {"seed": 1}, state=state)
        part.write([record])
        state = part.flush()
        part.close()
    one, other = (accumulated(tmp_path / name / "tensorboard") for name in "ab")
    assert tags_of(one) == tags_of(other)
    for tag in one.Tags()["scalars"]:
        assert points(one, tag) == points(other, tag)
    config = "15_Configuration/Config"
    assert texts_of(one, config) == texts_of(other, config)


def test_special_values(tmp_path):
    """NaN and infinities are there, and a factor leaves them as they are."""
    sink = sink_on(tmp_path)
    values = [math.nan, math.inf, -math.inf, 1e300]
    made = rows(4, ("system/memory_used_mib",))
    sink.write(
        [r._replace(values=dict.fromkeys(r.values, v)) for r, v in zip(made, values, strict=True)]
    )
    sink.write([event("bigint", key="system/disk_free_mib", value=str(2**80), step=1)])
    sink.close()
    reader = accumulated(tmp_path / "tensorboard")
    found = [value for _, value in points(reader, "14_System/Memory_Used_GB")]
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf, math.inf]
    assert points(reader, "14_System/Disk_Free_GB") == [(1, float(2**70))]


def test_by_name(tmp_path):
    """`sinks={"tensorboard": {...}}` of a run takes the layout and the switches."""
    options = {"layout": "sections", "sections": {"4": False}}
    with epochal.init(
        project="p", dir=str(tmp_path), sinks={"tensorboard": options}, capture_environment=False
    ) as run:
        run.log({"train/loss": 0.5, "lr": 0.1}, step=1)
    files, deadline = Path(run.dir, "tensorboard"), time.monotonic() + 60
    while not (files.is_dir() and "01_Training/Loss" in tags_of(accumulated(files))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    found = accumulated(files).Tags()["scalars"]
    assert found == ["01_Training/Loss", "01_Training/Learning_Rate"]


def test_numbers_of_a_nested_configuration(new_run):
    """A nested key is the run's if it is the only one of its name; of two neither is."""
    nested = {"training": {"batch_size": 8, "epochs": 3}, "epochs": 5}
    run = new_run(config={**nested, "generator": {"lr": 0.1}, "critic": {"lr": 0.2}})
    run.finish()
    reader = mirrored(run)
    assert points(reader, "15_Configuration/Batch_Size") == [(0, 8.0)]
    assert points(reader, "15_Configuration/Num_Epochs") == [(0, 5.0)]
    assert (
        "15_Configuration/Learning_Rate" not in reader.Tags()["tensors"] + reader.Tags()["scalars"]
    )
