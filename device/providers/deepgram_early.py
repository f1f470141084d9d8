"""What the Deepgram agent says before the device has ended the turn. Pure.

The service cannot be told to leave the end of a turn to the device: after a pause it takes what
it has heard, and begins to answer. That is kept, and is the answer if the device ends the turn
there; if the service hears the user go on, it breaks it off, and what it understood of the first
part stays.
"""

from __future__ import annotations

from collections.abc import Mapping

from device.providers.wire import objects, text

#: Messages; bytes of sound and characters, a minute of sound; words of the user's.
MOST_MESSAGES = 4096
MOST_BYTES = 2 * 24_000 * 60
MOST_PARTS = 64
MOST_CHARACTERS = 20_000
MOST_FUNCTIONS = 64

_FIELDS = ("type", "role", "content", "message")
_OF_FUNCTIONS = ("id", "name", "arguments", "client_side")

Message = Mapping[str, object] | bytes


class Early:
    """Of one turn."""

    def __init__(self) -> None:
        self._messages: list[Message] | None = None  # None: the service has not taken the turn
        self._bytes = 0
        self._said: list[str] = []

    @property
    def begun(self) -> bool:
        """The service took the turn, and has not heard the user go on."""
        return self._messages is not None

    def begin(self, message: Message) -> None:
        """With this the service took the turn."""
        self._messages, self._bytes = [], 0
        self.keep(message)

    def keep(self, message: Message) -> bool:
        """Whether it is kept until the device ends the turn."""
        if self._messages is None:
            return False
        kept = message if isinstance(message, bytes) else _of_use(message)
        size = self._bytes + _size(kept)
        if len(self._messages) < MOST_MESSAGES and size <= MOST_BYTES:
            self._messages.append(kept)
            self._bytes = size
        return True

    def goes_on(self) -> None:
        """The service hears the user again."""
        texts = [m for m in self._messages or () if not isinstance(m, bytes)]
        said = [text(m, "content")[:MOST_CHARACTERS] for m in texts if text(m, "role") == "user"]
        self._said = [*self._said, *said][-MOST_PARTS:]
        while sum(map(len, self._said)) > MOST_CHARACTERS:
            del self._said[0]
        self._messages = None

    def take(self) -> tuple[list[str], list[Message] | None]:
        """The device ends the turn: what the user said in parts that were gone on from, and what
        the service has said since it took the turn, if it did."""
        said, messages = self._said, self._messages
        self.forget()
        return said, messages

    def forget(self) -> None:
        self._messages, self._said = None, []


def _of_use(message: Mapping[str, object]) -> Mapping[str, object]:
    """Those fields that anybody reads."""
    functions = [
        {name: one[name] for name in _OF_FUNCTIONS if isinstance(one.get(name), str | bool)}
        for one in objects(message, "functions")[:MOST_FUNCTIONS]
    ]
    told = {name: text(message, name) for name in _FIELDS if name in message}
    return {**told, "functions": functions} if functions else told


def _size(message: Message) -> int:
    """A bare mark has none: the end of a reply is kept though its sound is not."""
    if isinstance(message, bytes):
        return len(message)
    values = [message.get(name) for name in _FIELDS if name != "type"]
    values += [value for one in objects(message, "functions") for value in one.values()]
    return sum(len(value) for value in values if isinstance(value, str))
