"""Why an utterance got no answer, in words, as far as the evidence shows it.

Never from the appliance's own words, but for being muted, which the simulator's other
judgements take from it as well (:mod:`device.simulator.seam`), and for how much was heard of
a reply of which too little sounded to be found in the recording.
"""

from __future__ import annotations

from collections.abc import Sequence

from device.simulator.evidence import Evidence, Spoken
from device.simulator.exchange import Commit
from device.simulator.heard import ONSET_S
from device.simulator.turns import SCRAP_S, Piece, Turns
from device.simulator.wire_audio import AudioRun

#: A speaker that is unplugged so long after a reply's first byte may keep it from sounding.
UNPLUGGED_WITHIN_S = 1.0
_ALL = (0.0, float("inf"))


def performed(evidence: Evidence) -> list[tuple[float, str]]:
    """When which fault was done to the appliance; those that failed were not."""
    return [
        (entry.at, str(entry.fields.get("fault")))
        for entry in evidence.entries
        if entry.event == "fault" and "failed" not in entry.fields
    ]


class Reasons:
    """Asked for each utterance that :class:`Turns` has found unanswered."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._evidence = turns.evidence

    def why(self, spoken: Spoken, *, muted: bool = False) -> str:
        """Empty where the evidence does not show it. ``muted``: the appliance was muted for
        some of it, and nothing of it was sent."""
        if spoken.last_loud_at > self._evidence.end:
            return "the run was over"
        if muted:
            return self._muted(spoken)
        pieces = self._sent_of(spoken)
        if pieces is None:
            return ""
        if not pieces:
            return "nothing of it was sent"
        asked = self._turns.asked
        took = [c for c, said in asked.items() if said and any(s is spoken for s in said)]
        if took:
            return self._after(spoken, took[-1])
        if any(said is None and commit.at > spoken.last_loud_at for commit, said in asked.items()):
            return ""
        return self._before_commit(spoken, pieces)

    def _sent_of(self, spoken: Spoken) -> list[Piece] | None:
        """What was sent of it, of its question where that is known; None: not known."""
        question = spoken.question_at or spoken.first_loud_at
        part = Spoken(spoken.text, question, spoken.last_loud_at)
        runs = self._evidence.uplink
        placed = [self._turns.pieces(one, _ALL) for one in {run.connection for run in runs}]
        found = [piece for pieces, _ in placed for piece in pieces if piece.overlap(part) > SCRAP_S]
        return found if found or all(known for _, known in placed) else None

    def muted_later(self, spoken: Spoken) -> float | None:
        """When the appliance was muted while this was being said; None where it was not, or
        was muted when it began."""
        words = [e for e in self._evidence.entries if e.event in ("muted", "unmuted")]
        before = [entry for entry in words if entry.at <= spoken.first_loud_at]
        if before and before[-1].event == "muted":
            return None
        until = spoken.last_loud_at
        during = [e.at for e in words[len(before) :] if e.event == "muted" and e.at < until]
        return during[0] if during else None

    def _muted(self, spoken: Spoken) -> str:
        """Nothing of it was sent, and the appliance was muted for some of it."""
        at = self.muted_later(spoken)
        if at is None:
            return "it was said while muted"
        if press := self._press(spoken, at):
            return f"{press}, and nothing of it was sent"
        return f"the appliance was muted at {at - self._evidence.t0:.1f} s, while it was said"

    # --- no turn was made of it -----------------------------------------------------------

    def _before_commit(self, spoken: Spoken, pieces: Sequence[Piece]) -> str:
        exchange = self._turns.exchange
        if any(
            self._is_in(commit, piece, spoken) for commit in exchange.commits for piece in pieces
        ):
            return "the service took a turn of its beginning, and none of its end"
        last = max(pieces, key=lambda piece: piece.ends)
        for clear in exchange.clears:
            if clear.connection != last.connection or clear.until_ms <= last.place(spoken)[0]:
                continue
            if press := self._press(spoken, clear.at):
                return f"{press}, and what was sent of it was taken back"
            return "what was sent of it was taken back before the service made a turn of it"
        return f"the service made no turn of it{self._ended(last.connection)}"

    def _is_in(self, commit: Commit, piece: Piece, spoken: Spoken) -> bool:
        begins_ms, ends_ms = piece.place(spoken)
        overlap_ms = min(ends_ms, commit.span_ms[1]) - max(begins_ms, commit.span_ms[0])
        return commit.connection == piece.connection and overlap_ms > SCRAP_S * 1000

    # --- it was a turn ----------------------------------------------------------------------

    def _after(self, spoken: Spoken, commit: Commit) -> str:
        due = {k: r for k, r in self._turns.exchange.responses.items() if r.due_to is commit}
        runs = [
            run
            for run in self._evidence.downlink
            if self._turns.exchange.due_to(run.connection, run.response, run.chunks[0].at) is commit
        ]
        if any(self._turns.sounded(run) for run in runs):
            return ""  # more than one turn was made of it, and an older one was answered
        if runs:
            return self._unheard(spoken, runs[-1])
        if press := self._press(spoken, self._next_begins(spoken)):
            return f"{press} before a reply to it sounded"
        if commit.taken_back:
            return "the appliance took the turn back before a reply to it sounded"
        if any(response.called_off for response in due.values()):
            return "the appliance called its reply off before it sounded"
        if any(response.status == "cancelled" for response in due.values()):
            return "the service broke its reply off before it said anything"
        if any(response.status == "failed" for response in due.values()):
            return "the service's reply failed"
        if commit.refused:
            return "the service took it as a turn and refused to answer it"
        return f"no reply came{self._ended(commit.connection)}"

    def _unheard(self, spoken: Spoken, run: AudioRun) -> str:
        if self._no_speaker(run.chunks[0].at):
            return "nothing of its reply sounded: no speaker was plugged in"
        press = self._press(spoken, self._next_begins(spoken))
        if heard_ms := self._scrap_ms(run):
            cut = f"its reply was cut after {heard_ms:.0f} ms"
            return f"{press}, and {cut}" if press else cut
        if press:
            return f"{press} before a reply to it sounded"
        return "its reply came, and nothing of it sounded"

    def _scrap_ms(self, run: AudioRun) -> float:
        """How much of it the appliance says was heard, where that is too little to be found
        in the recording; of more than that the recording is the judge."""
        said = [
            float(entry.fields.get("heard_ms", 0.0))
            for entry in self._evidence.entries
            if entry.event == "playback_stopped" and entry.fields.get("item_id") == run.key
        ]
        return said[-1] if said and said[-1] < ONSET_S * 1000 else 0.0

    def _no_speaker(self, at: float) -> bool:
        """Was it out when the reply came, or pulled out just then?"""
        faults = performed(self._evidence)
        before = [f for t, f in faults if t <= at and f in ("unplug_speaker", "replug_speaker")]
        pulled = any(f == "unplug_speaker" and at < t < at + UNPLUGGED_WITHIN_S for t, f in faults)
        return pulled or before[-1:] == ["unplug_speaker"]

    def _ended(self, connection: int) -> str:
        at = self._turns.exchange.ended.get(connection)
        if at is None:
            return ""
        return f" before the connection ended at {at - self._evidence.t0:.1f} s"

    def _next_begins(self, spoken: Spoken) -> float:
        later = [
            s.first_loud_at for s in self._evidence.spoken if s.first_loud_at > spoken.first_loud_at
        ]
        return min(later, default=float("inf"))

    def _press(self, spoken: Spoken, until: float) -> str:
        """The first press from the utterance's beginning on, in words."""
        during = [at for at in self._evidence.presses if spoken.first_loud_at < at < until]
        if not during:
            return ""
        return f"the button was pressed at {min(during) - self._evidence.t0:.1f} s"
