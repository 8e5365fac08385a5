"""Records: what a run's journal says, in the form that sinks and followers see.

A record is either a :class:`Row` (scalars that were logged together) or an :class:`Event`
(everything else).  Records are ordered by (session, seq); clocks never decide order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Row(NamedTuple):
    """Scalars of one ``log`` call.

    Attributes:
        session: ordinal of the session, from 1.
        seq: position in the session.
        time_s: wall time, seconds since 1970 UTC.
        elapsed_s: seconds since the run began, by the monotonic clock.
        step: the step; an int unless a float was given.
        step_given: False if the call named no step and ``step`` is the run's last one or a counter.
        epoch: the epoch, None if the call named none.
        phase: ``phase=`` of the call; metric names in ``values`` already carry it as a prefix.
            Samples of the machine have the phase "system".
        values: metric name to value, in the order in which they were logged.
    """

    session: int
    seq: int
    time_s: float
    elapsed_s: float
    step: float
    step_given: bool
    epoch: float | None
    phase: str | None
    values: dict[str, float]


class Event(NamedTuple):
    """Anything that happens to a run besides scalars.

    Attributes:
        session, seq, time_s, elapsed_s: as in :class:`Row`.
        kind: one of the kinds below; sinks must ignore kinds that they do not know.
        data: the event's fields, JSON-able.

    ============ ===========================================================================
    kind         fields
    ============ ===========================================================================
    config       ``update``: nested mapping merged into the config
    summary      ``values``: mapping merged into the summary
    define       ``metric`` and the given ones of ``unit goal range x summary``
    tag, untag   ``tags``: list
    note         ``text``: replaces the notes
    rename       ``name``
    text         ``key``, ``text``, ``step``, maybe ``caption`` and ``about`` (how it was
                 generated); long texts come as several events with ``part``: [number, of how many]
    bigint       ``key``, ``value`` (decimal digits), ``step``: an integer beyond 2**53
    refused      ``key``, ``why``, ``value`` (shortened repr): could not be recorded as asked
    alert        ``title text level``
    annotation   ``text step metric author``: what somebody wrote on a chart
    annotation_edited ``id``: session and ``seq`` of the one whose ``text`` is this now, with a dot
    annotation_removed ``id`` of the one that was taken back
    media        ``key step type format caption bytes sha256 about``, and where the bytes are:
                 ``file`` (below the run folder) and, in a pack, ``offset``; histograms have
                 ``inline`` instead; ``index``: [number, of how many] in a list
    artifact     ``name type path bytes sha256``; ``files`` ([path, bytes, sha256]) of a folder;
                 of a checkpoint ``about``, and ``file`` if it is below the run folder
    artifact_removed ``name path sha256``, maybe ``file``: a checkpoint that was not to be kept
    console      ``stream`` (stdout, stderr or log) and ``text``, whole lines; of the handler for
                 ``logging`` also ``level`` and ``logger``
    environment  ``values``: what was found out about machine, packages and code
    resume       ``after``: this session hides what earlier ones recorded after that step
    end          ``state``: finished, failed, interrupted or killed; ``error``: traceback
    ============ ===========================================================================
    """

    session: int
    seq: int
    time_s: float
    elapsed_s: float
    kind: str
    data: dict[str, Any]


Record = Row | Event


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a sink is told of a run when it opens.

    Attributes:
        id, name, project: identity; ``name`` may hold any characters.
        slug: the name as a safe file name, ``[a-z0-9-]`` only.
        dir: absolute path of the run folder.
        config: nested mapping, secrets redacted.
        tags, notes, group, job_type, created_s: as given at the start.
    """

    id: str
    name: str
    project: str
    slug: str
    dir: str
    config: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    notes: str = ""
    group: str | None = None
    job_type: str | None = None
    created_s: float = 0.0
