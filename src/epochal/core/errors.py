"""Every error that Epochal raises on purpose.

::

    EpochalError
    ├── SettingError (ValueError)        a setting or argument has a value that is not allowed
    ├── ConfigError (ValueError)         a run's configuration cannot be read
    ├── LogError (ValueError)            strict mode only: what was logged cannot be recorded
    ├── RunFolderError (OSError)         a run folder cannot be made, read or written
    ├── DamageError (RuntimeError)       stored bytes do not match their checksum
    ├── CheckpointError (RuntimeError)   a checkpoint cannot be saved, found or loaded
    ├── NotFoundError (LookupError)      nothing has that name
    │   ├── RunNotFoundError
    │   ├── AmbiguousRunError            a prefix fits several runs
    │   └── MetricNotFoundError
    ├── FilterError (ValueError)         a filter or sort expression is not valid
    ├── QueryError (ValueError)          an SQL query failed
    ├── EvidenceError (ValueError)       numbers cannot answer what a method was asked
    ├── SinkError (RuntimeError)         a mirror cannot be written
    │   └── StartOverError               it must be made again from the first record
    └── MissingExtraError (ImportError)  an optional package is not installed

Each message names the thing, the value and the remedy.  Logging itself never raises any of them
unless the run was started with ``strict=True``.
"""

from __future__ import annotations

from collections.abc import Iterable


class EpochalError(Exception):
    """Base of all errors raised by Epochal."""


class SettingError(EpochalError, ValueError):
    """A setting, argument or environment variable has a value that is not allowed."""


class ConfigError(EpochalError, ValueError):
    """A run's configuration cannot be read or is not a mapping."""


class LogError(EpochalError, ValueError):
    """A value, key or step cannot be recorded (raised in strict mode only)."""


class RunFolderError(EpochalError, OSError):
    """A run folder cannot be created, read or written."""


class DamageError(EpochalError, RuntimeError):
    """Stored bytes do not match their checksum."""


class CheckpointError(EpochalError, RuntimeError):
    """A checkpoint cannot be saved, found or loaded."""


class NotFoundError(EpochalError, LookupError):
    """Nothing has the name that was asked for."""


class RunNotFoundError(NotFoundError):
    """No run has that id, name or prefix."""


class AmbiguousRunError(NotFoundError):
    """A name or prefix fits more than one run."""


class MetricNotFoundError(NotFoundError):
    """A run has no metric of that name."""


class FilterError(EpochalError, ValueError):
    """A filter or sort expression is not valid."""


class QueryError(EpochalError, ValueError):
    """An SQL query failed."""


class EvidenceError(EpochalError, ValueError):
    """Numbers cannot answer what a statistical method was asked."""


class SinkError(EpochalError, RuntimeError):
    """A mirror cannot be opened or written."""


class StartOverError(SinkError):
    """A mirror that cannot go on where it was, by its nature: it is made again from the start."""


class MissingExtraError(EpochalError, ImportError):
    """An optional package is not installed; the message names the extra that brings it."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the nearest known names, or an empty string.

    Example:
        >>> did_you_mean("val/los", ["val/loss", "lr"])
        " (did you mean 'val/loss'?)"
    """
    import difflib  # only needed for a message: kept out of `import epochal`

    near = difflib.get_close_matches(name, list(known), n=3, cutoff=0.6)
    if not near:
        return ""
    return f" (did you mean {' or '.join(repr(n) for n in near)}?)"
