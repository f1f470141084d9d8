"""What is between the contract and a codec."""

from __future__ import annotations

from device.providers.base import Disconnect, Output, SendFrame
from tests.contract.wrapped import Watched

FAREWELL = SendFrame('{"type":"bye"}')


class Fixed:
    """A codec that notes the time it is told, and ends as it is told."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.deadline: float | None = 12.0

    def timeout(self, now: float) -> list[Output]:
        self.times.append(now)
        return []

    def finish(self, reason: str, now: float) -> list[Output]:
        return [FAREWELL]

    def received(self, data: str, now: float) -> list[Output]:
        return [Disconnect("over")]

    def closed(self, code: int, reason: str, now: float) -> list[Output]:
        return [Disconnect("over")]


def watched() -> tuple[Fixed, Watched]:
    codec = Fixed()
    return codec, Watched(codec)  # type: ignore[arg-type]


def test_a_codec_in_a_hurry_is_told_a_time_that_goes_on_from_where_it_was() -> None:
    codec, outside = watched()
    outside.timeout(10.0)
    outside.hurry(4.0, 10.0)
    outside.timeout(10.25)
    assert outside.deadline == 10.5, (
        "what is due at 12 is due when 2 s have passed four times as fast"
    )
    outside.hurry(1.0, 10.5)
    outside.timeout(11.5)
    assert codec.times == [10.0, 11.0, 13.0]
    codec.deadline = None
    assert outside.deadline is None


def test_a_codec_has_left_when_it_ends_the_session_and_not_when_the_line_is_gone() -> None:
    _, outside = watched()
    assert outside.finish("over", 0.0) == [FAREWELL]
    outside.closed(1000, "", 1.0)
    assert not outside.left
    outside.received("bye", 1.0)
    assert outside.left
