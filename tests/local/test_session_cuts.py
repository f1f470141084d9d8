"""The session machine: replies that are interrupted, cancelled or truncated."""

from __future__ import annotations

import base64

import pytest

from device.local.effects import Hush, Speak, Understand
from tests.local.driver import Driver, spoken_reply, the_error
from tests.local.fakes import Json, heard, silence, tone


def test_speech_interrupts_the_reply() -> None:
    driver = Driver()
    driver.speak("hello")
    response_id = driver.of(Speak)[0].response_id
    driver.take(driver.session.spoke(response_id, "Hello.", tone(300), driver.now))
    driver.append(tone(500))
    done = driver.reply()
    assert done["status"] == "cancelled"
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["output"][0]["status"] == "incomplete"
    assert done["usage"]["output_token_details"]["audio_tokens"] == 6
    assert driver.of(Hush)[0].response_id == response_id
    before = len(driver.events)
    driver.take(driver.session.spoke(response_id, "", tone(100), driver.now))
    driver.take(driver.session.spoken(response_id, driver.now))
    assert len(driver.events) == before  # what was under way is not sent


def test_interrupt_response_off_lets_it_speak_and_says_when_busy() -> None:
    driver = Driver()
    detection = {"type": "server_vad", "interrupt_response": False}
    driver.update(audio={"input": {"turn_detection": detection}})
    driver.speak("hello")
    driver.append(tone(500) + silence(700))
    error = driver.last("error")["error"]
    assert error["code"] == "conversation_already_has_active_response"
    driver.voice()
    assert driver.reply()["status"] == "completed"


def test_cancel_by_the_client() -> None:
    driver = Driver()
    error = the_error(driver.send("response.cancel", event_id="c1"))
    assert (error["code"], error["event_id"]) == ("response_cancel_not_active", "c1")
    driver.type("hello")
    response_id = driver.last("response.created")["response"]["id"]
    assert driver.send("response.cancel", response_id="resp_x")[0]["type"] == "error"
    driver.send("response.cancel", response_id=response_id)
    details = driver.reply()["status_details"]
    assert details["reason"] == "client_cancelled"


def test_cancel_while_still_recognising() -> None:
    driver = Driver()
    driver.append(tone(800) + silence(700))
    driver.send("response.cancel")
    assert driver.reply()["output"] == []
    before = len(driver.events)
    item_id = driver.of(Understand)[0].item_id
    driver.take(driver.session.recognised(item_id, heard("hello"), driver.now))
    assert not driver.of(Speak)
    assert len(driver.events) == before


def test_truncate_drops_the_unheard_and_the_words() -> None:
    driver = Driver()
    item_id = spoken_reply(driver)
    cut = {"item_id": item_id, "content_index": 0}
    events = driver.send("conversation.item.truncate", **cut, audio_end_ms=450)
    assert [e["type"] for e in events] == ["conversation.item.truncated"]
    item = driver.send("conversation.item.retrieve", item_id=item_id)[0]["item"]
    assert len(base64.b64decode(item["content"][0]["audio"])) == 450 * 48
    assert item["content"][0]["transcript"] is None
    error = the_error(driver.send("conversation.item.truncate", **cut, audio_end_ms=451))
    assert error["message"].startswith("Audio content of 450ms is already shorter than 451ms")
    assert error["param"] == "audio_end_ms"


def test_truncate_of_what_is_being_spoken_stops_it() -> None:
    driver = Driver()
    driver.type("hello")
    response_id = driver.of(Speak)[0].response_id
    driver.take(driver.session.spoke(response_id, "Hello.", tone(400), driver.now))
    item_id = driver.last("response.output_audio.delta")["item_id"]
    cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": 200}
    kinds = [e["type"] for e in driver.send("conversation.item.truncate", **cut)]
    assert kinds[-2:] == ["response.done", "conversation.item.truncated"]
    assert driver.of(Hush)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"item_id": "nope", "content_index": 0, "audio_end_ms": 0}, "item_truncate_invalid"),
        ({"content_index": 0, "audio_end_ms": 0}, "missing_required_parameter"),
        ({"item_id": "nope", "audio_end_ms": 0}, "missing_required_parameter"),
        ({"item_id": "nope", "content_index": 0, "audio_end_ms": -1}, "invalid_value"),
        ({"item_id": "nope", "content_index": 0, "audio_end_ms": "1"}, "invalid_type"),
    ],
)
def test_truncate_mistakes(fields: Json, code: str) -> None:
    assert the_error(Driver().send("conversation.item.truncate", **fields))["code"].startswith(code)


def test_the_users_items_cannot_be_truncated_but_deleted() -> None:
    driver = Driver()
    driver.speak("hello")
    item_id = driver.of(Understand)[0].item_id
    cut = {"item_id": item_id, "content_index": 0, "audio_end_ms": 10}
    assert the_error(driver.send("conversation.item.truncate", **cut))["param"] == "item_id"
    kinds = [e["type"] for e in driver.send("conversation.item.delete", item_id=item_id)]
    assert kinds == ["conversation.item.deleted"]
    for what, code in (("retrieve", "item_retrieve"), ("delete", "item_delete")):
        error = the_error(driver.send(f"conversation.item.{what}", item_id=item_id))
        assert error["code"] == f"{code}_invalid_item_id"
