"""Tool servers that the service asks itself: allowed, waited for, failed, and what follows."""

from __future__ import annotations

from typing import Any

import pytest

from device.commands import AbandonTurn, CancelReply, RequestReply, SendToolResult
from device.events import (
    ErrorKind,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ServiceTrouble,
    ServiceWorking,
    ToolCalled,
    TurnCommitted,
)
from device.providers.base import Output, SessionSpec
from device.providers.openai_requests import GOES_ON_WITHIN_S
from device.providers.openai_tool_servers import ALLOWED_WITHIN_S
from tests.providers.driver import URL, Driver, asks, event_ids, events, frames, kinds, notes

CALL_WITHIN_S = SessionSpec(url=URL).longest_work_s
CALL = {"id": "m1", "type": "mcp_call", "name": "lights", "server_label": "home", "arguments": "{}"}
ASKED = {**CALL, "id": "a1", "type": "mcp_approval_request"}


def with_servers(
    approval: str = "never", allowed: tuple[str, ...] = (), longest_work_s: float = 60.0
) -> Driver:
    options = {
        "mcp_servers": ("home: https://x.y/z",),
        "mcp_approval": approval,
        "mcp_allowed": allowed,
    }
    spec = SessionSpec(url=URL, options=options, reply_timeout_s=15, longest_work_s=longest_work_s)
    driver = Driver(spec).ready()
    driver.outputs.clear()
    return driver


def item_done(driver: Driver, item: dict[str, Any], reply_id: str = "r1") -> list[Output]:
    return driver.event("response.output_item.done", response_id=reply_id, item=item)


def call(driver: Driver, what: str, item_id: str = "m1") -> list[Output]:
    return driver.event(f"response.mcp_call.{what}", item_id=item_id, output_index=0)


def asks_a_server(driver: Driver, reply_id: str = "r1") -> None:
    """A reply that is nothing but a call, whose server is at work when it ends."""
    driver.created(reply_id)
    item = {**CALL, "id": f"m of {reply_id}"}
    driver.event("response.output_item.added", response_id=reply_id, item=item)
    item_done(driver, item, reply_id)
    assert events(driver.done(reply_id, output=[item])) == []
    call(driver, "in_progress", f"m of {reply_id}")


# --- who may be asked --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("approval", "allowed", "label", "approve"),
    [
        ("always", ("lights",), "home", True),
        ("always", ("home.lights",), "home", True),
        ("always", ("doors",), "home", False),
        ("always", (), "home", False),
        ("always", ("lights",), "elsewhere", False),
        ("never", (), "home", True),
        ("never", (), "elsewhere", False),
    ],
)
def test_the_settings_answer_for_the_owner(
    approval: str, allowed: tuple[str, ...], label: str, approve: bool
) -> None:
    driver = with_servers(approval, allowed)
    driver.created()
    outputs = item_done(driver, {**ASKED, "server_label": label})
    (frame,) = frames(outputs)
    assert frame["type"] == "conversation.item.create"
    assert frame["item"].pop("id")
    assert frame["item"] == {
        "type": "mcp_approval_response",
        "approval_request_id": "a1",
        "approve": approve,
    }
    (note,) = notes(outputs)
    assert note.startswith("allowed" if approve else "refused")
    assert "lights" in note
    assert label in note


def test_a_question_that_several_events_tell_of_is_answered_once() -> None:
    driver = with_servers("always", ("lights",))
    driver.created()
    driver.event("conversation.item.added", item=ASKED)
    driver.event("response.output_item.added", response_id="r1", item=ASKED)
    item_done(driver, ASKED)
    driver.event("conversation.item.done", item=ASKED)
    driver.done(output=[ASKED])
    assert kinds(driver.outputs) == ["conversation.item.create"]


def test_a_question_that_only_the_end_tells_of_is_answered() -> None:
    driver = with_servers("always", ("lights",))
    driver.created()
    assert kinds(driver.done(output=[ASKED])) == ["conversation.item.create"]


@pytest.mark.parametrize("told_by", ["reply", "conversation"])
def test_nothing_is_allowed_for_a_reply_that_was_called_off(told_by: str) -> None:
    driver = with_servers("always", ("lights",))
    driver.created()
    driver.command(CancelReply("r1"))
    if told_by == "reply":
        outputs = item_done(driver, ASKED)
    else:
        outputs = driver.event("conversation.item.done", item=ASKED)
    assert frames(outputs)[0]["item"]["approve"] is False


# --- waiting, and going on ---------------------------------------------------------------------


def test_what_follows_a_call_is_the_same_reply_to_the_core() -> None:
    driver = with_servers()
    asks_a_server(driver)
    assert events(call(driver, "completed", "m of r1")) == []
    outputs = driver.wait(GOES_ON_WITHIN_S)
    assert asks(outputs) == [""]
    assert driver.created("r2", request=event_ids(outputs)[0]) == []
    assert events(driver.audio(b"\1\2", reply_id="r2")) == [ReplyAudio("r1", "i1", b"\1\2")]
    assert events(driver.done("r2")) == [ReplyDone("r1", "completed")]
    assert events(driver.outputs)[0] == ReplyStarted("r1")
    assert kinds(driver.wait(60)) == []


def test_a_service_that_goes_on_by_itself_is_not_asked() -> None:
    driver = with_servers()
    asks_a_server(driver)
    call(driver, "completed", "m of r1")
    assert driver.created("r2") == []
    assert kinds(driver.wait(GOES_ON_WITHIN_S)) == []
    assert events(driver.audio(b"\1\2", reply_id="r2")) == [ReplyAudio("r1", "i1", b"\1\2")]
    assert events(driver.done("r2")) == [ReplyDone("r1", "completed")]
    assert kinds(driver.outputs) == []


def test_one_that_went_on_while_we_asked_is_not_asked_again() -> None:
    driver = with_servers()
    asks_a_server(driver)
    call(driver, "completed", "m of r1")
    (name,) = event_ids(driver.wait(GOES_ON_WITHIN_S))
    driver.created("r2")
    error = {"code": "conversation_already_has_active_response", "event_id": name}
    assert frames(driver.event("error", error=error)) == []
    assert events(driver.done("r2")) == [ReplyDone("r1", "completed")]
    assert kinds(driver.wait(60)) == []


def test_calls_may_follow_each_other() -> None:
    driver = with_servers()
    asks_a_server(driver)
    call(driver, "completed", "m of r1")
    driver.wait(GOES_ON_WITHIN_S)
    driver.created("r2", request="parlor_2")
    item = {**CALL, "id": "m2", "output": "done"}
    item_done(driver, item, "r2")
    assert events(driver.done("r2", output=[item])) == []
    (name,) = event_ids(driver.wait(GOES_ON_WITHIN_S))
    driver.created("r3", request=name)
    assert events(driver.audio(b"\1\2", reply_id="r3")) == [ReplyAudio("r1", "i1", b"\1\2")]
    assert events(driver.done("r3")) == [ReplyDone("r1", "completed")]


def test_a_reply_that_spoke_after_the_call_is_over() -> None:
    driver = with_servers()
    driver.created()
    item_done(driver, {**CALL, "output": "on"})
    driver.audio(b"\1\2")
    message = {"id": "i1", "type": "message", "role": "assistant"}
    done = driver.done(output=[{**CALL, "output": "on"}, message])
    assert events(done) == [ReplyDone("r1", "completed")]


def test_a_working_server_is_waited_for_longer_than_a_reply() -> None:
    driver = with_servers()
    asks_a_server(driver)
    for _ in range(11):
        assert events(driver.wait(5.0)) == [ServiceWorking()]
    assert events(driver.outputs)[:2] == [ReplyStarted("r1"), ServiceWorking()]
    assert events(call(driver, "completed", "m of r1")) == []
    assert asks(driver.wait(GOES_ON_WITHIN_S)) == [""]
    assert events(driver.wait(10)) == []


def test_how_long_a_tool_server_may_work_is_the_owners_choice() -> None:
    driver = with_servers(longest_work_s=20.0)
    asks_a_server(driver)
    assert events(driver.wait(19)) == [ServiceWorking()]
    trouble, done = events(driver.wait(1))
    assert isinstance(trouble, ServiceTrouble)
    assert done == ReplyDone("r1", "failed", trouble.detail)


def test_work_for_a_reply_that_was_called_off_is_not_told_of() -> None:
    driver = with_servers()
    driver.created()
    driver.command(CancelReply("r1"))
    assert events(driver.event("response.output_item.added", response_id="r1", item=CALL)) == []
    assert events(call(driver, "in_progress")) == []
    assert ServiceWorking() not in events(driver.wait(14))


def test_one_that_never_answers_is_given_up() -> None:
    driver = with_servers()
    asks_a_server(driver)
    trouble, done = events(driver.wait(CALL_WITHIN_S))
    assert isinstance(trouble, ServiceTrouble)
    assert isinstance(done, ReplyDone)
    assert (done.reply_id, done.status) == ("r1", "failed")
    assert kinds(driver.wait(60)) == []


def test_progress_is_a_sign_of_life() -> None:
    driver = with_servers()
    driver.created()
    for _ in range(4):
        driver.now += 10
        driver.event("response.mcp_call_arguments.delta", item_id="m1", delta="{")
    driver.now += 10
    driver.event("mcp_list_tools.in_progress", item_id="l1")
    assert driver.wait(14) == []
    assert events(driver.wait(1))


def test_an_allowed_call_is_waited_for_and_a_refused_one_is_answered() -> None:
    for allowed in ((), ("lights",)):
        driver = with_servers("always", allowed)
        driver.created()
        item_done(driver, ASKED)
        assert events(driver.done(output=[ASKED])) == []
        asked = asks(driver.wait(GOES_ON_WITHIN_S))
        assert asked == ([] if allowed else [""])
        if allowed:
            item = {**CALL, "approval_request_id": "a1"}
            driver.now += 2
            driver.event("conversation.item.added", item=item)
            call(driver, "in_progress")
            assert asks(driver.wait(20)) == []
            call(driver, "completed")
            assert asks(driver.wait(GOES_ON_WITHIN_S)) == [""]


def test_an_allowed_call_that_does_not_begin_is_asked_for() -> None:
    driver = with_servers("always", ("lights",))
    driver.created()
    item_done(driver, ASKED)
    driver.done(output=[ASKED])
    assert driver.codec.deadline == driver.now + ALLOWED_WITHIN_S
    driver.wait(ALLOWED_WITHIN_S)
    assert asks(driver.wait(GOES_ON_WITHIN_S)) == [""]


def test_a_tool_of_the_devices_own_in_the_same_reply_goes_its_own_way() -> None:
    driver = with_servers()
    driver.created()
    item_done(driver, CALL)
    assert isinstance(events(driver.call("c1"))[0], ToolCalled)
    assert events(driver.done(output=[CALL])) == [ReplyDone("r1", "completed")]
    assert kinds(driver.command(SendToolResult("c1", "{}"))) == ["conversation.item.create"]
    assert asks(call(driver, "completed")) == [""]


def test_requests_wait_until_it_has_gone_on() -> None:
    driver = with_servers()
    asks_a_server(driver)
    assert driver.command(RequestReply("ring")) == []
    call(driver, "completed", "m of r1")
    outputs = driver.wait(GOES_ON_WITHIN_S)
    assert asks(outputs) == [""]
    driver.created("r2", request=event_ids(outputs)[0])
    outputs = driver.done("r2")
    assert events(outputs) == [ReplyDone("r1", "completed")]
    assert asks(outputs) == ["ring"]


# --- called off while a server works ------------------------------------------------------------


def test_a_reply_called_off_while_a_server_works_is_over_at_once() -> None:
    driver = with_servers()
    asks_a_server(driver)
    assert events(driver.command(CancelReply("r1"))) == [ReplyDone("r1", "cancelled")]
    call(driver, "completed", "m of r1")
    assert kinds(driver.wait(60)) == []


def test_and_when_what_follows_was_asked_for_that_is_called_off_as_it_begins() -> None:
    driver = with_servers()
    asks_a_server(driver)
    call(driver, "completed", "m of r1")
    (name,) = event_ids(driver.wait(GOES_ON_WITHIN_S))
    assert events(driver.command(CancelReply("r1"))) == [ReplyDone("r1", "cancelled")]
    outputs = driver.created("r2", request=name)
    assert events(outputs) == []
    assert kinds(outputs) == ["response.cancel"]
    assert driver.audio(b"\1\2", reply_id="r2") == []


def test_a_service_that_goes_on_by_itself_with_what_was_called_off_answers_no_later_turn() -> None:
    driver = with_servers()
    (first,) = event_ids(driver.command(RequestReply("one")))
    driver.created("r1", request=first)
    item_done(driver, CALL)
    driver.done(output=[CALL])
    driver.command(CancelReply("r1"))
    (second,) = event_ids(driver.command(RequestReply("two")))
    call(driver, "completed")
    outputs = driver.created("r2")  # its own, about the tool's answer
    assert events(outputs) == []
    assert frames(outputs) == [{"type": "response.cancel", "response_id": "r2"}]
    driver.done("r2", "cancelled")
    assert events(driver.created("r3", request=second)) == [ReplyStarted("r3")]


def test_when_it_has_gone_on_that_response_is_cancelled() -> None:
    driver = with_servers()
    asks_a_server(driver)
    call(driver, "completed", "m of r1")
    driver.created("r2")
    assert frames(driver.command(CancelReply("r1"))) == [
        {"type": "response.cancel", "response_id": "r2"}
    ]
    assert driver.audio(b"\1\2", reply_id="r2") == []
    assert events(driver.done("r2", "cancelled")) == [ReplyDone("r1", "cancelled")]


def test_a_turn_given_up_while_a_server_works_ends_the_reply() -> None:
    driver = with_servers()
    asks_a_server(driver)
    assert events(driver.command(AbandonTurn())) == [ReplyDone("r1", "cancelled")]
    assert driver.patience_ends is None


def test_the_answer_to_a_new_turn_covers_it() -> None:
    driver = with_servers()
    asks_a_server(driver)
    assert events(driver.event("input_audio_buffer.committed", item_id="u2")) == [
        ReplyDone("r1", "completed"),
        TurnCommitted("u2"),
    ]
    assert events(driver.created("r2")) == [ReplyStarted("r2")]


# --- failures ----------------------------------------------------------------------------------


def test_a_failed_call_is_told_once_with_whose_it_was_and_why() -> None:
    driver = with_servers()
    driver.created()
    driver.event("response.output_item.added", response_id="r1", item=CALL)
    assert events(call(driver, "failed")) == [
        ServiceTrouble(ErrorKind.SERVICE, "lights of home failed")
    ]
    error = {"type": "http_error", "message": "502 Bad Gateway", "code": 502}
    outputs = item_done(driver, {**CALL, "error": error})
    assert events(outputs) == []
    assert notes(outputs) == ["lights of home failed: 502 Bad Gateway"]


def test_an_item_that_tells_of_the_failure_first_says_why() -> None:
    driver = with_servers()
    driver.created()
    error = {"type": "tool_execution_error", "message": "no such lamp"}
    (trouble,) = events(item_done(driver, {**CALL, "error": error}))
    assert trouble == ServiceTrouble(ErrorKind.SERVICE, "lights of home failed: no such lamp")
    assert call(driver, "failed") == []
    driver.done(output=[{**CALL, "error": error}])
    assert asks(driver.wait(GOES_ON_WITHIN_S)) == [""]  # the model says what it makes of it


def test_a_server_whose_tools_cannot_be_listed_is_told_of() -> None:
    driver = with_servers()
    listed = {"id": "l1", "type": "mcp_list_tools", "server_label": "home", "tools": []}
    assert driver.event("conversation.item.added", item=listed) == []
    assert events(driver.event("mcp_list_tools.failed", item_id="l1")) == [
        ServiceTrouble(ErrorKind.SERVICE, "the tool list of home failed")
    ]
    assert driver.event("mcp_list_tools.completed", item_id="l2") == []
