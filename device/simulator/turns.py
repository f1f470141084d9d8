"""Which utterance a reply answers, and which got no answer.

Where the wire shows commits, they decide. A commit names the stretch of what was sent
(``audio_start_ms`` to ``audio_end_ms`` of the service's speech events, else all that was
sent since the last one), the report's rows say where that lies in the microphone's
recording, and the utterances that end in it were asked. Commits wait in a queue of their
connection; the first audio of a response that was created for the head of the queue
answers it. A commit leaves unanswered when its response is cancelled, when its connection
closes, or when another comes and nothing is under way for it any more.

Where the wire does not show it (no commits, or what was sent is not found in the
recording), a reply answers the utterance that ended last before it, once; what was
said before that one stays unanswered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from device.simulator.evidence import Evidence, Spoken
from device.simulator.wire_audio import RATE_HZ, AudioRun
from device.simulator.wire_log import Row

Json = dict[str, Any]

#: A function was called: so long its result may take to ask for the next response.
CALL_S = 2.0
#: The end of an utterance may lie so far behind the end of what was committed.
END_SLACK_S = 0.3
#: Audio not found in the recording is overlooked up to this.
_SCRAP_S = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """``run`` answers ``user``; ``commit_at``: when the service took the turn, if seen."""

    run: AudioRun
    user: Spoken
    commit_at: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Commit:
    at: float
    connection: int
    since: float  #: the commit or clear before it, on this connection
    span_ms: tuple[float, float] | None


@dataclass(slots=True)
class _Line:
    """One connection to the service, as far as the wire has shown it."""

    commits: deque[_Commit] = field(default_factory=deque)
    seen_commit: bool = False
    boundary: float = float("-inf")
    starts: dict[str, float] = field(default_factory=dict)
    ends: dict[str, float] = field(default_factory=dict)
    owners: dict[str, _Commit | None] = field(default_factory=dict)
    active: set[str] = field(default_factory=set)
    calling: set[str] = field(default_factory=set)
    waits_until: float = float("-inf")

    def see(self, row: Row) -> None:
        kind, at = row["type"], float(row["at"])
        item, response = str(row.get("item_id", "")), str(row.get("response_id") or "")
        if kind == "input_audio_buffer.speech_started":
            self.starts[item] = float(row.get("audio_start_ms", 0))
        elif kind == "input_audio_buffer.speech_stopped":
            self.ends[item] = float(row.get("audio_end_ms", 0))
        elif kind == "input_audio_buffer.committed":
            self._committed(at, item, int(row.get("connection", 0)))
        elif kind == "input_audio_buffer.clear":
            self.boundary = at
        elif kind == "response.created":
            self.owners[response] = self.commits[0] if self.commits else None
            self.active.add(response)
            self.waits_until = float("-inf")
        elif kind == "response.function_call_arguments.done":
            self.calling.add(response)
        elif kind == "response.cancel":
            self._drop(response)
        elif kind == "response.done":
            self.active.discard(response)
            if row.get("status") == "cancelled":
                self._drop(response)
            elif response in self.calling:
                self.waits_until = at + CALL_S
        elif kind == "closed":
            self.commits.clear()

    def _committed(self, at: float, item: str, connection: int) -> None:
        if not self.active and at >= self.waits_until:
            self.commits.clear()
        known = item in self.starts and item in self.ends
        span = (self.starts[item], self.ends[item]) if known else None
        self.commits.append(_Commit(at, connection, self.boundary, span))
        self.boundary = at
        self.seen_commit = True

    def _drop(self, response: str) -> None:
        owner = self.owners.get(response)
        if owner is not None and owner in self.commits:
            self.commits.remove(owner)

    def answered_by(self, response: str) -> _Commit | None:
        """The commit whose first answer this response's first audio is."""
        head = self.commits[0] if self.commits else None
        owner = self.owners.get(response, head)
        if owner is None or owner not in self.commits:
            return None
        self.commits.remove(owner)
        return owner


def answers(evidence: Evidence, sent: Sequence[Json]) -> tuple[list[Answer], list[Spoken]]:
    """Every answered turn in the order of the replies, and the unanswered utterances.

    ``sent``: the report's rows, one for each of ``evidence.uplink``. A wake word with
    nothing behind it asks nothing, so it is never unanswered.
    """
    spoken = sorted(evidence.spoken, key=lambda s: s.last_loud_at)
    events: list[tuple[float, int, Row | AudioRun]] = [(r["at"], 0, r) for r in evidence.rows]
    events += [(run.chunks[0].at, 1, run) for run in evidence.downlink]
    lines: dict[int, _Line] = {}
    answered: set[int] = set()
    found: list[Answer] = []
    for at, _, event in sorted(events, key=lambda e: e[:2]):
        if isinstance(event, dict):
            lines.setdefault(int(event.get("connection", 0)), _Line()).see(event)
            continue
        line = lines.setdefault(event.connection, _Line())
        commit = line.answered_by(event.response)
        if commit is None and line.seen_commit:
            continue  # more of an answer, or one that nobody asked for
        asked = None if commit is None else _asked(commit, evidence, sent, spoken)
        if asked is None:
            asked = [s for s in spoken if s.last_loud_at < (commit.at if commit else at)][-1:]
        if asked and id(asked[-1]) not in answered:
            found.append(Answer(event, asked[-1], commit.at if commit else None))
        answered.update(id(s) for s in asked)
    silent = [s for s in spoken if id(s) not in answered and not _only_wakes(s)]
    return found, silent


def _only_wakes(spoken: Spoken) -> bool:
    return spoken.word_end_at is not None and spoken.question_at is None


def _asked(
    commit: _Commit, evidence: Evidence, sent: Sequence[Json], spoken: Sequence[Spoken]
) -> list[Spoken] | None:
    """The utterances that end in what was committed; None where that is not known."""
    pieces: list[tuple[float, float]] = []
    position = 0.0
    for run, row in zip(evidence.uplink, sent, strict=True):
        if run.connection != commit.connection:
            continue
        length = len(run.samples) / RATE_HZ
        low, high = 0.0, length
        if commit.span_ms is not None:
            low = max(low, commit.span_ms[0] / 1000 - position)
            high = min(high, commit.span_ms[1] / 1000 - position)
        elif not commit.since < run.chunks[-1].at or run.chunks[0].at >= commit.at:
            high = low
        position += length
        if high <= low:
            continue
        if not row["matched"]:
            if high - low > _SCRAP_S:
                return None
            continue
        begins = row["starts_t"] + evidence.t0
        pieces.append((begins + low, begins + high))
    if not pieces:
        return None
    ends = [(s, s.last_loud_at) for s in spoken if s.last_loud_at < commit.at]
    return [s for s, end in ends if any(a < end <= b + END_SLACK_S for a, b in pieces)]
