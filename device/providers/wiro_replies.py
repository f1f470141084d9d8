"""What is said in a reply, and what still comes of one that was called off. Pure."""

from __future__ import annotations

#: A reply that was called off has ended when its sound has stayed away for so long.
QUIET_S = 0.7
#: The last resort: what comes so long after the fence, or without one, is something else.
LONGEST_S, LONGEST_BLIND_S = 10.0, 30.0

_MOST_CHARACTERS = 20_000
_NO_SPACE_BEFORE = ".,;:!?'’)…"


class Words:
    """Of one reply, put together from pieces: parts that follow each other, texts that grow,
    or the same again. Which of them Wiro sends is not known."""

    def __init__(self) -> None:
        self.whole = ""
        self._last = ""

    def add(self, text: str) -> str:
        """What is new in ``text``."""
        if not text.strip() or text == self._last or len(self.whole) > _MOST_CHARACTERS:
            return ""
        self._last = text
        if text.startswith(self.whole):
            new = text[len(self.whole) :]
        else:
            apart = not (self.whole[-1].isspace() or text[0].isspace())
            new = f" {text}" if apart and text[0] not in _NO_SPACE_BEFORE else text
        self.whole += new
        return new


class Rest:
    """Tells whether sound is of a reply that was called off, where the service may or may not
    say where that one ends.

    It ends when the service says so. Else when nothing has come of it for :data:`QUIET_S` since
    the service is known to have heard that nobody wants it: a reply that has stopped stays
    away, and one that goes on has no such gap. On a slow line its sound may be many seconds on
    the way, so the silence does not count before all of it has arrived (the *fence*).
    """

    def __init__(self) -> None:
        self._count = 0
        self._since: float | None = None
        self._passed_at: float | None = None
        self._quiet_from = 0.0  # the fence has passed, and no sound came since

    def begin(self, now: float) -> str:
        """A reply was called off. The name of the fence to ask for."""
        self._count += 1
        self._since, self._passed_at = now, None
        return f"cut_{self._count}"

    def passed(self, fence: str, now: float) -> None:
        if fence == f"cut_{self._count}":
            self.arrived(now)

    def arrived(self, now: float) -> None:
        """All that was said before the service knew of it has come."""
        if self._since is not None and self._passed_at is None:
            self._passed_at = self._quiet_from = now

    def end(self) -> None:
        """The service has said that it is over."""
        self._since = None

    def lasts(self, now: float) -> bool:
        """What comes now is of it, if it is not sound."""
        if self._since is None:
            return False
        if self._passed_at is None:
            over = now - self._since >= LONGEST_BLIND_S
        else:
            quiet = now - self._quiet_from >= QUIET_S
            over = quiet or now - self._passed_at >= LONGEST_S
        if over:
            self.end()
        return self._since is not None

    def takes(self, now: float) -> bool:
        """Sound comes. Whether it is of it."""
        if not self.lasts(now):
            return False
        self._quiet_from = now
        return True
