"""What is there of a run's checkpoints."""

import os

from epochal.read.view import RunView


def seen(run):
    """The run as a reader sees it now."""
    run.flush()
    return RunView(run.dir)


def files(run):
    """Names in the folder of checkpoints, sorted."""
    return sorted(os.listdir(os.path.join(run.dir, "checkpoints")))


def saved_steps(run):
    """Steps of the checkpoints that a reader sees."""
    return [each.step for each in seen(run).checkpoints]
