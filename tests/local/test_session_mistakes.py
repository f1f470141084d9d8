"""The session machine: whatever a client sends is answered, mistakes by their name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.local.effects import Understand
from device.local.recognition.port import Recognition
from tests.local.driver import Driver, the_error
from tests.local.fakes import Json, silence


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ([], "invalid_type", "event"),
        ({}, "missing_required_parameter", "type"),
        ({"type": 7}, "invalid_type", "type"),
        ({"type": "response.make"}, "invalid_value", "type"),
        ({"type": "session.update"}, "missing_required_parameter", "session"),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "%%%"}, "invalid_audio", "audio"),
        ({"type": "input_audio_buffer.append", "audio": "QUJD"}, "invalid_audio", "audio"),
        ({"type": "input_audio_buffer.append", "audio": 1}, "invalid_type", "audio"),
        ({"type": "conversation.item.create"}, "missing_required_parameter", "item"),
        ({"type": "conversation.item.create", "item": {}}, "missing_required", "item.type"),
        ({"type": "response.create", "response": {"modalities": []}}, "unknown", "response.mod"),
        ({"type": "output_audio_buffer.clear"}, "invalid_value", None),
    ],
)
def test_mistakes_are_named(message: object, code: str, param: str | None) -> None:
    error = the_error(Driver().raw(message))
    assert error["code"].startswith(code)
    assert error["type"] == "invalid_request_error"
    assert (error["param"] or "").startswith(param or "")


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"type": "song"}, "item.type"),
        ({"type": "mcp_call"}, "item"),
        ({"type": "message", "role": "robot", "content": []}, "item.role"),
        ({"type": "message", "role": "user", "content": []}, "item.content"),
        ({"type": "message", "role": "user", "content": "hi"}, "item.content"),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_image"}]},
            "item.content[0]",
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "output_text"}]},
            "item.content[0].type",
        ),
        (
            {"type": "message", "role": "user", "content": [{"type": "input_audio"}]},
            "item.content[0].audio",
        ),
        ({"type": "function_call_output", "output": ""}, "item.call_id"),
        ({"type": "function_call", "name": "x"}, "item.arguments"),
    ],
)
def test_items_the_service_cannot_hold(item: Json, param: str) -> None:
    assert the_error(Driver().send("conversation.item.create", item=item))["param"] == param


def test_an_append_beyond_the_limit_is_refused() -> None:
    driver = Driver()
    error = the_error(driver.send("input_audio_buffer.append", audio="A" * (15 * 1024 * 1024 + 4)))
    assert error["code"] == "audio_too_large"


def test_a_buffer_that_nobody_commits_is_bounded() -> None:
    driver = Driver()
    driver.manual()
    minute = silence(60_000)
    replies = [driver.append(minute) for _ in range(6)]
    assert replies[4] == []
    assert the_error(replies[5])["code"] == "input_audio_buffer_full"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)


_KEYS = (
    *("session", "item", "response", "audio", "item_id", "content_index", "audio_end_ms"),
    *("previous_item_id", "id", "response_id", "role", "content", "input", "tools", "type"),
    *("output", "call_id", "turn_detection", "metadata"),
)


_VALUES: st.SearchStrategy[Any] = st.one_of(
    _JSON,
    st.sampled_from(
        ["realtime", "message", "user", "AAAA", "none", "server_vad", "item_1", "root"]
    ),
    st.deferred(lambda: st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=4)),
    st.deferred(lambda: st.lists(_VALUES, max_size=3)),
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_message_raises_and_every_mistake_is_answered(data: st.DataObject) -> None:
    driver = Driver()
    kinds = [
        "session.update",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "input_audio_buffer.clear",
        "conversation.item.create",
        "conversation.item.retrieve",
        "conversation.item.truncate",
        "conversation.item.delete",
        "response.create",
        "response.cancel",
        "output_audio_buffer.clear",
        "?",
    ]
    for _ in range(data.draw(st.integers(1, 8))):
        fields = data.draw(st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=4))
        message = data.draw(_JSON) if data.draw(st.booleans()) else fields
        if isinstance(message, dict):
            message = {**message, "type": data.draw(st.sampled_from(kinds)), "event_id": "mine"}
        for event in driver.raw(message):
            if event["type"] == "error" and isinstance(message, dict):
                assert event["error"]["event_id"] in ("mine", None)
        for understand_effect in driver.of(Understand):
            driver.take(
                driver.session.recognised(understand_effect.item_id, Recognition(""), driver.now)
            )
        driver.voice()
        driver.effects.clear()
    # whatever came before, the session still works
    driver.update(output_modalities=["text"], tools=[], tool_choice="auto", max_output_tokens="inf")
    driver.send("response.cancel")
    driver.type("hello")
    assert driver.reply()["status"] == "completed"
