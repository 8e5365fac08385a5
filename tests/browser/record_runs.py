"""Records the runs that the browser looks at: ``python record_runs.py FOLDER``.

Projects: ``text2sign`` (two groups of three seeds, and one run that fails), ``speech`` (one run),
``vision`` (two runs from a repository, with a changed line between them, epochs and an artifact),
``hostile`` (names that would do something, were they not shown literally).
"""

import contextlib
import os
import subprocess
import sys
import time

import numpy as np

import epochal
from epochal.follow import plugins
from epochal.follow.follower import Follower
from epochal.store.seal import seal_run

STEPS = 200
QUIET = {
    "follow": "off", "sinks": ("csv",), "capture_environment": False, "log_system": False,
    "log_memory": False,
}  # fmt: skip
HOSTILE = {
    "image": "<img src=x onerror=window.__ran=1>",
    "script": "<script>window.__ran=1</script>",
    "svg": '"><svg onload=window.__ran=1>',
    "link": "javascript:window.__ran=1",
    "remote": "<img src=http://attacker.invalid/x.png>",
    "markdown": "![x](http://attacker.invalid/y.png) [y](javascript:window.__ran=1)",
    "template": "${window.__ran=1}{{window.__ran=1}}",
    "direction": "\u202eevil\u202c \x1b[31mred\x1b[0m",
}
PAGE = """<!doctype html><p id="inside">logged page</p>
<script>parent.window.__ran = 1; document.cookie = "a=b"</script>
<img src="http://attacker.invalid/z.png">"""
DRAWING = """<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40">
<script>parent.window.__ran = 1</script><circle cx="20" cy="20" r="9"/></svg>"""


def main(folder):
    """Record all of them into a folder."""
    for lr in (0.001, 0.01):
        for seed in range(3):
            training(folder, lr, seed)
    failing(folder)
    with start(folder, project="speech", name="baseline", config={"lr": 0.1}) as run:
        for step in range(50):
            run.log({"wer": 1 / (step + 1)}, step=step)
    complete(run)
    vision(folder)
    hostile(folder)


def start(folder, **arguments):
    """Start a run that starts no other process."""
    return epochal.init(dir=folder, **{**QUIET, **arguments})


def training(folder, lr, seed):
    """Record a training; the first one has media, texts and console output too."""
    first = lr == 0.001 and seed == 0
    config = {
        "lr": lr, "optimizer": {"name": "adam", "betas": [0.9, 0.999]},
        "model": {"depth": 12, "width": 64 if lr < 0.005 else 128},
    }  # fmt: skip
    run = start(
        folder, project="text2sign", name=f"adam-{lr}-s{seed}", group=f"lr-{lr}", config=config,
        tags=["ablation/lr", *(["best"] if first else [])], seed=seed, console=first,
        notes="the *first* of its kind" if first else "",
    )  # fmt: skip
    run.define("val/loss", unit="nats", goal="minimize", range=(0, None))
    run.define("train/accuracy", goal="maximize")
    rng = np.random.default_rng([seed, int(lr * 1000)])
    for step in range(STEPS):
        loss = 2 * np.exp(-step * (0.02 if lr < 0.005 else 0.04)) + 0.05 * rng.standard_normal()
        run.log(
            {"train/loss": loss, "train/accuracy": 1 - loss / 4, "lr": lr * (1 - step / STEPS),
             "grad/norm": abs(rng.standard_normal()) + 0.1},
            step=step,
        )  # fmt: skip
        if step % 20 == 19:
            run.log({"val/loss": loss * 1.1 + 0.01 * rng.standard_normal()}, step=step)
            if first:
                media(run, rng, step)
                sys.stdout.write(f"step {step}: loss {loss:.3f}\n")
    if first:
        sys.stderr.write("a warning on stderr\n")
        run.alert("loss is low", "below 0.1", "info")
    run.finish()
    complete(run)


def media(run, rng, step):
    """Log one of each kind."""
    image = np.zeros((24, 24, 3), np.uint8)
    image[:, : step % 24] = (68, 119, 170)
    tone = np.sin(np.arange(4000) * (step + 20) / 300)
    frames = np.repeat(image[None], 6, 0)
    run.log({
        "samples/image": epochal.Image(image, caption=f"sample at {step}"),
        "samples/pair": [epochal.Image(image), epochal.Image(255 - image)],
        "samples/voice": epochal.Audio(tone, sample_rate=8000),
        "samples/video": epochal.Video(frames, fps=4),
        "weights": epochal.Histogram(rng.normal(step / 100, 1, 2000)),
        "words": epochal.Table(["word", "count"], [["the", step], ["of", 7]]),
        "page": epochal.Html(PAGE),
        "story": epochal.Text(f"Once upon step {step}", prompt="Once", temperature=0.8),
    }, step=step)  # fmt: skip


def failing(folder):
    """Record a run with NaN and infinities that ends with an error."""
    run = start(folder, project="text2sign", name="unstable", config={"lr": 1.0}, seed=0)
    for step in range(80):
        value = {41: float("nan"), 60: float("inf")}.get(step, 1.0 + step)
        run.log({"train/loss": value, "grad/norm": 2.0 * step}, step=step)
    run.finish("failed")
    complete(run)


def vision(folder):
    """Record two runs from a repository; before the second a line is changed."""
    code = f"{folder}-code"
    source = os.path.join(code, "model.py")
    os.makedirs(code)
    write(source, "WIDTH = 4\n")
    me = ["-c", "user.name=me", "-c", "user.email=me@localhost"]
    for words in (["init", "--initial-branch=main"], ["add", "."], [*me, "commit", "-m", "first"]):
        subprocess.run(["git", *words], cwd=code, check=True, capture_output=True)
    before = os.getcwd()
    os.chdir(code)
    for width in (8, 16):
        write(source, f"WIDTH = {width}\n")
        run = start(folder, project="vision", name=f"resnet-{width}", config={"width": width},
                    capture_environment=True, capture_diff=True, follow="process")  # fmt: skip
        for step in range(40):
            run.log({"loss": width / (step + 1)}, step=step, epoch=step / 10)
        write(f"{run.dir}/labels.txt", "cat\ndog\n")
        run.log_artifact(f"{run.dir}/labels.txt", type="dataset")
        run.finish()
        view = epochal.open(folder, project="vision").run(run.id)
        while not view.refresh().git:  # the follower looks at the repository after the start
            time.sleep(0.05)
    os.chdir(before)


def write(path, text):
    """Write a small file."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def hostile(folder):
    """Record runs whose every text is hostile."""
    for key, text in HOSTILE.items():
        run = start(
            folder, project="hostile", name=literal(f"{text} run"), group=f"{text} group", seed=1,
            config={f"{text} key": f"{text} value", "nested": {f"{text} inner": [text]}},
            tags=[f"{text} tag"], notes=f"{text} notes", console=True,
        )  # fmt: skip
        for step in range(5):
            run.log({f"{text}/metric": step * 1.0, "loss": 1.0 + step}, step=step)
        run.define("loss", unit=f"{text} unit")
        run.log({
            f"{text} image": epochal.Image(np.zeros((4, 4, 3), np.uint8), caption=f"{text} cap"),
            f"{text} table": epochal.Table([f"{text} column"], [[f"{text} cell"]]),
            f"{text} text": epochal.Text(f"{text} body", prompt=f"{text} prompt"),
            "page": epochal.Html(PAGE),
        }, step=4)  # fmt: skip
        sys.stdout.write(f"{text} printed\n")
        run.summary[f"{text} summary"] = f"{text} said"
        run.alert(f"{text} alert", f"{text} more", "warn")
        if key == "svg":
            write(f"{run.dir}/drawing.svg", DRAWING)
            write(f"{run.dir}/<img src=x onerror=window.__ran=1>.txt", text)
        if key == "script":
            with contextlib.suppress(RuntimeError), run:
                raise RuntimeError(f"{text} error")
        run.finish()
        complete(run)


def literal(name):
    """Return a name that is no template over the config."""
    return name.replace("{", "{{").replace("}", "}}")


def complete(run):
    """Write the mirrors and seal, as the follower process would."""
    assert Follower(run.dir, plugins.load("csv", {})).finish(time.monotonic() + 60)
    seal_run(run.dir)


if __name__ == "__main__":
    main(sys.argv[1])
