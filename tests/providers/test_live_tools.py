"""OpenAI Live: the backend works, asks for the device's tools, and the model tells the result."""

from __future__ import annotations

import json

from device.commands import AbandonTurn, AppendAudio, CancelReply, ClearInput, SendToolResult
from device.events import ReplyDone, ReplyStarted, ServiceTrouble, ServiceWorking, ToolCalled
from device.providers.base import Note, Output, SendFrame
from tests.providers.driver import events, frames, kinds
from tests.providers.duplex_driver import names, only, sound_ms
from tests.providers.live_driver import Live

OUTPUT = "response.item.create"


def asked() -> Live:
    """A turn that is handed to the backend while the model says so."""
    live = Live().ready()
    live.says()
    live.delegates()
    live.backend("response.created", response={"id": "r"})
    live.sounds(400)
    live.command(ClearInput())
    return live


def test_a_call_is_part_of_the_reply_that_sounds() -> None:
    live = asked()
    assert events(live.calls()) == [ToolCalled("reply_1", "c1", "get_time", "{}")]


def test_a_call_without_a_word_takes_the_turn_and_begins_a_reply() -> None:
    live = Live().ready()
    live.says()
    outputs = live.calls()
    assert names(outputs) == ["turn", "reply_1 begins"]
    assert only(outputs, ToolCalled) == [ToolCalled("reply_1", "c1", "get_time", "{}")]
    assert sound_ms(live.hushes(1000), 24000) == 0, "it has not sounded"


def test_the_result_is_sent_and_the_next_response_asked_for_when_this_one_is_over() -> None:
    live = asked()
    live.calls()
    outputs = live.command(SendToolResult("c1", '{"time":"noon"}'))
    item = {"type": "function_call_output", "call_id": "c1", "output": '{"time":"noon"}'}
    assert frames(outputs) == [{"type": OUTPUT, "item": item}]
    outputs = live.completes()
    assert names(outputs) == ["reply_1 completed"]
    assert kinds(outputs) == ["response.create"]
    assert isinstance(outputs[-1], SendFrame), "the first reply has ended before"


def test_what_the_device_still_sends_is_no_turn_however_quick_the_result_was() -> None:
    live = Live().ready()
    live.says()
    live.calls()
    live.completes()
    assert "response.create" in kinds(live.command(SendToolResult("c1", "{}")))
    live.command(AppendAudio(bytes(960)))  # it was on its way
    live.command(ClearInput())
    assert "session.input_audio.append" in kinds(live.wait(1)), "what the answer sounds in"


def test_all_calls_are_answered_before_it_goes_on() -> None:
    live = asked()
    live.calls("c1")
    live.calls("c2")
    live.completes()
    assert kinds(live.command(SendToolResult("c2", "{}"))) == [OUTPUT]
    assert kinds(live.command(SendToolResult("c1", "{}"))) == [OUTPUT, "response.create"]


def test_a_response_whose_end_is_lost_is_over_some_time_after_its_calls_were_answered() -> None:
    live = asked()
    live.calls()
    live.command(SendToolResult("c1", "{}"))
    assert "response.create" in kinds(live.wait(3))


def test_what_sounds_behind_the_results_is_one_more_reply_whatever_the_pauses() -> None:
    live = asked()
    live.calls()
    live.completes()
    live.command(SendToolResult("c1", "{}"))
    outputs = live.sounds(300)  # the rest of "let me see"
    assert names(outputs) == ["reply_2 begins", "reply_2 sounds"]
    live.backend("response.created", response={})
    outputs = live.hushes(5000)
    live.completes()
    outputs += live.hushes(2000) + live.sounds(300)
    assert names(outputs) == ["reply_2 sounds"]
    assert sound_ms(outputs, 24000) < 1700, "no endless silence"
    assert names(live.hushes(6000)) == ["reply_2 sounds", "reply_2 completed"]


def test_a_reply_is_not_over_while_the_backend_works() -> None:
    live = asked()
    outputs = live.hushes(8000)
    live.completes()
    outputs += live.hushes(1000) + live.sounds(400)
    assert names(outputs) == ["reply_1 sounds"]


def test_a_result_of_which_the_model_says_nothing_is_an_empty_reply() -> None:
    live = asked()
    live.calls()
    live.completes()
    live.command(SendToolResult("c1", "{}"))
    live.backend("response.created", response={})
    live.completes()
    assert names(live.hushes(8000)) == ["reply_2 begins", "reply_2 completed"]


def test_a_backend_that_is_never_heard_of_again_does_not_hold_a_reply_for_ever() -> None:
    live = asked()
    assert names(live.hushes(70_000))[-1] == "reply_1 completed"
    assert names(live.wait(100)) == []


def test_a_call_comes_once() -> None:
    live = asked()
    live.calls()
    assert live.calls() == []


def test_a_result_nobody_waits_for_is_not_sent() -> None:
    (note,) = Live().ready().command(SendToolResult("c9", "{}"))
    assert isinstance(note, Note)


def test_calls_of_a_cut_reply_are_answered_for_the_backends_sake_and_not_told() -> None:
    live = asked()
    live.command(CancelReply("reply_1"))
    outputs = live.calls()
    assert events(outputs) == []
    assert kinds(outputs) == [OUTPUT]
    assert kinds(live.completes()) == ["response.create"]
    live.backend("response.created", response={})
    live.completes()
    assert events(live.sounds(500) + live.hushes(9000)) == []


def test_calls_that_were_told_before_the_cut_are_settled_as_well() -> None:
    live = asked()
    live.calls()
    live.completes()
    outputs = live.command(CancelReply("reply_1"))
    assert kinds(outputs) == [OUTPUT, "response.create"]
    assert names(outputs) == ["reply_1 cancelled"]
    assert kinds(live.command(SendToolResult("c1", "{}"))) == []


def test_work_of_a_turn_that_was_abandoned_is_told_from_that_of_the_next_by_its_name() -> None:
    live = Live().ready()
    live.says()
    live.delegates("d1")
    live.command(AbandonTurn())
    live.says()
    live.delegates("d2")
    assert events(live.calls("old", "d1")) == []
    outputs = live.calls("new", "d2")
    assert [call.call_id for call in only(outputs, ToolCalled)] == ["new"]


def test_an_abandoned_continuation_is_swallowed() -> None:
    live = asked()
    live.calls()
    live.completes()
    live.command(SendToolResult("c1", "{}"))
    live.command(AbandonTurn())
    assert events(live.sounds(1000) + live.hushes(9000)) == []


def test_a_refused_continuation_fails_instead_of_being_awaited() -> None:
    live = asked()
    live.calls()
    live.completes()
    (_, event_id) = event_ids_of(live)
    error = {"type": "e", "code": "invalid_value", "message": "no", "client_event_id": event_id}
    outputs = live.event("error", error=error)
    kinds_of = [type(e) for e in events(outputs)]
    assert kinds_of == [ServiceTrouble, ReplyStarted, ReplyDone]
    assert names(outputs)[-1] == "reply_2 failed"


def event_ids_of(live: Live) -> list[str]:
    outputs = live.command(SendToolResult("c1", "{}"))
    sent = [json.loads(o.data) for o in outputs if isinstance(o, SendFrame)]
    return [frame.get("event_id", "") for frame in sent]


def test_work_that_is_left_to_the_device_is_declined() -> None:
    live = Live(tools=()).ready()
    (frame,) = frames(live.delegates("d7", target="client"))
    assert frame["type"] == "session.commentary.append"
    assert frame["delegation_id"] == "d7"


def test_a_backend_that_fails_is_told_and_ends_nothing() -> None:
    live = asked()
    error = {"code": "insufficient_quota", "message": "empty"}
    outputs = live.backend("response.failed", response={"error": error})
    assert [type(e) for e in events(outputs)] == [ServiceTrouble]
    assert names(live.sounds(100)) == ["reply_1 sounds"]


def test_a_call_without_a_name_is_told() -> None:
    item = {"type": "function_call", "arguments": 5}
    (trouble,) = events(asked().backend("response.output_item.done", item=item))
    assert isinstance(trouble, ServiceTrouble)


# --- work that takes its time ----------------------------------------------------------------


def works(outputs: list[Output]) -> int:
    return len(only(outputs, ServiceWorking))


def test_a_backend_that_takes_its_time_is_told_of_until_it_is_done() -> None:
    live = Live().ready()
    live.says()
    assert works(live.delegates()) == 1
    assert works(live.backend("response.created", response={"id": "r"})) == 0, "just told"
    assert works(live.hushes(20_000)) >= 3
    live.completes()
    live.hushes(10_000)
    assert works(live.hushes(20_000)) == 0


def test_work_that_was_called_off_is_not_told_of() -> None:
    live = asked()
    live.command(CancelReply("reply_1"))
    assert works(live.backend("response.in_progress", response={"id": "r"})) == 0
    assert works(live.hushes(10_000)) == 0
