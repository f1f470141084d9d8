"""The session machine: how a turn of the user begins and ends."""

from __future__ import annotations

import base64

import pytest

from device.local.effects import Forget, Hear, Understand
from tests.local.driver import Driver, the_error
from tests.local.fakes import silence, tone, tools


def test_a_spoken_turn_with_a_function_call() -> None:
    driver = Driver()
    driver.update(
        tools=tools("get_time"), audio={"input": {"transcription": {"model": "gpt-transcribe"}}}
    )
    driver.events.clear()
    driver.speak("what time is it")
    assert driver.types() == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert driver.last("response.function_call_arguments.done")["name"] == "get_time"
    done = driver.reply()
    assert done["status"] == "completed"
    assert done["usage"]["input_token_details"]["audio_tokens"] >= 10
    before = len(driver.events)
    driver.answer_call({"time": "14:05"})
    driver.voice()
    assert driver.types()[before:] == [
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.content_part.added",
        "response.output_audio_transcript.delta",
        "response.output_audio.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "response.output_item.done",
        "conversation.item.done",
        "response.done",
    ]
    assert driver.said() == "It is five past two in the afternoon."
    delta = driver.last("response.output_audio.delta")["delta"]
    assert base64.b64decode(delta) == tone(100)


def test_turn_times_include_prefix_and_silence() -> None:
    driver = Driver()
    driver.append(silence(1000) + tone(1000) + silence(800))
    started = driver.last("input_audio_buffer.speech_started")
    stopped = driver.last("input_audio_buffer.speech_stopped")
    assert started["audio_start_ms"] == pytest.approx(700, abs=40)
    assert stopped["audio_end_ms"] == pytest.approx(2000 + 576, abs=40)
    assert started["item_id"] == stopped["item_id"]
    assert driver.heard_ms() == pytest.approx(300 + 1000 + 288, abs=70)  # speech, not the waiting


def test_a_pause_inside_a_sentence_does_not_end_the_turn() -> None:
    driver = Driver()
    driver.append(tone(600) + silence(500) + tone(600))
    assert "input_audio_buffer.speech_stopped" not in driver.types()
    driver.append(silence(700))
    assert driver.types().count("input_audio_buffer.speech_stopped") == 1
    assert driver.heard_ms() == pytest.approx(
        600 + 500 + 600 + 288, abs=70
    )  # the pause is fed after all


def test_audio_in_crumbs_or_at_once_is_the_same() -> None:
    audio = silence(400) + tone(700) + silence(900)
    whole, crumbs = Driver(), Driver()
    whole.append(audio)
    for at in range(0, len(audio), 202):
        crumbs.append(audio[at : at + 202])
    assert "input_audio_buffer.committed" in whole.types()
    assert [(e["type"], e.get("audio_start_ms"), e.get("audio_end_ms")) for e in whole.events] == [
        (e["type"], e.get("audio_start_ms"), e.get("audio_end_ms")) for e in crumbs.events
    ]
    assert b"".join(h.pcm16k for h in whole.of(Hear)) == b"".join(h.pcm16k for h in crumbs.of(Hear))


def test_create_response_off_only_transcribes() -> None:
    driver = Driver()
    detection = {"type": "server_vad", "create_response": False}
    transcription = {"model": "x"}
    driver.update(audio={"input": {"turn_detection": detection, "transcription": transcription}})
    driver.speak("what time is it")
    assert "response.created" not in driver.types()
    completed = driver.last("conversation.item.input_audio_transcription.completed")
    assert completed["transcript"] == "what time is it"
    assert completed["usage"]["seconds"] > 1


def test_manual_turns() -> None:
    driver = Driver()
    driver.manual()
    driver.append(tone(400) + silence(2000) + tone(400))
    assert "input_audio_buffer.speech_started" not in driver.types()
    events = driver.send("input_audio_buffer.commit")
    assert [e["type"] for e in events] == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    assert driver.heard_ms() == pytest.approx(2800, abs=3)
    assert [e["type"] for e in driver.send("response.create")] == ["response.created"]
    driver.recognise("hello")
    driver.voice()
    assert driver.reply()["status"] == "completed"


def test_commit_of_nothing_and_clear() -> None:
    driver = Driver()
    driver.manual()
    error = the_error(driver.send("input_audio_buffer.commit", event_id="mine"))
    assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "mine")
    driver.append(tone(500))
    assert driver.send("input_audio_buffer.clear")[0]["type"] == "input_audio_buffer.cleared"
    assert len(driver.of(Forget)) == 1
    assert the_error(driver.send("input_audio_buffer.commit"))["code"].endswith("commit_empty")


def test_commit_during_detected_speech_takes_it_all() -> None:
    driver = Driver()
    driver.append(tone(900))
    item_id = driver.last("input_audio_buffer.speech_started")["item_id"]
    committed = driver.send("input_audio_buffer.commit")[0]
    assert committed["item_id"] == item_id
    assert driver.heard_ms() == pytest.approx(900, abs=3)


def test_changing_the_mode_forgets_what_was_being_heard_but_not_the_audio() -> None:
    driver = Driver()
    driver.append(tone(600))
    driver.manual()
    assert len(driver.of(Forget)) == 1
    driver.append(tone(100))
    driver.send("input_audio_buffer.commit")
    item_id = driver.of(Understand)[0].item_id
    fed = driver.heard_ms(item_id)
    assert fed == pytest.approx(700, abs=3)


def test_a_turn_that_does_not_end_is_ended() -> None:
    driver = Driver()
    driver.append(tone(125_000))
    assert driver.types().count("input_audio_buffer.committed") == 1


def test_semantic_vad_is_a_matter_of_silence() -> None:
    driver = Driver()
    driver.update(audio={"input": {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}})
    driver.append(tone(600) + silence(1400))
    assert "input_audio_buffer.speech_stopped" not in driver.types()
    driver.append(silence(200))
    assert "input_audio_buffer.speech_stopped" in driver.types()
