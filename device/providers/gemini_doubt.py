"""When what Gemini Live says may still be of an answer that was broken off. Pure.

An ``activityStart`` breaks off what the service says or is about to say, and the service tells so
(``interrupted``, ``turnComplete``). On a slow line these marks come after the next turn was
committed, and until they do, content and transcripts may be of either. So they are held: a mark
drops them; without one in ``DOUBT_S`` (the service may not mark what it had not begun) they are
the answer. So nothing of it is lost, but where the service marks nothing that it had not begun
and is done with the next answer, played and all, in less than that: its ``turnComplete`` is then
taken for the mark.
"""

from __future__ import annotations

from device.providers.gemini_wire import Message

#: From the breaking off, or the mark of it. As long as the driver waits for what is on its way
#: on a line without pings.
DOUBT_S = 2.5
#: Characters and bytes; more was never on its way: 20 s of sound in base64, and as a message.
MOST_HELD = 2_500_000
MOST_MESSAGES = 1000


class Doubt:
    """The answers that were broken off before anything of them came, and have no mark yet."""

    def __init__(self) -> None:
        self._unmarked = 0
        self._until = 0.0

    @property
    def unmarked(self) -> int:
        return self._unmarked

    @property
    def until(self) -> float:
        return self._until

    def broke_off(self, now: float) -> None:
        """One that was promised, by ``activityStart``."""
        self._unmarked = 1 if now >= self._until else self._unmarked + 1
        self._until = now + DOUBT_S

    def interrupted(self, now: float) -> None:
        """The service says so of one that had begun. Its end is to follow."""
        self._until = now + DOUBT_S

    def marked(self) -> None:
        """The oldest of them is known for what it is."""
        self._unmarked = max(0, self._unmarked - 1)

    def over(self) -> None:
        """What comes is what is waited for."""
        self._unmarked, self._until = 0, 0.0


class Held:
    """Messages of which it is open whose they are."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self._size = 0

    def __bool__(self) -> bool:
        return bool(self._messages)

    def keep(self, message: Message) -> bool:
        """False: it is full with this one."""
        self._messages.append(message)
        self._size += message.size
        return self._size < MOST_HELD and len(self._messages) < MOST_MESSAGES

    def take(self) -> list[Message]:
        messages, self._messages, self._size = self._messages, [], 0
        return messages
