"""Whatever a service of the OpenAI Realtime family sends, and however much of it, the codec stays
small. What is kept is counted by what it does, so that no sentence depends on how it is kept."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

from device.commands import AbandonTurn, RequestReply
from device.events import ReplyStarted, ReplyTranscript, ToolCalled
from tests.providers.driver import Driver, events, frames


def growth(times: int, event: Callable[[int], object]) -> int:
    """Bytes that are kept after ``times`` events, more than after half of them."""
    tracemalloc.start()
    try:
        before = 0
        for n in range(times):
            event(n)
            if n == times // 2:
                before = tracemalloc.get_traced_memory()[0]
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def speaks(service: Driver, words: str) -> None:
    kind = "response.output_audio_transcript.delta"
    service.event(kind, response_id="r1", item_id="i1", delta=words)


def test_a_flood_of_turns_that_nobody_spoke_leaves_next_to_nothing() -> None:
    service = Driver().ready()

    def takes_a_turn(n: int) -> None:
        service.event("input_audio_buffer.committed", item_id=f"item_{n}" + "x" * 200)
        service.outputs.clear()

    assert growth(4000, takes_a_turn) < 20_000


def test_after_such_a_flood_no_more_is_deleted_than_is_remembered() -> None:
    service = Driver().ready()
    for n in range(500):
        service.event("input_audio_buffer.committed", item_id=f"item_{n}")
    service.command(AbandonTurn())
    service.outputs.clear()
    service.event("input_audio_buffer.cleared")
    deleted = [f["item_id"] for f in frames(service.outputs)]
    assert 0 < len(deleted) <= 64
    assert deleted[-1] == "item_499"


def test_the_reply_that_is_waited_for_outlives_a_flood_of_turns_behind_its_own() -> None:
    service = Driver().ready()
    for n in range(500):  # the first is the person's
        service.event("input_audio_buffer.committed", item_id=f"item_{n}")
    assert events(service.created()) == [ReplyStarted("r1")]


def test_words_without_end_are_told_up_to_a_bound_and_not_beyond() -> None:
    service = Driver().ready()
    service.command(RequestReply())
    service.created()
    for _ in range(100):
        speaks(service, "x" * 1000)
    told = sum(len(e.text) for e in events(service.outputs) if isinstance(e, ReplyTranscript))
    assert told == 20_000


def test_words_that_come_one_letter_at_a_time_are_whole_in_the_end() -> None:
    service = Driver().ready()
    service.command(RequestReply())
    service.created()
    for letter in "It is noon.":
        speaks(service, letter)
    service.event("response.output_audio_transcript.done", response_id="r1", item_id="i1")
    final = [e for e in events(service.outputs) if isinstance(e, ReplyTranscript) and e.final]
    assert [e.text for e in final] == ["It is noon."]


def test_of_calls_without_end_no_more_are_made_than_can_be_under_way() -> None:
    service = Driver().ready()
    service.command(RequestReply())
    service.created()
    for n in range(500):
        service.call(f"call_{n}")
    assert len([e for e in events(service.outputs) if isinstance(e, ToolCalled)]) == 64


def test_a_flood_of_items_in_one_reply_is_not_kept() -> None:
    service = Driver().ready()
    service.command(RequestReply())
    service.created()

    def brings_an_item(n: int) -> None:
        service.audio(b"\0\0", item_id=f"item_{n}")
        service.outputs.clear()

    assert growth(12_000, brings_an_item) < 100_000
