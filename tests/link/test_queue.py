"""The link's queue: what waits, and what a lost session has to be told again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device.adapters.link_queue import LinkQueue
from device.adapters.link_tuning import LinkTuning
from device.commands import (
    AppendAudio,
    CancelReply,
    ClearInput,
    CommitTurn,
    ServiceCommand,
    TruncateReply,
)
from device.config_schema import options
from device.mailbox import MOST_UPLINK_WAITING
from device.providers.openai_frames import BYTES_PER_MS
from device.providers.openai_realtime import BACKLOG_BYTES
from device.settings import Settings


def filled(*commands: ServiceCommand, limit: int = 10_000) -> LinkQueue:
    queue = LinkQueue(limit)
    for command in commands:
        queue.push(command)
    return queue


def take(queue: LinkQueue, count: int) -> list[ServiceCommand]:
    return [queue.pop() for _ in range(count) if queue]


def audio(commands: list[ServiceCommand]) -> bytes:
    return b"".join(c.pcm for c in commands if isinstance(c, AppendAudio))


def drain(queue: LinkQueue) -> list[ServiceCommand]:
    return [queue.pop() for _ in iter(queue.__len__, 0)]


def test_a_lost_session_leaves_the_turn_to_the_next_one() -> None:
    queue = filled(AppendAudio(b"aa"), CommitTurn(), AppendAudio(b"bb"))
    take(queue, 1)
    assert queue.rewind() == 0
    assert drain(queue) == [AppendAudio(b"aa"), CommitTurn(), AppendAudio(b"bb")]


def test_a_turn_that_the_service_took_is_not_told_again() -> None:
    queue = filled(AppendAudio(b"aa"))
    drain(queue)
    queue.turn_taken()
    queue.push(AppendAudio(b"bb"))
    queue.rewind()
    assert drain(queue) == [AppendAudio(b"bb")]


def test_the_answer_to_a_commit_is_about_what_came_before_it() -> None:
    queue = filled(AppendAudio(b"aa"), CommitTurn(), AppendAudio(b"bb"))
    drain(queue)
    queue.turn_taken()
    queue.rewind()
    assert drain(queue) == [AppendAudio(b"bb")]


def test_what_was_taken_back_is_not_told_again() -> None:
    queue = filled(AppendAudio(b"aa"))
    drain(queue)
    queue.push(ClearInput())
    queue.push(AppendAudio(b"bb"))
    queue.rewind()  # also when the lost session was never told of it
    assert drain(queue) == [AppendAudio(b"bb")]


def test_what_was_about_the_lost_session_goes_with_it() -> None:
    queue = filled(CancelReply("r1"), TruncateReply("i1", 5), AppendAudio(b"aa"))
    queue.rewind()
    assert drain(queue) == [AppendAudio(b"aa")]


def test_a_turn_may_be_lost_twice() -> None:
    queue = filled(AppendAudio(b"aa"))
    for _ in range(2):
        assert drain(queue) == [AppendAudio(b"aa")]
        queue.rewind()
    assert drain(queue) == [AppendAudio(b"aa")]


@given(
    st.lists(st.one_of(st.binary(max_size=300), st.integers(0, 5))),
    st.integers(min_value=20, max_value=2000),
)
def test_the_next_session_hears_the_whole_turn_or_nothing_of_it(
    steps: list[bytes | int], limit: int
) -> None:
    """Bytes are said, a number is how much of what waits the session takes."""
    queue = LinkQueue(limit)
    said = b""
    lost = 0
    for step in steps:
        if isinstance(step, bytes):
            lost += queue.push(AppendAudio(step))
            said += step
            assert queue.audio_bytes <= limit
        else:
            take(queue, step)
    lost += queue.rewind()
    heard = audio(drain(queue))
    assert heard == (said if len(said) <= limit else b"")
    assert len(heard) + lost == len(said)  # what is not said again is told
    queue.push(AppendAudio(b"and so on"))
    assert bool(queue) == (len(said) <= limit)
    queue.push(ClearInput())
    queue.push(AppendAudio(b"next"))
    assert audio(drain(queue)) == b"next"


def test_the_rest_of_a_turn_whose_beginning_is_gone_is_not_taken_for_a_turn() -> None:
    queue = LinkQueue(4)
    for piece in (b"abcd", b"ef"):
        queue.push(AppendAudio(piece))
        queue.pop()
    assert queue.rewind() == 6
    assert queue.push(AppendAudio(b"gh")) == 2
    assert queue.push(CommitTurn()) == 0
    assert not queue
    queue.turn_taken()
    assert queue.push(AppendAudio(b"i")) == 0
    assert queue


def test_every_level_holds_the_longest_wait() -> None:
    wait = options()["turn"]["link_wait_s"]
    longest_s = 18.0
    assert wait.bounds == "from 2 to 18"
    assert Settings().turn.link_wait_s == 15.0
    turn = Settings().turn
    longest_turn_s = turn.no_speech_s + turn.longest_s
    assert LinkTuning().uplink_queue_s > longest_s + longest_turn_s
    assert LinkTuning().uplink_queue_s >= 15.0 + 2 * LinkTuning().probe_s
    assert longest_s * 1000 * BYTES_PER_MS < BACKLOG_BYTES
    assert Settings().audio.period_ms * MOST_UPLINK_WAITING / 1000 > longest_s
