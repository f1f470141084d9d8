"""Codecs behind something that sees, or changes, what passes.

The mutants are made this way, and so is the codec of every talk: it is watched from outside, and
its time may be made to pass faster, so that no test waits for it.
"""

from __future__ import annotations

from device.capabilities import Capabilities
from device.commands import ServiceCommand
from device.providers.base import Codec, Disconnect, Output


class Wrapped:
    """A codec; what it puts out goes through `_change`, the time it is told through `_time`."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def _change(self, outputs: list[Output]) -> list[Output]:
        return outputs

    def _time(self, now: float) -> float:
        return now

    @property
    def capabilities(self) -> Capabilities:
        return self._codec.capabilities

    @property
    def deadline(self) -> float | None:
        return self._codec.deadline

    def start(self, now: float) -> list[Output]:
        return self._change(self._codec.start(self._time(now)))

    def opened(self, now: float) -> list[Output]:
        return self._change(self._codec.opened(self._time(now)))

    def http_answered(self, token: str, status: int, body: bytes, now: float) -> list[Output]:
        return self._change(self._codec.http_answered(token, status, body, self._time(now)))

    def decode(self, data: str | bytes) -> object:
        return self._codec.decode(data)

    def decoded(self, message: object, now: float) -> list[Output]:
        return self._change(self._codec.decoded(message, self._time(now)))

    def received(self, data: str | bytes, now: float) -> list[Output]:
        return self._change(self._codec.received(data, self._time(now)))

    def command(self, command: ServiceCommand, now: float) -> list[Output]:
        return self._change(self._codec.command(command, self._time(now)))

    def timeout(self, now: float) -> list[Output]:
        return self._change(self._codec.timeout(self._time(now)))

    def fence_passed(self, token: str, now: float) -> list[Output]:
        return self._change(self._codec.fence_passed(token, self._time(now)))

    def finish(self, reason: str, now: float) -> list[Output]:
        return self._change(self._codec.finish(reason, self._time(now)))

    def refused(self, status: int, body: bytes, now: float) -> list[Output]:
        return self._change(self._codec.refused(status, body, self._time(now)))

    def closed(self, code: int, reason: str, now: float) -> list[Output]:
        return self._change(self._codec.closed(code, reason, self._time(now)))


class Watched(Wrapped):
    """``left``: it has ended the session itself, and not because the connection was gone."""

    def __init__(self, codec: Codec) -> None:
        super().__init__(codec)
        self.left = False
        self._rate = 1.0
        self._since = self._told = 0.0

    def hurry(self, rate: float, now: float) -> None:
        """Its time passes ``rate`` times as fast from now on. A deadline that the link knows
        already stands until the codec has put out something."""
        self._told, self._since, self._rate = self._time(now), now, rate

    def _time(self, now: float) -> float:
        return self._told + (now - self._since) * self._rate

    def _change(self, outputs: list[Output]) -> list[Output]:
        self.left |= any(isinstance(output, Disconnect) for output in outputs)
        return outputs

    def closed(self, code: int, reason: str, now: float) -> list[Output]:
        return self._codec.closed(code, reason, self._time(now))

    @property
    def deadline(self) -> float | None:
        due = self._codec.deadline
        return None if due is None else self._since + (due - self._told) / self._rate
