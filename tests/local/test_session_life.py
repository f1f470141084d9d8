"""The session machine: what a session holds, what it agrees on, and when it ends."""

from __future__ import annotations

import base64

import pytest

from device.local.effects import Close, Hear, Speak
from tests.local.driver import Driver, spoken_reply
from tests.local.fakes import Json, silence, tone


def test_the_session_expires() -> None:
    driver = Driver(cap_s=60)
    assert driver.session.deadline == 160.0
    driver.take(driver.session.timeout(159.0))
    assert not driver.of(Close)
    driver.take(driver.session.timeout(160.0))
    assert driver.last("error")["error"]["code"] == "session_expired"
    assert driver.of(Close)[0].code == 1001


def test_an_idle_user_is_prompted() -> None:
    driver = Driver()
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    driver.update(audio={"input": {"turn_detection": detection}})
    assert driver.session.deadline == 3700.0  # nothing was said yet
    driver.speak("hello")
    driver.voice(1000)
    driver.append(silence(300))
    sentences = 2  # of a second each
    assert driver.session.deadline == pytest.approx(driver.now + sentences + 5)
    driver.events.clear()
    driver.now = driver.session.deadline
    driver.take(driver.session.timeout(driver.now))
    assert driver.types()[:4] == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    driver.voice()
    assert driver.said() == "Are you still there?"


def test_speech_keeps_the_prompt_away() -> None:
    driver = Driver()
    detection = {"type": "server_vad", "idle_timeout_ms": 5000}
    driver.update(audio={"input": {"turn_detection": detection}})
    driver.speak("hello")
    driver.voice(1000)
    driver.append(tone(300))
    assert driver.session.deadline == 3700.0


def test_the_voice_cannot_change_after_it_was_heard() -> None:
    driver = Driver()
    voice = {"output": {"voice": "marin"}}
    assert driver.update(audio=voice)["session"]["audio"]["output"]["voice"] == "marin"
    spoken_reply(driver)
    other = {"output": {"voice": "cedar"}}
    assert driver.update(audio=other)["error"]["code"] == "cannot_update_voice"
    assert driver.update(audio=voice)["type"] == "session.updated"


@pytest.mark.parametrize("law", ["audio/pcmu", "audio/pcma"])
def test_telephone_audio_both_ways(law: str) -> None:
    driver = Driver()
    wanted = {"type": law}
    driver.update(audio={"input": {"format": wanted}, "output": {"format": wanted}})
    driver.manual()
    driver.append(b"\xd5" * 8000)
    driver.send("input_audio_buffer.commit")
    driver.send("response.create")
    assert driver.heard_ms() == pytest.approx(1000, abs=40)
    driver.recognise("hello")
    driver.voice(1000)
    sent = sum(
        len(base64.b64decode(e["delta"]))
        for e in driver.events
        if e["type"] == "response.output_audio.delta"
    )
    sentences = driver.said().count(".") + driver.said().count("?")
    assert sent == pytest.approx(8000 * sentences, abs=20)
    item_id = driver.reply()["output"][0]["id"]
    item = driver.send("conversation.item.retrieve", item_id=item_id)[0]["item"]
    assert len(base64.b64decode(item["content"][0]["audio"])) == pytest.approx(sent, abs=20)


def test_items_are_put_where_the_client_wants_them() -> None:
    driver = Driver()

    def create(item_id: str, **where: object) -> Json:
        content = [{"type": "input_text", "text": "hello"}]
        item = {"id": item_id, "type": "message", "role": "user", "content": content}
        return driver.send("conversation.item.create", item=item, **where)[0]

    assert create("a")["previous_item_id"] is None
    assert create("c")["previous_item_id"] == "a"
    assert create("b", previous_item_id="a")["previous_item_id"] == "a"
    assert create("z", previous_item_id="root")["previous_item_id"] is None
    assert create("b")["error"]["code"] == "item_create_duplicate_item_id"
    assert create("d", previous_item_id="q")["error"]["param"] == "previous_item_id"


def test_audio_inside_an_item_is_recognised() -> None:
    driver = Driver()
    audio = base64.b64encode(tone(500)).decode()
    content = [{"type": "input_audio", "audio": audio}]
    driver.send(
        "conversation.item.create", item={"type": "message", "role": "user", "content": content}
    )
    assert sum(len(h.pcm16k) for h in driver.of(Hear)) == 500 * 32
    driver.send("response.create")
    driver.recognise("hello")
    assert driver.of(Speak)[0].text == "Hello."
