"""Late words about audio that was taken back: told apart from those on what came after."""

from __future__ import annotations

from typing import Any

from device.commands import AppendAudio, ClearInput, RequestReply
from device.events import (
    ReplyAudio,
    ReplyStarted,
    TurnCommitted,
    UserTranscript,
)
from device.providers.base import AskFence
from device.providers.openai_barrier import (
    CLEARED_AT_LAST_S,
    CLEARED_WITHIN_S,
    IN_FLIGHT_S,
    OVERDUE_FOR_S,
)
from device.providers.openai_promises import ANSWER_WITHIN_S, OVERTAKEN_AFTER_S
from tests.providers.driver import Driver, asks, event_ids, events, frames, kinds, notes

BUFFER = "input_audio_buffer"
TRANSCRIPT = "conversation.item.input_audio_transcription"
AUDIO = AppendAudio(bytes(9600))


def abandoning() -> Driver:
    """Audio was sent and taken back; the service has not answered."""
    driver = Driver().ready()
    driver.command(AUDIO)
    assert kinds(driver.command(ClearInput())) == [f"{BUFFER}.clear"]
    return driver


def hears(driver: Driver, item_id: str) -> list[Any]:
    """The service's VAD takes a turn."""
    return [
        *driver.event(f"{BUFFER}.speech_started", audio_start_ms=1, item_id=item_id),
        *driver.event(f"{BUFFER}.speech_stopped", audio_end_ms=9, item_id=item_id),
        *driver.event(f"{BUFFER}.committed", item_id=item_id),
    ]


def commits(outputs: list[Any]) -> list[str]:
    return [e.item_id for e in events(outputs) if isinstance(e, TurnCommitted)]


def test_what_comes_before_cleared_is_of_the_abandoned_turn() -> None:
    driver = abandoning()
    assert hears(driver, "old") == []
    assert events(driver.event(f"{BUFFER}.cleared")) == []
    assert commits(hears(driver, "new")) == ["new"]


def test_each_clear_is_answered_for_itself() -> None:
    driver = abandoning()
    driver.command(ClearInput())
    driver.event(f"{BUFFER}.cleared")
    assert hears(driver, "between") == []
    driver.event(f"{BUFFER}.cleared")
    assert commits(hears(driver, "new")) == ["new"]


def test_the_words_of_an_abandoned_turn_are_not_told_however_late_they_come() -> None:
    driver = Driver().ready()
    driver.event(f"{BUFFER}.speech_started", item_id="old")
    driver.command(ClearInput())
    driver.event(f"{BUFFER}.committed", item_id="old")
    driver.event(f"{BUFFER}.cleared")
    assert driver.event(f"{TRANSCRIPT}.delta", item_id="old", delta="hey") == []
    assert driver.event(f"{TRANSCRIPT}.completed", item_id="old", transcript="hey") == []
    assert driver.event(f"{TRANSCRIPT}.failed", item_id="old", error={"message": "x"}) == []


def test_the_words_of_the_turn_that_was_taken_are_told_across_a_clear() -> None:
    """After its commit the device takes back what it sent since."""
    driver = Driver().ready()
    hears(driver, "mine")
    driver.command(ClearInput())
    outputs = driver.event(f"{TRANSCRIPT}.completed", item_id="mine", transcript="hello")
    assert events(outputs) == [UserTranscript("hello", final=True, item_id="mine")]


def test_a_service_that_goes_on_with_the_same_item_is_believed_after_cleared() -> None:
    driver = Driver().ready()
    driver.event(f"{BUFFER}.speech_started", item_id="same")
    driver.command(ClearInput())
    driver.event(f"{BUFFER}.cleared")
    assert commits(driver.event(f"{BUFFER}.committed", item_id="same")) == ["same"]
    assert events(driver.event(f"{TRANSCRIPT}.completed", item_id="same", transcript="yes"))


# --- the answer that nobody waits for ------------------------------------------------


def test_the_answer_to_an_abandoned_turn_is_cancelled_and_nobody_is_told() -> None:
    driver = abandoning()
    hears(driver, "old")
    outputs = driver.created("r_old")
    assert frames(outputs) == [{"type": "response.cancel", "response_id": "r_old"}]
    assert events(outputs) == []
    driver.event(f"{BUFFER}.cleared")
    assert driver.audio(b"\1\0" * 9, reply_id="r_old") == []
    assert driver.call("c1", reply_id="r_old") == []
    assert driver.done("r_old", status="cancelled") == []
    hears(driver, "new")
    assert events(driver.created("r_new")) == [ReplyStarted("r_new")]
    assert isinstance(events(driver.audio(b"\1\0", reply_id="r_new"))[0], ReplyAudio)


def test_an_answer_that_is_already_over_is_not_told_either() -> None:
    driver = abandoning()
    hears(driver, "old")
    assert events(driver.done("r_old", status="failed")) == []


def test_a_reply_that_was_promised_before_is_not_the_abandoned_turns() -> None:
    driver = Driver().ready()
    hears(driver, "mine")
    driver.command(ClearInput())
    hears(driver, "stray")
    assert events(driver.created("r_mine")) == [ReplyStarted("r_mine")]
    driver.done("r_mine")
    assert events(driver.created("r_stray")) == []


def test_an_answer_that_never_came_takes_no_later_reply_with_it() -> None:
    driver = abandoning()
    hears(driver, "old")
    driver.event(f"{BUFFER}.cleared")
    driver.wait(OVERTAKEN_AFTER_S)
    hears(driver, "new")
    assert events(driver.created("r_new")) == [ReplyStarted("r_new")]


def test_an_answer_that_comes_after_the_next_turn_was_taken_is_not_that_ones() -> None:
    driver = abandoning()
    hears(driver, "old")
    driver.event(f"{BUFFER}.cleared")
    driver.wait(OVERTAKEN_AFTER_S - 0.1)
    hears(driver, "new")
    assert events(driver.created("r_old")) == []
    assert events(driver.created("r_new")) == [ReplyStarted("r_new")]


def test_nor_does_it_after_a_while_when_nothing_else_was_said() -> None:
    driver = abandoning()
    hears(driver, "old")
    driver.event(f"{BUFFER}.cleared")
    driver.wait(ANSWER_WITHIN_S)
    assert asks(driver.command(RequestReply("say hello"))) == ["say hello"]
    assert events(driver.created("r")) == [ReplyStarted("r")]


def test_what_was_taken_back_is_deleted_before_a_reply_is_asked_for() -> None:
    """Else whoever answers would see it, and answer that."""
    driver = abandoning()
    assert driver.command(RequestReply("say hello")) == []
    driver.event(f"{BUFFER}.committed", item_id="old")
    outputs = driver.event(f"{BUFFER}.cleared")
    assert frames(outputs)[0] == {"type": "conversation.item.delete", "item_id": "old"}
    assert kinds(outputs) == ["conversation.item.delete", "response.create"]


def test_what_may_have_been_said_after_the_clear_is_not_deleted() -> None:
    """A service that answers no clears leaves it open which audio a turn was made of."""
    driver = abandoning()
    hears(driver, "old or new")
    driver.drained()
    driver.wait(CLEARED_WITHIN_S)
    assert commits(hears(driver, "new")) == ["new"]
    driver.command(ClearInput())
    assert kinds(driver.event(f"{BUFFER}.cleared")) == []


def test_an_answer_to_a_clear_that_was_given_up_is_not_the_next_ones() -> None:
    driver = abandoning()
    driver.drained()
    driver.wait(CLEARED_WITHIN_S)
    hears(driver, "new")
    driver.command(ClearInput())
    driver.event(f"{BUFFER}.cleared")  # of the first
    assert hears(driver, "old") == []
    driver.event(f"{BUFFER}.cleared")
    assert commits(hears(driver, "next")) == ["next"]


def test_a_clear_that_is_never_answered_does_not_shift_the_answers_for_ever() -> None:
    driver = abandoning()
    driver.drained()
    driver.wait(CLEARED_WITHIN_S)
    hears(driver, "new")
    driver.wait(OVERDUE_FOR_S)
    driver.command(ClearInput())
    driver.event(f"{BUFFER}.cleared")
    assert commits(hears(driver, "next")) == ["next"]


def test_one_turn_is_taken_and_what_is_made_of_sound_behind_it_is_dropped() -> None:
    """Kept audio reaches the service at once: it takes two turns before our clear arrives."""
    driver = Driver().ready()
    hears(driver, "first")
    assert hears(driver, "second") == []
    driver.command(ClearInput())
    outputs = driver.event(f"{BUFFER}.cleared")
    assert frames(outputs) == [{"type": "conversation.item.delete", "item_id": "second"}]
    assert events(driver.created("r1")) == [ReplyStarted("r1")]
    assert events(driver.created("r2")) == []


def test_a_service_that_never_answers_a_clear_is_asked_for_a_reply_all_the_same() -> None:
    driver = abandoning()
    driver.command(RequestReply("say hello"))
    driver.drained()
    assert driver.codec.deadline == driver.now + CLEARED_WITHIN_S
    assert driver.wait(CLEARED_WITHIN_S - 0.1) == []
    assert asks(driver.wait(0.1)) == ["say hello"]


def test_a_request_is_answered_though_the_abandoned_turn_never_was() -> None:
    driver = abandoning()
    hears(driver, "old")
    driver.command(RequestReply("say hello"))
    asked = event_ids(driver.event(f"{BUFFER}.cleared"))[-1]
    assert events(driver.created("r", request=asked)) == [ReplyStarted("r")]
    driver.done("r")
    # The late answer to the abandoned turn is still recognised.
    assert events(driver.created("r_old")) == []


def test_a_request_that_crossed_the_answer_nobody_wants_is_made_again_after_it() -> None:
    driver = abandoning()
    hears(driver, "old")
    driver.command(RequestReply("say hello"))
    asked = event_ids(driver.event(f"{BUFFER}.cleared"))[-1]
    driver.created("r_old")
    busy = {"code": "conversation_already_has_active_response", "event_id": asked}
    assert driver.event("error", error=busy) == []
    assert asks(driver.done("r_old", status="cancelled")) == ["say hello"]
    assert events(driver.created("r")) == [ReplyStarted("r")]


def test_what_an_answer_nobody_heard_had_said_goes_from_the_conversation() -> None:
    driver = abandoning()
    hears(driver, "old")
    driver.created("r_old")
    said = [{"id": "item_1", "type": "message"}, {"type": "nameless"}]
    outputs = driver.done("r_old", status="completed", output=said)
    assert frames(outputs) == [{"type": "conversation.item.delete", "item_id": "item_1"}]


def test_a_history_that_cannot_be_corrected_is_noted() -> None:
    driver = abandoning()
    driver.event(f"{BUFFER}.committed", item_id="old")
    event_id = event_ids(driver.event(f"{BUFFER}.cleared"))[0]
    outputs = driver.event("error", error={"message": "no such item", "event_id": event_id})
    assert events(outputs) == []
    assert "no such item" in notes(outputs)[0]


def test_the_silence_of_an_answer_nobody_wants_is_no_trouble() -> None:
    driver = abandoning()
    hears(driver, "old")
    driver.created("r_old")
    assert driver.codec.deadline is not None
    assert events(driver.wait(60.0)) == []


# --- a service that does not answer ---------------------------------------------------------


def test_a_service_that_never_answers_is_believed_again_after_a_while() -> None:
    driver = abandoning()
    driver.drained()
    driver.wait(CLEARED_WITHIN_S - 0.1)
    assert commits(hears(driver, "old")) == []
    driver.wait(0.1)
    assert commits(hears(driver, "new")) == ["new"]
    driver.command(ClearInput())
    driver.wait(CLEARED_AT_LAST_S / 2)
    driver.drained()
    driver.wait(IN_FLIGHT_S - 0.1)
    assert commits(hears(driver, "late")) == []
    driver.wait(0.1)
    assert commits(hears(driver, "next")) == ["next"]


def test_a_service_that_answers_after_all_is_waited_for_again() -> None:
    driver = abandoning()
    driver.drained()
    driver.wait(CLEARED_WITHIN_S)
    assert commits(hears(driver, "a")) == ["a"]
    driver.event(f"{BUFFER}.cleared")
    driver.command(ClearInput())
    driver.drained()
    driver.wait(IN_FLIGHT_S)
    assert hears(driver, "late") == []


def test_no_time_makes_late_words_those_of_the_next_turn_while_the_line_is_not_drained() -> None:
    """Half a minute of an old reply is on its way, on a slow line, before them."""
    driver = abandoning()
    driver.wait(CLEARED_AT_LAST_S - 1)
    assert hears(driver, "old") == []
    assert events(driver.event(f"{BUFFER}.cleared")) == []
    driver.drained()
    assert commits(hears(driver, "new")) == ["new"]


def test_a_fence_is_about_the_clears_before_it_only() -> None:
    driver = abandoning()
    first = next(o.token for o in driver.outputs if isinstance(o, AskFence))
    driver.command(ClearInput())
    driver.fence_passes(first)
    driver.wait(CLEARED_WITHIN_S)
    assert hears(driver, "of the first") == []
    driver.drained()
    driver.wait(CLEARED_WITHIN_S)
    assert commits(hears(driver, "new")) == ["new"]


def test_a_fence_of_a_clear_that_was_answered_says_nothing_of_the_next() -> None:
    driver = abandoning()
    driver.event(f"{BUFFER}.cleared")
    first = next(o.token for o in driver.outputs if isinstance(o, AskFence))
    driver.command(ClearInput())
    driver.fence_passes(first)
    driver.fence_passes("nobody asked for this")
    driver.wait(CLEARED_WITHIN_S)
    assert hears(driver, "old") == []


def test_a_line_whose_fence_never_passes_is_believed_at_last() -> None:
    driver = abandoning()
    driver.wait(CLEARED_AT_LAST_S)
    assert commits(hears(driver, "new")) == ["new"]


def test_a_refused_clear_is_an_answer_and_noted() -> None:
    driver = Driver().ready()
    event_id = event_ids(driver.command(ClearInput()))[0]
    outputs = driver.event("error", error={"message": "nothing there", "event_id": event_id})
    assert "nothing there" in notes(outputs)[0]
    assert events(outputs) == []
    assert commits(hears(driver, "new")) == ["new"]
