"""Which utterance a reply answers, and which got no answer.

An utterance is answered when a reply that is due to it sounded. What sounded is what the
caller found in the room's recording of the speaker: a reply that came while no speaker was
plugged in, or was cut before a sample of it sounded, answers nothing. A command may need no
reply: it is obeyed when the response to it called a function, and the service, asked again
with the result, ended its response without a word ("stop").

Where the wire shows commits, they decide which reply is due to what
(:mod:`device.simulator.exchange`). The report's rows say where in the microphone's recording
a commit's stretch of audio lies, and the utterances that end in it were asked; the first
sound of a response that is due to it answers them, and nothing else does.

Where the wire does not show it (no commits at all, or what was sent is not found in the
recording), a reply answers the utterance that ended last before it, once; what was
said before that one stays unanswered.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from device.simulator.evidence import Evidence, Spoken
from device.simulator.exchange import Commit, Exchange, read
from device.simulator.wire_audio import RATE_HZ, AudioRun

Json = dict[str, Any]

#: The end of an utterance may lie so far behind the end of what was committed.
END_SLACK_S = 0.3
#: Less audio than this says nothing: not found in the recording it is overlooked, and an
#: utterance of which no more was sent or committed was not.
SCRAP_S = 0.05


@dataclass(frozen=True, slots=True)
class Answer:
    """``run`` answers ``user``; ``commit_at``: when the service took the turn, if seen."""

    run: AudioRun
    user: Spoken
    commit_at: float | None


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of what was sent, and where it is in the microphone's recording: from
    ``begins`` to ``ends`` (CLOCK_MONOTONIC), at ``from_ms`` of the connection's audio."""

    begins: float
    ends: float
    connection: int
    from_ms: float

    def overlap(self, spoken: Spoken) -> float:
        """Seconds of the utterance that lie in it."""
        return min(self.ends, spoken.last_loud_at) - max(self.begins, spoken.first_loud_at)

    def place(self, spoken: Spoken) -> tuple[float, float]:
        """Where that part of the utterance is in the connection's audio, in ms."""
        begins_s = max(0.0, spoken.first_loud_at - self.begins)
        return (
            self.from_ms + begins_s * 1000,
            self.from_ms + (begins_s + self.overlap(spoken)) * 1000,
        )


class Turns:
    """Judges once; ``answered`` is in the order of the replies.

    ``sent``: the report's rows, one for each of ``evidence.uplink``. ``sounded``: was this
    reply found in the speaker's recording?
    """

    def __init__(
        self, evidence: Evidence, sent: Sequence[Json], sounded: Callable[[AudioRun], bool]
    ) -> None:
        self.evidence = evidence
        self.sounded = sounded
        self.exchange: Exchange = read(evidence.rows if evidence.wire_tells_turns else ())
        self._sent = sent
        self._spoken = sorted(evidence.spoken, key=lambda s: s.last_loud_at)
        #: What each commit asked; None where the recording does not show it.
        self.asked: dict[Commit, list[Spoken] | None] = {
            commit: self._in_commit(commit) for commit in self.exchange.commits
        }
        self.answered = self._answers()
        self.obeyed = self._obeyed()

    @property
    def unanswered(self) -> list[Spoken]:
        """In the order in which they ended. A wake word with nothing behind it asks nothing."""
        done = {id(answer.user) for answer in self.answered} | self._also
        done |= {id(spoken) for spoken in self.obeyed}
        return [s for s in self._spoken if id(s) not in done and not _only_wakes(s)]

    def pieces(self, connection: int, span_ms: tuple[float, float]) -> tuple[list[Piece], bool]:
        """Where a stretch of what was sent was recorded, and whether that is known of all."""
        found: list[Piece] = []
        known = True
        position_ms = 0.0
        for run, row in zip(self.evidence.uplink, self._sent, strict=True):
            if run.connection != connection:
                continue
            length_ms = len(run.samples) / RATE_HZ * 1000
            low = max(0.0, span_ms[0] - position_ms)
            high = min(length_ms, span_ms[1] - position_ms)
            if high > low and row["matched"]:
                zero = row["starts_t"] + self.evidence.t0
                piece = (zero + low / 1000, zero + high / 1000)
                found.append(Piece(*piece, connection, position_ms + low))
            elif high - low > SCRAP_S * 1000:
                known = False
            position_ms += length_ms
        return found, known and position_ms > 0

    def _answers(self) -> list[Answer]:
        answers: list[Answer] = []
        self._also: set[int] = set()  # asked in one turn with what is answered
        done: set[Commit] = set()
        for run in sorted(self.evidence.downlink, key=lambda one: one.chunks[0].at):
            if not self.sounded(run):
                continue
            at = run.chunks[0].at
            commit = self.exchange.due_to(run.connection, run.response, at)
            if commit in done or (commit is None and self.exchange.commits):
                continue  # more of an answer, or one that nobody asked for
            asked = None
            if commit is not None:
                done.add(commit)
                asked = self.asked[commit]
            if asked is None:
                asked = self._last_before(commit.at if commit else at)
            if asked and id(asked[-1]) not in self._also:
                answers.append(Answer(run, asked[-1], commit.at if commit else None))
            self._also.update(id(s) for s in asked)
        return answers

    def _obeyed(self) -> list[Spoken]:
        """What was obeyed without a reply, in the order in which it ended."""
        spoke = {
            self.exchange.due_to(run.connection, run.response, run.chunks[0].at)
            for run in self.evidence.downlink
        }
        done: list[Spoken] = []
        for commit, said in self.asked.items():
            if commit in spoke or not self._was_carried_out(commit):
                continue
            asked = self._last_before(commit.at) if said is None else said
            done += [s for s in asked if id(s) not in self._also]
        return [s for s in self._spoken if any(s is one for one in done)]

    def _was_carried_out(self, commit: Commit) -> bool:
        due = [r for r in self.exchange.responses.values() if r.due_to is commit]
        if not due or commit.waiting or any(r.called_off for r in due):
            return False
        *before, last = due
        return any(r.called for r in before) and not last.called and last.status == "completed"

    def _last_before(self, at: float) -> list[Spoken]:
        return [s for s in self._spoken if s.last_loud_at < at][-1:]

    def _in_commit(self, commit: Commit) -> list[Spoken] | None:
        """The utterances that end in what was committed; None where that is not known."""
        pieces, known = self.pieces(commit.connection, commit.span_ms)
        if not known:
            return None
        return [
            spoken
            for spoken in self._spoken
            if spoken.last_loud_at < commit.at
            and any(p.begins < spoken.last_loud_at <= p.ends + END_SLACK_S for p in pieces)
            and sum(max(0.0, p.overlap(spoken)) for p in pieces) > SCRAP_S
        ]


def _only_wakes(spoken: Spoken) -> bool:
    return spoken.word_end_at is not None and spoken.question_at is None
