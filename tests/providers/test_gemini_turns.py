"""Gemini Live: turns that the device ends, and turns that the service ends."""

from __future__ import annotations

import base64

from device.commands import (
    AppendAudio,
    ClearInput,
    CommitTurn,
    ShowImage,
)
from device.events import (
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ReplyTranscript,
    TurnCommitted,
    UserTranscript,
)
from tests.providers.driver import events, frames, notes
from tests.providers.gemini_driver import (
    END,
    PCM,
    SECOND,
    STREAM_END,
    device_ends,
    done,
    heard,
    marks,
    of,
    service_ends,
    sound,
    started,
    taken,
    transcripts,
)

LATE = b"\x63\x00" * 10  #: audio that nobody may hear
NEXT = b"\x07\x00" * 10


# --- a turn, and its answer ---


def test_a_turn_of_the_devices_is_an_activity_with_its_sound_within() -> None:
    driver = device_ends()
    assert marks(driver.command(SECOND)) == ["activityStart", "audio"]
    assert marks(driver.command(AppendAudio(PCM))) == ["audio"]
    outputs = driver.command(CommitTurn())
    assert frames(outputs) == [END]
    assert events(outputs) == [TurnCommitted()]


def test_sound_is_declared_as_what_it_is() -> None:
    (frame,) = frames(service_ends().command(AppendAudio(PCM)))
    assert frame == {
        "realtimeInput": {
            "audio": {"data": base64.b64encode(PCM).decode(), "mimeType": "audio/pcm;rate=16000"}
        }
    }


def test_a_spoken_turn_from_the_first_word_to_the_end_of_the_answer() -> None:
    driver = device_ends()
    driver.speaks()
    driver.outputs.clear()
    driver.content(inputTranscription={"text": "what "})
    driver.content(inputTranscription={"text": "time?"})
    driver.content(modelTurn=sound(PCM), outputTranscription={"text": "It is "})
    driver.content(modelTurn=sound(NEXT), outputTranscription={"text": "nine."})
    driver.generated()
    driver.completed()
    reply = "reply_1"
    assert events(driver.outputs) == [
        UserTranscript("what ", final=False),
        UserTranscript("time?", final=False),
        ReplyStarted(reply),
        ReplyAudio(reply, reply, PCM),
        ReplyTranscript(reply, reply, "It is ", final=False),
        ReplyAudio(reply, reply, NEXT),
        ReplyTranscript(reply, reply, "nine.", final=False),
        UserTranscript("what time?", final=True),
        ReplyTranscript(reply, reply, "It is nine.", final=True),
        ReplyDone(reply, "completed"),
    ]


def test_a_reply_is_done_when_all_was_generated_not_when_it_was_played() -> None:
    driver = device_ends()
    driver.speaks()
    reply = driver.is_answered()
    assert done(driver.generated()) == [(reply, "completed")]
    assert driver.content(outputTranscription={"text": "too late"}) == []
    assert driver.completed() == []


def test_the_end_of_the_turn_ends_a_reply_of_which_no_other_end_was_told() -> None:
    driver = device_ends()
    driver.speaks()
    reply = driver.is_answered()
    assert done(driver.completed()) == [(reply, "completed")]


def test_everything_in_one_message_is_taken_in_its_order() -> None:
    driver = service_ends()
    driver.command(SECOND)
    outputs = driver.content(
        turnComplete=True,
        generationComplete=True,
        outputTranscription={"text": "Yes."},
        inputTranscription={"text": "Is it?", "finished": True},
        modelTurn={"parts": [*sound(PCM)["parts"], {"text": "hm"}, *sound(NEXT)["parts"]]},
    )
    kinds = [type(event) for event in events(outputs)]
    assert kinds == [
        UserTranscript,
        TurnCommitted,
        UserTranscript,
        ReplyStarted,
        ReplyAudio,
        ReplyTranscript,
        ReplyTranscript,
        ReplyDone,
    ]
    assert heard(outputs) == PCM + NEXT


def test_words_that_come_before_their_sound_wait_for_it() -> None:
    driver = device_ends()
    driver.speaks()
    assert driver.content(outputTranscription={"text": "Good "}) == []
    outputs = driver.content(modelTurn=sound(), outputTranscription={"text": "day"})
    assert of(outputs, ReplyTranscript) == [
        ReplyTranscript("reply_1", "reply_1", "Good ", final=False),
        ReplyTranscript("reply_1", "reply_1", "day", final=False),
    ]


def test_late_words_of_an_answer_that_is_over_do_not_begin_another() -> None:
    driver = service_ends()
    driver.command(SECOND)
    driver.is_answered()
    driver.generated()
    driver.completed()
    driver.command(ClearInput())
    driver.command(SECOND)
    assert driver.content(outputTranscription={"text": "of before"}) == []


def test_a_service_that_has_nothing_to_say_is_not_waited_for() -> None:
    driver = device_ends()
    driver.speaks()
    outputs = driver.completed()
    assert (started(outputs), done(outputs)) == (["reply_1"], [("reply_1", "completed")])


def test_one_that_was_kept_from_answering_says_so() -> None:
    driver = device_ends()
    driver.speaks()
    (over,) = of(driver.content(turnComplete=True, turnCompleteReason="REJECTED"), ReplyDone)
    assert over == ReplyDone("reply_1", "failed", "REJECTED")


def test_one_that_waits_for_more_to_be_said_has_not_failed() -> None:
    driver = device_ends()
    driver.speaks()
    outputs = driver.content(turnComplete=True, turnCompleteReason="MORE", waitingForInput=True)
    assert done(outputs) == [("reply_1", "completed")]


def test_halves_of_samples_are_put_together() -> None:
    driver = device_ends()
    driver.speaks()
    driver.outputs.clear()
    for piece in (b"\x01", b"\x02\x03", b"\x04"):
        driver.audio(piece)
    assert heard(driver.outputs) == b"\x01\x02\x03\x04"


def test_a_picture_is_shown_within_the_next_activity() -> None:
    driver = device_ends()
    assert driver.command(ShowImage("data:image/png;base64,AAAA")) == []
    assert driver.command(ShowImage("data:image/jpeg;base64,BBBB")) == []
    outputs = driver.command(SECOND)
    assert marks(outputs) == ["activityStart", "video", "audio"]
    assert frames(outputs)[1] == {
        "realtimeInput": {"video": {"data": "BBBB", "mimeType": "image/jpeg"}}
    }
    assert marks(driver.command(SECOND)) == ["audio"]
    assert marks(driver.command(ShowImage("data:image/jpeg;base64,CCCC"))) == ["video"]


def test_where_the_service_ends_turns_a_picture_is_shown_at_once() -> None:
    driver = service_ends()
    assert marks(driver.command(ShowImage("data:image/jpeg;base64,AAAA"))) == ["video"]
    for odd in ("", "data:text/plain;base64,AAAA", "https://example.org/a.jpg"):
        assert frames(driver.command(ShowImage(odd))) == []


def test_nothing_is_committed_where_nothing_was_said() -> None:
    driver = device_ends()
    assert frames(driver.command(CommitTurn())) == []
    assert driver.command(AppendAudio(b"")) == []
    assert taken(driver.outputs) == 0


def test_sound_that_is_none_is_noted_once_and_dropped() -> None:
    driver = device_ends()
    driver.speaks()
    broken = {"parts": [{"inlineData": {"mimeType": "audio/pcm", "data": "?"}}]}
    assert len(notes(driver.content(modelTurn=broken))) == 1
    assert notes(driver.content(modelTurn=broken)) == []
    picture = {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}
    assert heard(driver.content(modelTurn=picture)) == b""


def test_a_greeting_is_a_reply_like_any_other() -> None:
    for driver in (device_ends(), service_ends()):
        assert started(driver.audio()) == ["reply_1"]


# --- the service ends the turns ---


def test_the_answer_is_the_first_sign_that_the_turn_was_taken() -> None:
    driver = service_ends()
    driver.command(SECOND)
    driver.content(inputTranscription={"text": "hello"})
    outputs = driver.audio()
    assert [type(event) for event in events(outputs)] == [TurnCommitted, ReplyStarted, ReplyAudio]


def test_so_is_the_end_of_the_transcript() -> None:
    driver = service_ends()
    driver.command(SECOND)
    outputs = driver.content(inputTranscription={"text": "hello", "finished": True})
    assert taken(outputs) == 1
    assert transcripts(outputs) == ["hello"]
    assert frames(driver.command(ClearInput())) == [STREAM_END]
    assert [type(event) for event in events(driver.audio())] == [ReplyStarted, ReplyAudio]


def test_so_is_the_end_of_a_turn_that_the_service_says_nothing_to() -> None:
    driver = service_ends()
    driver.command(SECOND)
    outputs = driver.completed()
    assert [type(event) for event in events(outputs)] == [TurnCommitted, ReplyStarted, ReplyDone]


def test_words_that_are_not_the_last_take_no_turn() -> None:
    driver = service_ends()
    driver.command(SECOND)
    assert taken(driver.content(inputTranscription={"text": "hello"})) == 0


def test_the_stream_is_ended_once_when_the_device_sends_no_more() -> None:
    driver = service_ends()
    assert driver.command(ClearInput()) == []
    driver.command(SECOND)
    assert frames(driver.command(ClearInput())) == [STREAM_END]
    assert driver.command(ClearInput()) == []


def test_the_stream_is_ended_after_a_pause_and_goes_on_behind_it() -> None:
    driver = service_ends()
    driver.command(SECOND)
    assert driver.wait(0.9) == []
    driver.command(SECOND)
    assert driver.wait(0.9) == []
    assert frames(driver.wait(0.2)) == [STREAM_END]
    assert driver.codec.deadline is None
    assert marks(driver.command(SECOND)) == ["audio"]
    assert taken(driver.audio()) == 1


def test_where_the_device_ends_the_turns_no_pause_is_told() -> None:
    driver = device_ends()
    driver.command(SECOND)
    assert driver.codec.deadline is None


def test_the_service_is_interrupted_by_the_person() -> None:
    driver = service_ends()
    driver.command(SECOND)
    reply = driver.is_answered()
    outputs = driver.interrupted()
    assert events(outputs) == [ReplyInterrupted(reply), ReplyDone(reply, "cancelled")]
    assert driver.audio(LATE) == []
    assert driver.completed() == []
    driver.command(SECOND)
    assert heard(driver.audio(NEXT)) == NEXT


def test_what_is_in_the_message_of_an_interruption_is_not_heard() -> None:
    driver = service_ends()
    driver.command(SECOND)
    driver.is_answered()
    assert heard(driver.content(interrupted=True, modelTurn=sound(LATE), turnComplete=True)) == b""
    driver.command(SECOND)
    assert heard(driver.audio(NEXT)) == NEXT


def test_an_interruption_whose_turn_never_ends_costs_no_later_answer() -> None:
    driver = service_ends()
    driver.command(SECOND)
    driver.is_answered()
    driver.interrupted()
    driver.command(SECOND)
    driver.content(inputTranscription={"text": "go on"})
    assert heard(driver.audio(NEXT)) == NEXT
