"""What waits for a session: audio bounded, order kept, abandoned words forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device.commands import (
    AppendAudio,
    CancelReply,
    ClearInput,
    CommitTurn,
    RequestReply,
    ServiceCommand,
)
from device.providers.backlog import JOIN_BYTES, MOST_COMMANDS, Backlog


def drain(backlog: Backlog) -> list[ServiceCommand]:
    return [backlog.pop() for _ in iter(lambda: len(backlog), 0)]


def test_small_pieces_of_audio_leave_as_one() -> None:
    backlog = Backlog(10_000)
    for byte in (b"aa", b"bb", b"cc"):
        backlog.push(AppendAudio(byte))
    assert drain(backlog) == [AppendAudio(b"aabbcc")]
    assert backlog.audio_bytes == 0


def test_audio_is_not_joined_across_a_command() -> None:
    backlog = Backlog(10_000)
    pushed = [AppendAudio(b"aa"), CommitTurn(), AppendAudio(b"bb")]
    for command in pushed:
        backlog.push(command)
    assert drain(backlog) == pushed


def test_the_oldest_audio_goes_first_and_is_counted() -> None:
    backlog = Backlog(6)
    assert backlog.push(AppendAudio(b"aa")) == 0
    backlog.push(CancelReply("r1"))
    backlog.push(AppendAudio(b"bbbb"))
    assert backlog.push(AppendAudio(b"cc")) == 2
    assert drain(backlog) == [CancelReply("r1"), AppendAudio(b"bbbbcc")]


def test_clearing_forgets_words_that_were_never_sent() -> None:
    backlog = Backlog(10_000)
    for command in (AppendAudio(b"aa"), CommitTurn(), AppendAudio(b"bb"), RequestReply()):
        backlog.push(command)
    backlog.push(ClearInput())
    assert backlog.audio_bytes == 2
    assert drain(backlog) == [AppendAudio(b"aa"), CommitTurn(), RequestReply(), ClearInput()]


commands = st.one_of(
    st.binary(max_size=3000).map(AppendAudio),
    st.just(CommitTurn()),
    st.text(max_size=3).map(CancelReply),
)


@given(st.lists(commands), st.integers(min_value=1, max_value=20_000))
def test_what_comes_out_is_what_went_in_less_the_oldest_audio(
    pushed: list[ServiceCommand], limit: int
) -> None:
    backlog = Backlog(limit)
    dropped = 0
    for command in pushed:
        dropped += backlog.push(command)
        assert backlog.audio_bytes <= limit
    popped = drain(backlog)
    others = [c for c in pushed if not isinstance(c, AppendAudio)]
    assert [c for c in popped if not isinstance(c, AppendAudio)] == others
    said = b"".join(c.pcm for c in pushed if isinstance(c, AppendAudio))
    kept = b"".join(c.pcm for c in popped if isinstance(c, AppendAudio))
    assert kept == said[dropped:]


@given(st.lists(st.binary(min_size=1, max_size=JOIN_BYTES).map(AppendAudio), min_size=1))
def test_joined_audio_stays_below_the_bound(pieces: list[AppendAudio]) -> None:
    backlog = Backlog(10**9)
    for piece in pieces:
        backlog.push(piece)
    assert all(isinstance(c, AppendAudio) and len(c.pcm) <= JOIN_BYTES for c in drain(backlog))


def test_commands_that_nobody_takes_do_not_pile_up() -> None:
    """Whatever a stall leaves behind; the newest count, and no audio goes for them."""
    backlog = Backlog(10_000)
    backlog.push(AppendAudio(b"aa"))
    for n in range(3 * MOST_COMMANDS):
        assert backlog.push(CancelReply(str(n))) == 0
        backlog.push(AppendAudio(b""))
    assert len(backlog) == MOST_COMMANDS + 1
    first, *others = drain(backlog)
    assert first == AppendAudio(b"aa")
    assert others == [CancelReply(str(n)) for n in range(2 * MOST_COMMANDS, 3 * MOST_COMMANDS)]
    for _ in range(MOST_COMMANDS):
        backlog.push(ClearInput())
    assert len(backlog) == MOST_COMMANDS
