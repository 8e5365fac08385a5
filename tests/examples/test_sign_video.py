"""The example `sign_video`: clips from a folder, drawn hands, and the fifteen sections."""

import csv
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from example_files import load_example

import epochal

FOLDER = Path(__file__).parents[2] / "examples" / "sign_video"

TINY = {
    "data": {"frames": 4, "side": 8, "clips_per_word": 2, "held_out_share": 0.25},
    "model": {"channels": 8, "condition": 8},
    "diffusion": {"timesteps": 20, "sampling_steps": 3},
    "training": {"epochs": 2, "batch_size": 4, "sample_every": 1, "keep_checkpoints": 1},
    "cadence": dict.fromkeys(("performance", "gradients", "parameters", "histograms", "noise"), 2),
    "logging": {"DIAGNOSTIC_LOG_EVERY_STEPS": 2},
}
SECTIONS = {
    "01_Training", "02_Loss_Components", "03_Epoch_Summary", "04_Learning_Rate", "05_Performance",
    "06_Diffusion", "07_Noise_Analysis", "08_Model_Architecture", "09_Parameter_Stats",
    "10_Parameter_Histograms", "11_Gradient_Stats", "12_Generated_Samples",
    "13_Noise_Visualization", "14_System", "15_Configuration",
}  # fmt: skip
EPOCH_COLUMNS = (
    "epoch duration_s train_loss_mean train_loss_std train_loss_min train_loss_max val_loss"
    " learning_rate grad_norm_avg grad_norm_max samples_processed ema_step_counter"
).split()
PATIENCE_S = 60


@pytest.fixture(scope="module")
def example():
    """The training file as a module; its module of data is `example.data`."""
    pytest.importorskip("torch")
    return load_example("sign_video")


@pytest.fixture
def arguments(tmp_path, monkeypatch):
    """A command line with a tiny config, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    config = yaml.safe_load((FOLDER / "config.yaml").read_text(encoding="utf-8"))
    for section, values in TINY.items():
        config[section] |= values
    Path("config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return ["--config", "config.yaml", "--seed", "3", "--no-wandb"]


def film(frames: int, level: int) -> np.ndarray:
    """A clip (frames, 16, 24) whose middle square is as bright as said, the sides white."""
    clip = np.full((frames, 16, 24), 255, np.uint8)
    clip[:, :, 4:20] = level
    return clip


def test_clips_of_all_kinds_are_read_from_a_folder(example, tmp_path):
    """GIF, MP4, arrays and folders of pictures become clips of one size with captions."""
    pil = pytest.importorskip("PIL.Image")
    av = pytest.importorskip("av")
    hello, thanks = tmp_path / "hello", tmp_path / "thank_you"
    (thanks / "b").mkdir(parents=True)
    hello.mkdir()
    frames = [pil.fromarray(each) for each in film(5, 51)]
    for number, frame in enumerate(frames):  # equal frames of a GIF would be merged into one
        frame.putpixel((0, 0), 10 * number)
    frames[0].save(hello / "a.gif", save_all=True, append_images=frames[1:])
    np.save(thanks / "a.npy", np.repeat(film(6, 102)[..., None], 3, axis=-1) / 255)
    for number, frame in enumerate(film(4, 153)):
        pil.fromarray(frame).save(thanks / "b" / f"{number:02}.png")
    (thanks / "b.txt").write_text("thank you very much\n", encoding="utf-8")
    with av.open(hello / "b.mp4", "w") as container:
        stream = container.add_stream("h264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 24, 16, "yuv420p"
        for each in film(7, 204):
            picture = av.VideoFrame.from_ndarray(np.repeat(each[..., None], 3, -1), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())

    clips, captions = example.data.load_folder(tmp_path, frames=3, side=8)
    assert clips.shape == (4, 1, 3, 8, 8)
    assert captions == ["hello", "hello", "thank you", "thank you very much"]
    levels = [float((clip.mean() + 1) / 2) for clip in clips]
    assert levels == pytest.approx([0.2, 0.8, 0.4, 0.6], abs=0.03)


def test_frames_come_from_all_over_a_clip(example):
    """Of five frames the first, the middle and the last are taken, scaled to -1 to 1."""
    import torch

    clip = torch.linspace(0, 1, 5)[:, None, None].expand(5, 6, 4)
    fitted = example.data.fit(clip, frames=3, side=2)
    assert fitted.shape == (1, 3, 2, 2)
    assert fitted[0, :, 0, 0].tolist() == [-1.0, 0.0, 1.0]


def test_a_folder_without_clips_is_named(example, tmp_path):
    """An empty folder is an error that says where and what was looked for."""
    with pytest.raises(ValueError, match=r"no clips in .*\.gif"):
        example.data.load_folder(tmp_path, frames=2, side=8)


def test_every_word_is_another_movement(example):
    """Drawn clips repeat with their seed, move, and differ between words more than within one."""
    data = example.data
    clips, captions = data.draw_clips(data.WORDS, 6, frames=8, side=24, seed=4)
    again, _ = data.draw_clips(data.WORDS, 6, frames=8, side=24, seed=4)
    assert clips.equal(again)
    assert captions[::6] == list(data.WORDS)
    assert float(clips.min()) >= -1
    assert float(clips.max()) <= 1
    assert ((clips[:, :, 1:] - clips[:, :, :-1]).abs().amax((1, 2, 3, 4)) > 0.3).all()
    words = clips.unflatten(0, (-1, 6)).mean(1)
    for number, word in enumerate(words):
        far = (words - word).square().mean((1, 2, 3, 4))
        assert int((far < 0.005).sum()) == 1, f"{data.WORDS[number]} looks like another word"


def test_words_are_numbered(example):
    """Captions become numbers of their words, with 0 behind the last one."""
    vocabulary = example.Vocabulary(["hello", "thank you", "hello you"])
    assert vocabulary.words == ["hello", "thank", "you"]
    assert vocabulary.encode(["thank you", "Hello"]).tolist() == [[2, 3], [1, 0]]


def test_velocity_holds_noise_and_clip(example):
    """From a noisy clip and its true velocity noise comes back, and the sampler draws the clip."""
    import torch

    process = example.Process("linear", 200, 20, guidance=1.5)
    clip, t = torch.rand(3, 1, 2, 4, 4) * 2 - 1, torch.tensor([0, 100, 199])
    noise = torch.randn_like(clip)
    noisy = process.add_noise(clip, noise, t)
    velocity = process.velocity(clip, noise, t)
    assert torch.allclose(process.noise(noisy, velocity, t), noise, atol=1e-4)

    def knows(x, t, _):
        signal, spread = process.shares(t)
        return process.velocity(clip[:1], (x - signal * clip[:1]) / spread, t)

    drawn = process.sample(knows, torch.ones(1, 1).long(), clip.shape[1:])
    assert torch.allclose(drawn, clip[:1], atol=1e-3)


def test_parts_of_the_loss_add_up(example):
    """Content and motion are the whole mean squared error; a still error is content only."""
    import torch

    error = torch.randn(2, 1, 4, 3, 3)
    parts = example.parts_of_loss(error)
    assert torch.allclose(sum(parts.values()), error.square().mean())
    still = example.parts_of_loss(error[:, :, :1].expand(-1, -1, 4, -1, -1))
    assert float(still["loss/motion"]) == pytest.approx(0, abs=1e-12)


def test_a_tiny_training_is_recorded(example, arguments, capsys):
    """The command line trains, and leaves rows of epochs, clips and checkpoints."""
    example.main(arguments)

    run = epochal.open("runs").runs()[0]
    assert (run.project, run.name, run.state, run.seed) == (
        "sign-video", "signs-seed3", "finished", 3,
    )  # fmt: skip
    assert run.series("val_loss").epochs.tolist() == [1, 2]
    for key in ("samples/video", "samples/grid"):
        assert len(run.media[key]) == 2
    assert run.media["samples/video"][-1].about["frames"] == 4
    assert "gradients/histograms/first.weight" in run.media
    saved = {path.name for path in (Path(run.dir) / "checkpoints").iterdir()}
    assert saved >= {"checkpoint_epoch_2_step_6.pt", "best_model.pt", "final_model.pt"}
    assert run.checkpoints
    error = run.series("val_loss").values[-1]
    assert f"held-out noise MSE {error:.4f}, of the EMA" in capsys.readouterr().out
    path = Path(run.dir) / "csv" / "signs-seed3_epochs.csv"
    rows = wait_for(lambda: table(path), enough=2)
    assert set(rows[0]) >= set(EPOCH_COLUMNS)
    assert all(row[name] for row in rows for name in EPOCH_COLUMNS)


def test_all_fifteen_sections_are_filled(example, arguments, monkeypatch):
    """TensorBoard's own reader finds something in each of the numbered sections."""
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    pytest.importorskip("psutil")
    monkeypatch.setenv("EPOCHAL_LOG_SYSTEM", "true")
    monkeypatch.setattr("epochal.probes.sampler.FIRST_AFTER_S", 0.01)  # the training is short

    example.main(arguments)

    folder = f"{epochal.open('runs').runs()[0].dir}/tensorboard"

    def sections() -> set[str]:
        tags = events.EventAccumulator(folder).Reload().Tags()
        names = (tag for found in tags.values() if isinstance(found, list) for tag in found)
        return {name.partition("/")[0] for name in names} & SECTIONS

    assert wait_for(sections, enough=len(SECTIONS)) == SECTIONS


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file; none while it is not there."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return list(csv.DictReader(text.splitlines()))


def wait_for(look, enough: int):
    """What `look` returns, as soon as it is as much as is wanted, or the time is up."""
    deadline = time.monotonic() + PATIENCE_S
    while len(found := look()) < enough and time.monotonic() < deadline:
        time.sleep(0.1)
    return found
