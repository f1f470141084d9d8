"""What was said in this conversation, for a session that takes it over from another. Pure."""

from __future__ import annotations

from collections import deque

MOST_LINES = 24
MOST_CHARACTERS = 4000
REMEMBERED_S = 600.0
"""What was said longer ago is another conversation."""


class History:
    """Lines of user and assistant, oldest first. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._lines: deque[tuple[float, str, str]] = deque(maxlen=MOST_LINES)

    def forget(self) -> None:
        """The conversation is over."""
        self._lines.clear()

    def user(self, text: str, now: float) -> None:
        """The service's final transcript of a turn."""
        self._add("user", text, now)

    def assistant(self, text: str, now: float) -> None:
        """The whole of a reply that is about to be heard."""
        self._add("assistant", text, now)

    def heard(self, part: float) -> None:
        """Of the newest reply only this part (0 to 1) was heard; the rest was not said."""
        if not self._lines or self._lines[-1][1] != "assistant":
            return
        at, by, text = self._lines.pop()
        words = text.split()
        kept = " ".join(words[: round(part * len(words))])
        if kept:
            self._lines.append((at, by, kept))

    def said(self, now: float) -> list[tuple[str, str]]:
        """(by, text) of what still counts, the newest of it within bounds."""
        kept: list[tuple[str, str]] = []
        size = 0
        for at, by, text in reversed(self._lines):
            size += len(text)
            if now - at > REMEMBERED_S or size > MOST_CHARACTERS:
                break
            kept.append((by, text))
        return kept[::-1]

    def _add(self, by: str, text: str, now: float) -> None:
        if text.strip():
            self._lines.append((now, by, text.strip()))
