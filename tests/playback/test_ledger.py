"""The ledger's accounts, by hand and against a naive model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device.audio.ledger import CueEnded, Ended, Heard, Ledger, Piece, Started


def test_silence_never_counts() -> None:
    ledger = Ledger(latency_frames=0)
    ledger.open("r", "i")
    ledger.write_silence(100)
    ledger.write([Piece(0, 50, "r", "i", 0)], 50)
    ledger.write_silence(30)
    ledger.write([Piece(0, 50, "r", "i", 50)], 50)
    heard, _ = ledger.cut(queued=20)
    assert [(h.item_id, h.frames) for h in heard] == [("i", 80)]
    assert ledger.written == 210


def test_the_converters_latency_is_not_heard_yet() -> None:
    ledger = Ledger(latency_frames=40)
    ledger.open("r", "i")
    ledger.write([Piece(0, 100, "r", "i", 0)], 100)
    assert isinstance(ledger.advance(10)[0], Started)
    ledger.end("r")
    assert ledger.advance(139 - 40) == []
    ledger.write_silence(100)
    assert ledger.next_in(100) == 40
    ended = ledger.advance(145)[0]
    assert isinstance(ended, Ended) and ended.frames_ago == 5
    assert ended.heard.frames == 100 and ledger.is_idle


def test_a_block_taken_in_two_parts_counts_once() -> None:
    ledger = Ledger(latency_frames=0)
    ledger.open("r", "a")
    block = [Piece(0, 30, "r", "a", 0), Piece(30, 30, "r", "b", 0)]
    ledger.write(block, 40)
    ledger.write(block, 20, done=40)
    assert ledger.written == 60
    heard, _ = ledger.cut(queued=5)
    assert (heard[0].item_id, heard[0].frames) == ("b", 25)


def test_cues_end_when_heard_and_are_named_by_a_cut() -> None:
    ledger = Ledger(latency_frames=10)
    ledger.open_cue("one")
    ledger.open_cue("two")
    ledger.write_silence(100)
    ledger.end_cue("one")
    assert not ledger.is_idle
    assert ledger.advance(109) == [] and ledger.advance(110) == [CueEnded("one")]
    assert ledger.cut(0) == ([], ["two"])
    assert ledger.is_idle


def test_what_an_xrun_lost_does_not_delay_the_end() -> None:
    ledger = Ledger(latency_frames=0)
    ledger.open("r", "i")
    ledger.write([Piece(0, 100, "r", "i", 0)], 100)
    ledger.lose(40)
    assert ledger.written == 60
    ledger.write([Piece(0, 100, "r", "i", 100)], 100)
    ledger.end("r")
    ended = ledger.advance(160)[-1]
    assert isinstance(ended, Ended) and ended.heard.frames == 200


pieces = st.lists(
    st.tuples(st.sampled_from(["", "a", "b"]), st.integers(1, 50)), min_size=1, max_size=20
)


@given(pieces, st.integers(0, 30), st.data())
def test_heard_is_what_a_frame_by_frame_model_says(
    parts: list[tuple[str, int]], latency: int, data: st.DataObject
) -> None:
    """Items come one after the other; silence ("") anywhere between."""
    ledger = Ledger(latency)
    ledger.open("r", "a")
    parts.sort(key=lambda part: part[0] == "b")  # silence and a, then b
    stream: list[str] = []
    sent = {"a": 0, "b": 0}
    told = 0
    for item, frames in parts:
        if item:
            ledger.write([Piece(0, frames, "r", item, sent[item])], frames)
            sent[item] += frames
        else:
            ledger.write_silence(frames)
        stream += [item] * frames
        played = data.draw(st.integers(told, len(stream)))
        ledger.advance(played)
        told = played
    played = data.draw(st.integers(told, len(stream)))
    heard, _ = ledger.cut(len(stream) - played)
    audible = [item for item in stream[: max(0, played - latency)] if item]
    assert heard[0].frames == (audible.count(audible[-1]) if audible else 0)
    if audible:
        assert heard[0].item_id == audible[-1]


def test_a_reply_without_a_frame_is_over_after_what_was_written_before() -> None:
    ledger = Ledger(0)
    ledger.open("r", "i")
    ledger.write([Piece(0, 480, "r", "i", 0)], 480)
    ledger.end("r")
    ledger.open("empty", "i")
    ledger.end("empty")
    assert [type(passed) for passed in ledger.advance(479)] == [Started]
    ended = ledger.advance(480)
    assert [e.heard for e in ended if isinstance(e, Ended)] == [
        Heard("r", "i", 480),
        Heard("empty", "i", 0),
    ]
