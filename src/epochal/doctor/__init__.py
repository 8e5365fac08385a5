"""The doctor: does recording work here, from the first row to the sealed file, killed or not?

Nothing is assumed: a run is really written in a temporary folder beside the runs, read back,
sealed and read again; another one is killed and saved.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

from epochal.core.errors import EpochalError
from epochal.doctor import installation, recording
from epochal.doctor.finding import Finding, Patient

__all__ = ["Finding", "examine"]


def examine(base: str) -> Iterator[Finding]:
    """Yield the findings of all checks, one after the other; takes a few seconds.

    Args:
        base: folder of runs, which need not exist; nothing in it is changed.

    Example:
        >>> import tempfile
        >>> next(examine(tempfile.gettempdir())).name
        'Python'
    """
    patient = Patient(base)
    try:
        for name, check in CHECKS.items():
            try:
                yield check(patient)._replace(name=name)
            except Exception as error:  # noqa: BLE001 - a check that breaks is a finding, told
                why = str(error).strip() or type(error).__name__
                remedy = "" if isinstance(error, EpochalError) else "please report this"
                yield Finding(name, "failed", why.splitlines()[-1], remedy)
    finally:
        shutil.rmtree(patient.folder, ignore_errors=True)


CHECKS: dict[str, Callable[[Patient], Finding]] = {
    "Python": installation.python,
    "Packages": installation.packages,
    "Extras": installation.extras,
    "Shared memory": installation.memory,
    "Run folder": installation.folder,
    "Disk": installation.disk,
    "Clock": installation.clock,
    "Machine": installation.machine,
    "Recording": recording.records,
    "Media": recording.media,
    "Mirrors": recording.mirrors,
    "Sealing": recording.seals,
    "Surviving a kill": recording.survives,
    "SQL": recording.queries,
}
