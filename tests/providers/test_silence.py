"""Silence in the device's place: when, how much, and how long."""

from __future__ import annotations

from device.providers.silence import Silence

RATE_HZ = 16000


def size(ms: int) -> int:
    return 2 * RATE_HZ * ms // 1000


def taken(silence: Silence, until: float) -> int:
    """Milliseconds of silence that are due by then."""
    total = 0
    while silence.due is not None and silence.due <= until:
        total += len(silence.take(silence.due)) // (2 * RATE_HZ // 1000)
    return total


def test_none_is_due_before_the_device_has_sent_something() -> None:
    assert Silence(RATE_HZ, 5.0).due is None


def test_it_goes_on_where_the_devices_sound_ended() -> None:
    silence = Silence(RATE_HZ, 5.0)
    for piece in range(10):
        silence.sounded(size(100), 50.1 + piece / 10)
    assert 950 <= taken(silence, 52.0) <= 1100, "1 s has passed since, and no more is made up"


def test_what_came_all_at_once_is_not_waited_for() -> None:
    silence = Silence(RATE_HZ, 5.0)
    for _ in range(50):
        silence.sounded(size(100), 50.0)
    assert silence.due is not None
    assert silence.due < 50.2


def test_sound_that_comes_late_is_not_filled_up_twice() -> None:
    silence = Silence(RATE_HZ, 5.0)
    silence.sounded(size(100), 50.0)
    silence.sounded(size(100), 50.14)
    assert silence.take(50.2) == b""


def test_it_ends_by_itself_and_when_it_is_stopped() -> None:
    silence = Silence(RATE_HZ, 2.0)
    silence.sounded(size(100), 50.0)
    assert 1900 <= taken(silence, 90.0) <= 2100
    assert silence.due is None
    silence.sounded(size(100), 100.0)
    silence.stop()
    assert silence.due is None
