"""The session machine: what it answers, and which response answers whom."""

from __future__ import annotations

import json

from device.local.effects import AskChat, Hush, Speak, Understand
from tests.local.driver import Driver, the_error
from tests.local.fakes import silence, tone, tools


def test_a_typed_turn_answered_in_text() -> None:
    driver = Driver()
    driver.update(output_modalities=["text"], tools=tools("get_date"))
    driver.type("which day is it today?")
    driver.answer_call({"date": "2026-11-21", "weekday": "Saturday"})
    assert driver.last("response.output_text.done")["text"].startswith("Today is Saturday")
    assert not driver.of(Speak)
    part = driver.last("response.content_part.done")["part"]
    assert part == {"type": "text", "text": driver.last("response.output_text.done")["text"]}


def test_a_function_the_client_lacks_is_not_called() -> None:
    driver = Driver()
    driver.update(tools=tools("delete_everything"))
    driver.type("what time is it")
    driver.voice()
    assert "response.function_call_arguments.done" not in driver.types()
    assert "cannot tell the time" in driver.said()


def test_misunderstandings_in_a_row_are_worded_differently() -> None:
    driver = Driver()
    said = []
    for text in ("colourless green ideas", "sleep furiously", "hello", "colourless ideas"):
        driver.speak(text)
        driver.voice()
        said.append(driver.said())
    assert said[0].startswith("Sorry, I did not catch that.")
    assert "without the internet" in said[1]
    assert said[3] == said[0]


def test_another_language_is_told_so() -> None:
    driver = Driver()
    driver.update(audio={"input": {"transcription": {"model": "x", "language": "de"}}})
    driver.speak("what time is it")
    driver.voice()
    assert "English" in driver.said()


def test_stop_is_answered_with_silence() -> None:
    driver = Driver()
    driver.update(tools=tools("stop"))
    driver.speak("stop")
    driver.answer_call({"ok": True, "stopped": "timer"})
    done = driver.reply()
    assert (done["status"], done["output"]) == ("completed", [])
    assert not driver.of(Speak)


def test_cancelling_one_of_several_timers_takes_two_calls() -> None:
    driver = Driver()
    driver.update(tools=tools("cancel_timer", "list_timers"))
    driver.type("cancel the tea timer")
    assert driver.last("response.function_call_arguments.done")["name"] == "list_timers"
    entries = [
        {"timer_id": 3, "name": "", "remaining_s": 10, "ringing": False},
        {"timer_id": 7, "name": "tea", "remaining_s": 50, "ringing": False},
    ]
    driver.answer_call({"timers": entries})
    call = driver.last("response.function_call_arguments.done")
    assert (call["name"], json.loads(call["arguments"])) == ("cancel_timer", {"timer_id": 7})
    driver.answer_call({"ok": True, "cancelled": 1})
    driver.voice()
    assert driver.said() == "Timer cancelled."


def test_dictated_words_are_spoken() -> None:
    driver = Driver()
    driver.send("response.create", response={"instructions": 'Say exactly: "The tea is ready."'})
    driver.voice()
    assert driver.said() == "The tea is ready."


def test_nobody_asked_anything() -> None:
    driver = Driver()
    driver.send("response.create")
    driver.voice()
    assert driver.said().startswith("Hello.")


def test_recognition_that_breaks_is_told_and_asked_again() -> None:
    driver = Driver()
    driver.update(audio={"input": {"transcription": {"model": "x"}}})
    driver.append(tone(800) + silence(700))
    item_id = driver.of(Understand)[0].item_id
    driver.take(driver.session.recognition_failed(item_id, "out of memory", driver.now))
    driver.voice()
    failed = driver.last("conversation.item.input_audio_transcription.failed")
    assert failed["error"]["message"] == "out of memory"
    assert driver.reply()["status"] == "completed"


def test_a_voice_that_breaks_fails_the_response() -> None:
    driver = Driver()
    driver.speak("hello")
    response_id = driver.of(Speak)[0].response_id
    driver.take(driver.session.voice_failed(response_id, "no data", driver.now))
    done = driver.reply()
    assert done["status"] == "failed"
    assert done["status_details"]["error"]["message"] == "no data"
    driver.speak("hello")  # and the session goes on
    driver.voice()
    assert driver.reply()["status"] == "completed"


def test_max_output_tokens_makes_it_incomplete() -> None:
    driver = Driver()
    driver.update(max_output_tokens=20)
    driver.type("help")
    driver.type("hello")
    for _ in range(20):
        for speak in driver.of(Speak)[:1]:
            driver.take(driver.session.spoke(speak.response_id, "", tone(100), driver.now))
    done = driver.reply()
    assert done["status"] == "incomplete"
    assert done["status_details"]["reason"] == "max_output_tokens"
    assert driver.of(Hush)
    assert done["output"][0]["status"] == "incomplete"


def test_the_chat_endpoint_gets_what_is_no_command() -> None:
    driver = Driver(chat=True, verbatim=True)
    driver.update(instructions="Be brief.")
    driver.speak("how high is the mountain")
    (ask,) = driver.of(AskChat)
    assert ask.messages[0][0] == "system"
    assert ask.messages[0][1].endswith("Be brief.")
    assert ask.messages[-1] == ("user", "how high is the mountain")
    driver.take(driver.session.chat_said(ask.response_id, "About eight. Thou"))
    assert [s.text for s in driver.of(Speak)] == ["About eight."]
    driver.take(driver.session.chat_said(ask.response_id, "sand metres"))
    driver.take(driver.session.chat_ended(ask.response_id, driver.now))
    driver.voice()
    assert driver.said() == "About eight. Thousand metres"


def test_a_chat_endpoint_that_fails_is_told() -> None:
    driver = Driver(chat=True)
    driver.type("how high is the mountain")
    (ask,) = driver.of(AskChat)
    driver.take(driver.session.chat_ended(ask.response_id, driver.now, failed=True))
    driver.voice()
    assert "did not answer" in driver.said()


def test_words_the_recogniser_only_guessed_are_not_sent_to_chat() -> None:
    driver = Driver(chat=True, verbatim=False)
    driver.speak("how high is the mountain")
    assert not driver.of(AskChat)
    driver.voice()
    assert driver.said().startswith("Sorry")


def test_one_response_at_a_time_but_out_of_band_ones_beside_it() -> None:
    driver = Driver()
    driver.type("hello")
    error = the_error(driver.send("response.create"))
    assert error["code"] == "conversation_already_has_active_response"
    content = [{"type": "input_text", "text": "thank you"}]
    driver.send(
        "response.create",
        response={
            "conversation": "none",
            "metadata": {"purpose": "test"},
            "output_modalities": ["text"],
            "input": [{"type": "message", "role": "user", "content": content}],
        },
    )
    done = driver.reply()
    assert done["metadata"] == {"purpose": "test"}
    assert done["conversation_id"] is None
    assert driver.last("response.output_text.done")["text"] == "My pleasure."
    added = [e["item"]["id"] for e in driver.events if e["type"] == "conversation.item.added"]
    assert done["output"][0]["id"] not in added
    driver.voice()
    assert driver.types().count("response.done") == 2


def test_out_of_band_by_reference_and_with_empty_input() -> None:
    driver = Driver()
    driver.update(output_modalities=["text"])
    driver.speak("hello")
    item_id = driver.of(Understand)[0].item_id
    reference = {"type": "item_reference", "id": item_id}
    response = {"conversation": "none", "input": [reference]}
    driver.send("response.create", response=response)
    assert driver.last("response.output_text.done")["text"].startswith("Hello.")
    driver.send("response.create", response={"conversation": "none", "input": []})
    assert driver.reply()["status"] == "completed"
    bad = {"conversation": "none", "input": [{"type": "item_reference", "id": "item_x"}]}
    assert the_error(driver.send("response.create", response=bad))["code"] == (
        "invalid_item_reference"
    )
