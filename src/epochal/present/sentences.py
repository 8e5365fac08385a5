r"""Sentences for a paper, from a run's config and from results: to paste, in LaTeX and Markdown.

What was not recorded is never written: it is listed.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from epochal.core.errors import EvidenceError
from epochal.markup import latex
from epochal.markup.cells import Number
from epochal.present.paragraph import Paragraph, Piece, Pieces, listed, paragraph, sentence
from epochal.present.setup_keys import KEYS, Found, find
from epochal.present.sources import runs_of
from epochal.present.tables.comparison import Compared, unit_of
from epochal.present.tables.training import Training, training
from epochal.read.view import RunView

_NAMES = {
    name.lower(): name
    for name in ("Adam AdamW SGD RMSprop Adagrad Adadelta Adafactor NAdam RAdam Lion LAMB LARS Muon"
                 " Shampoo SOAP").split()
}  # fmt: skip
_PER_DEVICE = ("per_device", "per_gpu", "micro_")


def setup_paragraph(run: Any, key_map: Mapping[str, Sequence[str]] = KEYS) -> Paragraph:
    """Return how a run was trained, in the words of its config.

    Args:
        run: a run, its folder, or a config.
        key_map: what → keys of the config; what it leaves out is looked for as in
            :data:`epochal.present.setup_keys.KEYS`.

    Raises:
        EvidenceError: several runs, or the key map has something that is not said here.

    Example:
        >>> found = setup_paragraph({"optimizer": "adamw", "lr": 3e-4, "batch_size": 32})
        >>> print(found)
        We train with AdamW, a learning rate of 0.0003 and a batch size of 32.
        >>> found.missing[:2]
        ('warm-up steps', 'schedule')
    """
    if unknown := set(key_map) - set(KEYS):
        raise EvidenceError(
            f"the key map has {min(unknown)!r}, and a set-up paragraph says only: {', '.join(KEYS)}"
        )
    config = run if isinstance(run, Mapping) else _one(run).config
    known = {what: find(config, names) for what, names in {**KEYS, **key_map}.items()}
    parts = [part for part in _setup_parts(known) if part]
    epochs = _value(known["epochs"])
    lead: list[Piece] = ["We train"]
    if epochs is not None:
        lead += [" for ", epochs, " epoch" if known["epochs"].value == 1 else " epochs"]
    lead += [" with "] if parts else []
    sentences = [[*lead, *listed(parts), "."]] if parts or epochs is not None else []
    return paragraph(sentences, tuple(_missing(known)))


def results_paragraph(result: Any) -> Paragraph:
    """Return what came out: of a run its losses and what it took, of a comparison its verdicts.

    Args:
        result: what ``epochal.compare`` returns, or a run, or its folder.

    Raises:
        EvidenceError: several runs.

    Example:
        >>> import epochal, tempfile
        >>> with epochal.init(project="doc", dir=tempfile.mkdtemp(), follow="off") as run:
        ...     run.log({"val/loss": 0.25}, step=7)
        >>> str(results_paragraph(RunView(run.dir))).split(" Training")[0]
        'The best validation loss is 0.25.'
    """
    compared = hasattr(result, "verdicts")
    return _of_comparison(result) if compared else _of_run(training(_one(result)))


def figure_environment(path: str | os.PathLike[str], caption: str, label: str = "") -> str:
    r"""Return a LaTeX figure; the file is included at its own size, as it was drawn for the column.

    Args:
        path: of the figure as LaTeX finds it, mostly relative to the paper.
        caption: literal text.
        label: for ``\ref``; default: "fig:" and the file's name.

    Raises:
        EvidenceError: the path has a character that LaTeX cannot have in a file name.

    Example:
        >>> print(figure_environment("figures/loss.pdf", "Loss, 5 % of it."))
        \begin{figure}
        \centering
        \includegraphics{figures/loss.pdf}
        \caption{Loss, 5~\% of it.}
        \label{fig:loss}
        \end{figure}
        <BLANKLINE>
    """
    name = os.fspath(path).replace(os.sep, "/")
    if wrong := re.search(r"[^\w/.,:+=@ ()-]", name):
        raise EvidenceError(
            f"the figure's path {name!r} has {wrong[0]!r}, which LaTeX does not take in the name of"
            " a file: rename it"
        )
    stem = os.path.splitext(os.path.basename(name))[0]
    lines = [
        r"\begin{figure}", r"\centering", rf"\includegraphics{{{name}}}",
        rf"\caption{{{latex.escape(caption)}}}",
        rf"\label{{{latex.label_of(label or f'fig:{stem}')}}}", r"\end{figure}", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _one(given: Any) -> RunView:
    runs = runs_of(given)
    if len(runs) > 1:
        raise EvidenceError(f"a paragraph is about one run, and these are {len(runs)}: choose one")
    return runs[0]


# -- set-up ----------------------------------------------------------------------------------


def _setup_parts(known: Mapping[str, Found]) -> Iterator[Pieces]:
    if (optimizer := known["optimizer"].value) is not None:
        name = _last_part(str(optimizer))
        yield [_NAMES.get(name.lower(), name)]
    if (rate := _value(known["learning rate"])) is not None:
        yield ["a learning rate of ", rate]
    yield _warm_up(known)
    if (schedule := known["schedule"].value) is not None:
        yield [_schedule(_last_part(str(schedule)))]
    if (decay := _value(known["EMA decay"])) is not None:
        yield ["an exponential moving average of the weights (decay ", decay, ")"]
    yield _batch(known)


def _warm_up(known: Mapping[str, Found]) -> Pieces:
    steps, share = known["warm-up steps"].value, known["warm-up share"].value
    for value, unit in ((steps, " steps"), (share, " % of the training")):
        if value == 0:
            return ["no warm-up"]
        if isinstance(value, str):
            return [f"a warm-up over {value}"]
        if value is not None:
            amount = 100 * value if value is share else value
            return ["a warm-up over ", Number(amount, digits=6), unit]
    return []


def _schedule(name: str) -> str:
    if name.lower() in ("none", "no", "off", "false", "null"):
        return "no learning-rate schedule"
    if not name.isalpha() or not name.islower():
        return f"the learning-rate schedule {name}"
    article = "an" if name[0] in "aeiou" else "a"
    return f"{article} {name} learning-rate schedule"


def _batch(known: Mapping[str, Found]) -> Pieces:
    found, times = known["batch size"], known["accumulation steps"].value
    size = found.value
    if size is None:
        return []
    where = " for each device" if found.key.startswith(_PER_DEVICE) else ""
    if not isinstance(size, int) or not isinstance(times, int):
        return ["a batch size of ", _piece(size), where]
    made: list[Piece] = ["an effective batch size of ", Number(size * times), where]
    if times == 1:
        return [*made, " (no gradient accumulation)"]
    return [*made, " (", Number(size), " \u00d7 ", Number(times), " accumulation steps)"]


def _missing(known: Mapping[str, Found]) -> Iterator[str]:
    # A warm-up is given in steps or as a share.
    share = known["warm-up share"]
    instead = ["warm-up share", *(["warm-up steps"] if share.value is not None else [])]
    for what, found in known.items():
        if found.contradicting:
            yield f"{what} ({' and '.join(found.contradicting)} differ)"
        elif found.value is None and what not in instead:
            yield what


def _last_part(name: str) -> str:
    """Return the name of a class that is given with its module, as in ``torch.optim.AdamW``."""
    return name.rpartition(".")[2] if re.fullmatch(r"\w+(\.\w+)+", name) else name


def _value(found: Found) -> Piece | None:
    return None if found.value is None else _piece(found.value)


def _piece(value: Any) -> Piece:
    return value if isinstance(value, str) else Number(value, digits=6)


# -- results ---------------------------------------------------------------------------------


def _of_run(found: Training) -> Paragraph:
    losses = {
        "best validation loss": found.best_val_loss,
        "final training loss": found.final_train_loss,
    }
    missing = [what for what, value in losses.items() if value is None]
    parts: list[Pieces] = [
        [f"the {what} is ", Number(value)] for what, value in losses.items() if value is not None
    ]
    sentences: list[Pieces] = [[*listed(parts), "."]] if parts else []
    took: list[Piece] = ["Training took ", *_duration(found.hours or 0.0)]
    if found.steps is not None:
        took += [" for ", Number(found.steps), " steps"]
    if found.epochs is not None:
        took += [" in " if found.steps is not None else " for ", Number(found.epochs), " epochs"]
    sentences.append([*took, "."])
    if found.parameters is None:
        missing.append("parameters")
    else:
        sentences.append(["The model has ", Number(found.parameters), " parameters."])
    return paragraph(sentences, tuple(missing), found.remarks)


def _duration(hours: float) -> Pieces:
    units = ((hours, "hours"), (60 * hours, "minutes"), (3600 * hours, "seconds"))
    value, unit = next((each for each in units if each[0] >= 1), units[-1])
    return [Number(value, digits=3), f" {unit}"]


def _of_comparison(compared: Compared) -> Paragraph:
    way = {"minimize": " (lower is better)", "maximize": " (higher is better)"}
    first = (
        f"We compare {len(compared.groups)} settings by the {compared.statistic} {compared.metric}"
        f" of each run{way.get(compared.goal or '', '')}: "
    )
    unit = unit_of(compared)
    means: list[Pieces] = []
    for name, group in compared.groups.items():
        estimate = group.estimate
        error = (estimate.high - estimate.low) / 2
        known = not math.isnan(error)
        about = f"{100 * estimate.level:g} % {estimate.method}, " if known else ""
        means.append(
            [f"{name} ", Number(estimate.value, error if known else None, unit=unit),
             f" ({about}n = {estimate.n})"]
        )  # fmt: skip
    sentences: list[Pieces] = [[first, *listed(means), "."]]
    sentences += [[sentence(str(verdict))] for verdict in compared.verdicts]
    return paragraph(sentences, (), tuple(compared.guards))
