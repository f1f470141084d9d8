"""What was said in this conversation, for a session that takes it over from another. Pure.

A service tells what the person said when it pleases, often after its answer, or not at all; so the
turn's place is kept from when it was taken. Of a reply that counts what was heard.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

MOST_LINES = 24
MOST_CHARACTERS = 4000
REMEMBERED_S = 600.0
"""What was said longer ago is another conversation."""

_LONGEST_LINE = 20_000


@dataclass(slots=True)
class _Line:
    """``item``: the service's name of it, or empty. ``turn``: of which it is the question, or an
    answer. ``told``: the text counts; before, it is what has come so far."""

    by: str
    item: str
    turn: int
    at: float
    text: str = ""
    told: bool = False
    cut: bool = False
    pieces: list[str] = field(default_factory=list)
    size: int = 0


class History:
    """Lines of user and assistant, oldest first. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._lines: deque[_Line] = deque(maxlen=2 * MOST_LINES)
        self._turn = 0
        self.changes = 0  #: so many there were: who was told before knows less

    def forget(self) -> None:
        """The conversation is over."""
        self._lines.clear()
        self.changes += 1

    def turn_begins(self) -> None:
        """The person is listened to."""
        self._turn += 1

    def turn_again(self) -> None:
        """The turn that is will be said again from its start, and answered anew."""
        kept = [line for line in self._lines if line.turn != self._turn]
        if any(line.told for line in self._lines if line.turn == self._turn):
            self.changes += 1
        self._lines.clear()
        self._lines.extend(kept)

    def turn_taken(self, item: str, now: float) -> None:
        """The service took it; its words may come later."""
        line = self._find("user", item)
        if line is None or line.turn != self._turn:
            self._lines.append(_Line("user", item, self._turn, now))

    def user(self, text: str, now: float, item: str = "") -> None:
        """The service's final transcript of a turn; of a long one there may be several."""
        if not text.strip():
            return
        line = self._find("user", item)
        if line is None or (line.told and line.turn != self._turn):
            line = _Line("user", item, self._turn, now)
            self._lines.append(line)
        line.text = f"{line.text} {text.strip()}".strip()[:_LONGEST_LINE]
        line.told, line.at = True, now
        self.changes += 1

    def words(self, text: str, now: float, item: str) -> None:
        """More of a reply, which counts when it is heard or complete."""
        line = self._reply(item, now)
        if not line.told and line.size + len(text) <= _LONGEST_LINE:
            line.pieces.append(text)
            line.size += len(text)

    def assistant(self, text: str, now: float, item: str = "") -> None:
        """The whole of a reply that is about to be heard."""
        if not text.strip():
            return
        line = self._reply(item, now)
        if line.told:  # another of the same name
            line = _Line("assistant", item, self._turn, now)
            self._lines.append(line)
        line.text, line.told, line.at = text.strip(), True, now
        line.pieces.clear()
        self.changes += 1

    def heard(self, part: float, item: str = "") -> None:
        """Of this reply only so much (0 to 1) of what has come was heard; the rest, and what
        came behind it, was not said."""
        line = self._find("assistant", item)
        if line is None or line.cut:
            return
        self.changes += 1
        words = (line.text if line.told else "".join(line.pieces)).split()
        line.text = " ".join(words[: round(part * len(words))])
        line.told = line.cut = True
        line.pieces.clear()
        while self._lines[-1] is not line and self._lines[-1].by == "assistant":
            self._lines.pop()

    def said(self, now: float) -> list[tuple[str, str]]:
        """(by, text) of what still counts, the newest of it within bounds."""
        kept: list[tuple[str, str]] = []
        size = 0
        for line in reversed(self._lines):
            if not (line.told and line.text):
                continue
            size += len(line.text)
            if now - line.at > REMEMBERED_S or size > MOST_CHARACTERS or len(kept) == MOST_LINES:
                break
            kept.append((line.by, line.text))
        return kept[::-1]

    def _reply(self, item: str, now: float) -> _Line:
        line = self._find("assistant", item)
        if line is None or line.turn != self._turn:
            line = _Line("assistant", item, self._turn, now)
            self._lines.append(line)
        return line

    def _find(self, by: str, item: str) -> _Line | None:
        """The newest of this name. Names in other sessions may be the same, so only this turn
        counts and the one before it: its words may come, and its reply be cut, when this one has
        begun."""
        for line in reversed(self._lines):
            if line.by == by and line.item == item and line.turn >= self._turn - 1:
                return line
        return None
