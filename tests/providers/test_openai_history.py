"""What the conversation was about, and pictures: written into it."""

from __future__ import annotations

import pytest

from device.commands import CommitTurn, RequestReply, ShowImage
from device.events import LinkOpened, ServiceTrouble
from device.providers.base import Emit, Said, SessionSpec
from device.providers.openai_dialects import COMPATIBLE, OPENAI, VOICE_LIVE, Dialect
from tests.providers.driver import URL, Driver, event_ids, events, frames, kinds, notes
from tests.providers.turns import AUDIO

HISTORY = (Said("user", "My name is Ada."), Said("assistant", "Hello Ada."), Said("user", ""))
PICTURE = "data:image/png;base64,iVBORw0KGgo="


def opened(dialect: Dialect) -> Driver:
    driver = Driver(SessionSpec(url=URL, history=HISTORY, device_ends_turn=True), dialect)
    driver.connect()
    driver.command(AUDIO)
    driver.command(CommitTurn())
    driver.event("session.created")
    return driver


@pytest.mark.parametrize(
    ("dialect", "content_type"),
    [(OPENAI, "output_text"), (COMPATIBLE, "output_text"), (VOICE_LIVE, "text")],
)
def test_what_was_said_before_is_told_before_the_first_turn(
    dialect: Dialect, content_type: str
) -> None:
    outputs = opened(dialect).event("session.updated", session={"id": "s"})
    assert kinds(outputs) == [
        "conversation.item.create",
        "conversation.item.create",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "response.create",
    ]
    assert [frame["item"] for frame in frames(outputs)[:2]] == [
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "My name is Ada."}],
        },
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": content_type, "text": "Hello Ada."}],
        },
    ]
    assert outputs.index(Emit(LinkOpened("s"))) == 2


def test_a_server_that_knows_the_retired_shape_gets_its_content_too() -> None:
    driver = opened(COMPATIBLE)
    error = {"type": "invalid_request_error", "message": "no"}
    driver.event("error", error=error)
    outputs = driver.event("session.updated", session={})
    assert frames(outputs)[1]["item"]["content"][0]["type"] == "text"


def test_history_that_is_refused_harms_nothing() -> None:
    driver = Driver(SessionSpec(url=URL, history=HISTORY))
    driver.connect()
    driver.event("session.created")
    event_id, _ = event_ids(driver.event("session.updated", session={}))
    error = {"type": "invalid_request_error", "message": "too long", "event_id": event_id}
    outputs = driver.event("error", error=error)
    assert events(outputs) == []
    assert "too long" in notes(outputs)[0]


def test_a_picture_is_shown_as_the_users() -> None:
    driver = Driver().ready()
    assert frames(driver.command(ShowImage(PICTURE))) == [
        {
            "type": "conversation.item.create",
            "item": {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_image", "image_url": PICTURE}],
            },
        }
    ]
    assert kinds(driver.command(RequestReply("What is this?"))) == ["response.create"]


def test_a_picture_that_is_refused_is_told() -> None:
    driver = Driver().ready()
    (event_id,) = event_ids(driver.command(ShowImage(PICTURE)))
    error = {"type": "invalid_request_error", "message": "no picture", "event_id": event_id}
    (trouble,) = events(driver.event("error", error=error))
    assert isinstance(trouble, ServiceTrouble)


@pytest.mark.parametrize("url", ["https://example.org/a.png", "data:text/html,x", ""])
def test_what_is_no_picture_is_not_sent(url: str) -> None:
    driver = Driver().ready()
    assert frames(driver.command(ShowImage(url))) == []
    assert PICTURE not in repr(ShowImage(PICTURE))
