"""Responses that somebody else asked for, outside the conversation."""

from __future__ import annotations

from typing import Any

import pytest

from device.commands import RequestReply
from device.events import ReplyAudio, ReplyDone, ReplyStarted, UsageReported
from device.providers.base import Output
from tests.providers.driver import Driver, asks, event_ids, events, frames, kinds

OUTSIDE = {"conversation_id": None, "metadata": {"topic": "moderation"}}


def created(driver: Driver, reply_id: str, **response: Any) -> list[Output]:
    return driver.event("response.created", response={"id": reply_id, **response})


@pytest.mark.parametrize("says", [OUTSIDE, {"conversation": "none"}])
def test_nothing_of_it_is_told_but_what_it_took(says: dict[str, Any]) -> None:
    driver = Driver().ready()
    driver.outputs.clear()
    created(driver, "other", **says)
    driver.audio(b"\1\2", reply_id="other")
    driver.event("response.output_text.delta", response_id="other", delta="fine")
    driver.call("c1", reply_id="other")
    usage = {"output_token_details": {"text_tokens": 7}}
    driver.done("other", usage=usage, **says)
    driver.done("other", usage=usage, **says)
    assert events(driver.outputs) == [UsageReported(text_out=7)]
    assert frames(driver.outputs) == []


def test_it_hinders_no_reply_of_ours() -> None:
    driver = Driver().ready()
    created(driver, "other", **OUTSIDE)
    outputs = driver.command(RequestReply("hello"))
    assert asks(outputs) == ["hello"]
    assert events(driver.created("r1", request=event_ids(outputs)[0])) == [ReplyStarted("r1")]
    driver.audio(b"\1\2", reply_id="other")
    assert events(driver.audio(b"\3\4")) == [ReplyAudio("r1", "i1", b"\3\4")]
    assert driver.done("other", **OUTSIDE) == []
    assert events(driver.done("r1")) == [ReplyDone("r1", "completed")]


def test_it_is_not_the_answer_to_a_turn() -> None:
    driver = Driver().ready()
    driver.event("input_audio_buffer.committed", item_id="u1")
    assert created(driver, "other", **OUTSIDE) == []
    assert events(created(driver, "r1", conversation_id="conv_1", metadata=None)) == [
        ReplyStarted("r1")
    ]


def test_it_is_not_given_up_with_what_is_silent() -> None:
    driver = Driver().ready()
    created(driver, "other", **OUTSIDE)
    assert driver.wait(60) == []


def test_one_whose_end_is_all_that_is_told_is_no_reply_either() -> None:
    driver = Driver().ready()
    assert driver.done("other", **OUTSIDE) == []


def test_where_every_response_is_of_no_conversation_it_tells_nothing() -> None:
    driver = Driver().ready()
    for reply_id in ("r1", "r2"):
        said = created(driver, reply_id, conversation_id=None, metadata=None)
        assert events(said) == [ReplyStarted(reply_id)]
        driver.done(reply_id)


def test_where_others_are_of_one_it_tells() -> None:
    driver = Driver().ready()
    created(driver, "r1", conversation_id="conv_1")
    driver.done("r1")
    assert created(driver, "r2", conversation_id=None, metadata=None) == []
    assert kinds(driver.done("r2")) == []


def test_what_we_asked_for_is_ours_whatever_it_says_of_the_conversation() -> None:
    driver = Driver().ready()
    (name,) = event_ids(driver.command(RequestReply("hello")))
    said = created(driver, "r1", conversation_id=None, metadata={"request": name})
    assert events(said) == [ReplyStarted("r1")]
