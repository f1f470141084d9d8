"""The jitter buffer and its prebuffer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audio.jitter import JitterBuffer
from device.audio.prebuffer import Prebuffer, PrebufferBounds
from device.ports import Samples

RATE = 1000  # a frame is a millisecond


def make(low_ms: float = 40, high_ms: float = 200, capacity_s: float = 60) -> JitterBuffer:
    return JitterBuffer(RATE, Prebuffer(PrebufferBounds(low_ms, high_ms)), capacity_s)


def some(frames: int, first: int = 0) -> Samples:
    return np.arange(first, first + frames, dtype=np.int16)


def test_waits_for_the_prebuffer_or_its_time_or_the_end() -> None:
    jitter = make()
    assert jitter.ready_in(0.0, 0) is None
    jitter.push(0, "r", "i", some(30), now=0.0, ahead=0)
    assert jitter.ready_in(0.0, 0) == pytest.approx(0.04)
    assert jitter.ready_in(0.0, 10) == 0.0  # silence that is queued anyway counts
    assert jitter.ready_in(0.041, 0) == 0.0
    jitter.push(0, "r", "i", some(10), now=0.01, ahead=0)
    assert jitter.ready_in(0.01, 0) == 0.0
    short = make()
    short.push(0, "r", "i", some(1), now=0.0, ahead=0)
    short.finish(0, "r")
    assert short.ready_in(0.0, 0) == 0.0


def test_a_reply_that_ran_dry_waits_longer() -> None:
    jitter = make()
    jitter.push(0, "r", "i", some(40), now=0.0, ahead=0)
    jitter.pull(40)
    assert jitter.flowing == "r" and jitter.ready_in(0.04, 0) is None
    assert jitter.ran_dry() == "r" and jitter.ran_dry() is None
    assert jitter.prebuffer_ms == 100
    jitter.push(0, "r", "i", some(50), now=0.1, ahead=0)
    assert jitter.ready_in(0.1, 0) != 0.0


def test_dry_is_not_dry_when_the_reply_is_over_or_not_begun() -> None:
    jitter = make()
    assert jitter.ran_dry() is None
    jitter.push(0, "r", "i", some(10), now=0.0, ahead=0)
    assert jitter.ran_dry() is None
    jitter.pull(10)
    jitter.finish(0, "r")
    assert jitter.ran_dry() is None
    assert jitter.pop_finished() == "r" and jitter.is_empty


def test_older_epochs_are_forgotten() -> None:
    jitter = make()
    jitter.push(1, "old", "i", some(10), now=0.0, ahead=0)
    jitter.push(2, "new", "i", some(5), now=0.0, ahead=0)
    assert jitter.discard_before(2) == 10
    assert jitter.frames == 5 and not jitter.finish(1, "old")


def test_full_means_that_the_rest_of_the_reply_is_refused() -> None:
    jitter = make(capacity_s=0.1)
    assert jitter.capacity_s == 0.1
    assert jitter.push(0, "r", "i", some(100), now=0.0, ahead=0)
    assert not jitter.push(0, "r", "i", some(1), now=0.0, ahead=0)
    assert jitter.frames == 100
    jitter.pull(50)
    # There is room again, but what follows would not join what was taken.
    assert not jitter.push(0, "r", "i", some(1), now=0.0, ahead=0)
    assert jitter.push(0, "next", "i", some(50), now=0.0, ahead=0)
    jitter.finish(0, "r")
    jitter.pull(50)
    assert jitter.pop_finished() == "r" and jitter.frames == 50


def test_a_reply_that_is_refused_whole_still_ends() -> None:
    jitter = make(capacity_s=0.1)
    assert jitter.push(0, "r", "i", some(100), now=0.0, ahead=0)
    assert not jitter.push(0, "late", "i", some(10), now=0.0, ahead=0)
    assert jitter.finish(0, "r") and jitter.finish(0, "late")
    jitter.pull(100)
    assert jitter.pop_finished() == "r"
    assert jitter.ready_in(0.0, 0) == 0.0
    assert not jitter.pull(10).samples.size and jitter.pop_finished() == "late"


def test_the_level_stays_in_its_bounds_and_comes_back() -> None:
    prebuffer = Prebuffer(PrebufferBounds(40, 200))
    for _ in range(5):
        prebuffer.ran_dry()
    assert prebuffer.level_ms == 200
    prebuffer.reply_over()
    assert prebuffer.level_ms == 200  # a reply that ran dry teaches no thrift
    for _ in range(20):
        prebuffer.arrived(0.0, media_ms=0.0, chunk_ms=20.0, ahead_ms=-1.0)
        prebuffer.arrived(0.0, media_ms=20.0, chunk_ms=20.0, ahead_ms=prebuffer.level_ms)
        prebuffer.reply_over()
    assert prebuffer.level_ms == 40


def test_lateness_that_was_seen_is_kept_off_at_once() -> None:
    prebuffer = Prebuffer(PrebufferBounds(40, 200))
    prebuffer.arrived(0.0, media_ms=0.0, chunk_ms=20.0, ahead_ms=-1.0)
    prebuffer.arrived(0.12, media_ms=20.0, chunk_ms=20.0, ahead_ms=0.0)
    prebuffer.ran_dry()
    assert prebuffer.level_ms == pytest.approx(120)
    assert prebuffer.needed_ms == pytest.approx(140)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["push", "pull", "finish", "dry"]),
            st.integers(1, 80),
            st.sampled_from(["a", "b"]),
        ),
        max_size=60,
    )
)
def test_every_frame_comes_out_once_in_order(steps: list[tuple[str, int, str]]) -> None:
    jitter = make()
    pushed: dict[str, int] = {}
    pulled: dict[str, list[int]] = {}
    finished: set[str] = set()
    gone: list[str] = []
    now = 0.0

    def pull(frames: int) -> None:
        got = jitter.pull(frames)
        assert sum(piece.frames for piece in got.pieces) == got.samples.size <= frames
        for piece in got.pieces:
            part = got.samples[piece.offset : piece.offset + piece.frames]
            assert part[0] == piece.item_frame
            pulled.setdefault(piece.reply_id, []).extend(part.tolist())
        over = jitter.pop_finished()
        if over:
            gone.append(over)

    for kind, number, reply in steps:
        now += number / 1000
        if kind == "push" and reply not in finished:
            jitter.push(0, reply, "i", some(number, pushed.get(reply, 0)), now=now, ahead=0)
            pushed[reply] = pushed.get(reply, 0) + number
        elif kind == "finish" and reply in pushed and reply not in finished:
            assert jitter.finish(0, reply)
            finished.add(reply)
        elif kind == "pull" and jitter.ready_in(now, 0) == 0.0:
            pull(number)
        elif kind == "dry":
            jitter.ran_dry()
    for reply in pushed.keys() - finished:
        jitter.finish(0, reply)
    while not jitter.is_empty:
        pull(1000)
    assert {reply: list(range(total)) for reply, total in pushed.items()} == pulled
    assert sorted(gone) == sorted(pushed)
