"""Replies of the Deepgram agent: which are heard, and that of a cut one nothing is."""

from __future__ import annotations

from device.commands import AbandonTurn, CancelReply, ClearInput, CommitTurn, SendToolResult
from device.events import (
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ReplyTranscript,
    ToolCalled,
)
from device.providers.deepgram_agent import DOUBT_S
from device.providers.deepgram_calls import CALLED_OFF
from tests.providers.deepgram_driver import (
    AUDIO,
    PCM,
    Driver,
    device_ends,
    events,
    kinds,
    names,
    sent,
    service_ends,
)

OLD = b"\x11\x11" * 100
NEW = b"\x22\x22" * 100


def heard(driver: Driver) -> bytes:
    return b"".join(e.pcm for e in events(driver.outputs) if isinstance(e, ReplyAudio))


def cut(driver: Driver) -> Driver:
    """A reply is under way, and was called off."""
    driver.turn()
    driver.does(ClearInput())
    driver.answers(sound=NEW)
    assert driver.does(CancelReply("reply_1"))
    driver.outputs.clear()
    return driver


def test_a_reply_is_told_whole_and_in_order() -> None:
    driver = device_ends()
    driver.turn()
    outputs = driver.answers("It is noon.", sound=b"\x01")
    outputs += driver.raw(b"\x02\x03\x04")
    outputs += driver.answers("And it is late.", sound=b"\x05\x06")
    outputs += driver.done()
    reply = "reply_1"
    assert events(outputs) == [
        ReplyStarted(reply),
        ReplyTranscript(reply, reply, "It is noon.", final=False),
        ReplyAudio(reply, reply, b"\x01\x02\x03\x04"),
        ReplyTranscript(reply, reply, " And it is late.", final=False),
        ReplyAudio(reply, reply, b"\x05\x06"),
        ReplyTranscript(reply, reply, "It is noon. And it is late.", final=True),
        ReplyDone(reply, "completed"),
    ]


def test_words_that_come_before_an_unasked_sound_are_told_with_it() -> None:
    driver = device_ends()
    assert driver.says("ConversationText", role="assistant", content="Hello!") == []
    assert names(driver.raw(PCM)) == ["ReplyStarted", "ReplyTranscript", "ReplyAudio"]


def test_the_end_of_a_reply_that_was_cut_does_not_end_the_next() -> None:
    driver = device_ends()
    driver.turn()
    driver.says("AgentStartedSpeaking", total_latency=1, tts_latency=1, ttt_latency=1)
    assert driver.done() == []
    assert "ReplyAudio" in names(driver.answers())


# --- the device cuts --------------------------------------------------------------------


def test_a_reply_that_is_called_off_is_done_at_once_and_once() -> None:
    driver = device_ends()
    reply = driver.reply_under_way()
    assert events(driver.does(CancelReply(reply))) == [ReplyDone(reply, "cancelled")]
    assert driver.does(CancelReply(reply)) == []
    assert driver.answers() == []
    assert driver.asks(("c1", "help")) != []  # answered, so that the service does not wait
    assert events(driver.outputs)[-1] == ReplyDone(reply, "cancelled")
    assert driver.done() == []


def test_calling_off_another_reply_changes_nothing() -> None:
    driver = device_ends()
    driver.reply_under_way()
    assert driver.does(CancelReply("reply_7"), CancelReply("")) == []
    assert "ReplyAudio" in names(driver.raw(PCM))


def test_sound_of_a_cut_reply_is_never_heard_until_its_end() -> None:
    driver = cut(device_ends())
    for _ in range(5):
        driver.answers(sound=OLD)
    driver.says("AgentThinking", content="more")
    driver.raw(OLD)
    driver.done()
    driver.turn()
    driver.raw(NEW)  # no sign announces it: behind the old one's end none is needed
    assert heard(driver) == NEW


def test_late_sound_and_words_behind_the_users_speech_are_of_the_cut_reply() -> None:
    driver = cut(device_ends())
    driver.does(AUDIO)
    driver.user_speaks()
    driver.answers("old words", sound=OLD)
    driver.says("AgentStartedSpeaking", total_latency=1)
    driver.raw(OLD)
    driver.does(CommitTurn())
    driver.understood()
    driver.raw(OLD)  # late even behind what was understood: held, and dropped by the next sign
    driver.answers("new words", sound=NEW)
    assert heard(driver) == NEW


def test_the_next_replys_first_sound_is_heard_when_no_sign_announces_it() -> None:
    driver = cut(device_ends())
    driver.turn()
    assert driver.raw(NEW) == []
    assert driver.raw(NEW) == []
    driver.waits(DOUBT_S)
    driver.raw(NEW)
    assert heard(driver) == 3 * NEW
    assert names(driver.done())[-1] == "ReplyDone"


def test_thinking_after_the_users_speech_announces_the_next_reply() -> None:
    driver = cut(service_ends())
    driver.does(AUDIO)
    driver.raw(OLD)
    driver.user_speaks()
    driver.raw(OLD)
    assert names(driver.says("AgentThinking", content="")) == ["TurnCommitted", "ServiceWorking"]
    driver.raw(NEW)
    assert heard(driver) == NEW


def test_a_flood_of_sound_in_doubt_is_not_held_for_ever() -> None:
    driver = cut(device_ends())
    driver.turn()
    for _ in range(40):
        driver.raw(bytes(48000))
    assert len(heard(driver)) == 40 * 48000


def test_a_cut_while_the_reply_was_interrupted_by_the_service_is_told_once() -> None:
    driver = service_ends()
    reply = driver.reply_under_way()
    outputs = driver.user_speaks()
    outputs += driver.does(CancelReply(reply))
    assert names(outputs) == ["ReplyTranscript", "ReplyInterrupted", "ReplyDone"]
    assert outputs[-1].event == ReplyDone(reply, "cancelled")  # type: ignore[union-attr]


# --- the service breaks off ------------------------------------------------------------


def test_the_service_breaks_off_its_reply_when_it_hears_the_user() -> None:
    driver = service_ends()
    reply = driver.reply_under_way()
    assert ReplyInterrupted(reply) in events(driver.user_speaks())
    driver.outputs.clear()
    driver.raw(OLD)
    driver.does(AUDIO)
    driver.raw(OLD)
    driver.done()
    assert events(driver.outputs) == []


def test_the_turn_that_interrupted_is_taken_and_answered() -> None:
    driver = service_ends()
    driver.reply_under_way()
    driver.user_speaks()
    driver.does(AUDIO)
    driver.raw(OLD)
    assert names(driver.understood("stop")) == ["TurnCommitted", "UserTranscript"]
    driver.outputs.clear()
    driver.answers(sound=NEW)
    assert heard(driver) == NEW


def test_speech_that_nobody_listens_to_is_answered_to_nobody() -> None:
    driver = service_ends()
    assert kinds(driver.user_speaks()) == ["ForceEndTurn"]
    assert driver.understood() == []
    assert driver.answers() == []


# --- functions ----------------------------------------------------------------------------


def test_a_function_is_called_answered_and_followed_by_a_new_reply() -> None:
    driver = device_ends()
    driver.turn()
    assert events(driver.asks(("c1", "set_timer"))) == [
        ReplyStarted("reply_1"),
        ToolCalled("reply_1", "c1", "set_timer", "{}"),
    ]
    outputs = driver.does(SendToolResult("c1", '{"ok":true}'))
    assert events(outputs) == [ReplyDone("reply_1", "completed")]
    assert sent(outputs) == [
        {
            "type": "FunctionCallResponse",
            "id": "c1",
            "name": "set_timer",
            "content": '{"ok":true}',
        }
    ]
    assert ReplyStarted("reply_2") in events(driver.answers())


def test_a_function_behind_the_end_of_the_words_before_it_is_of_a_reply_that_goes_on() -> None:
    """The core takes it for that, as nothing was said in between."""
    driver = device_ends()
    driver.turn()
    driver.answers("Let me see.")
    driver.done()
    driver.waits(0.2)
    outputs = driver.asks(("c1", "get_time"))
    assert names(outputs) == ["ReplyStarted", "ToolCalled"]
    assert kinds(outputs) == []
    assert not driver.codec.capabilities.tells_ends


def test_the_reply_ends_with_the_last_of_several_answers() -> None:
    driver = device_ends()
    driver.turn()
    driver.asks(("c1", "help"), ("c2", "help"))
    assert names(driver.does(SendToolResult("c2", "{}"))) == []
    assert names(driver.does(SendToolResult("c1", "{}"))) == ["ReplyDone"]
    assert driver.does(SendToolResult("c1", "{}")) == []


def test_sound_on_its_way_when_a_function_was_answered_stays_in_its_reply() -> None:
    driver = device_ends()
    driver.turn()
    driver.answers("One moment.", sound=OLD)
    driver.asks(("c1", "help"))
    assert names(driver.does(SendToolResult("c1", "{}"))) == []
    assert names(driver.raw(OLD)) == ["ReplyAudio"]
    assert names(driver.done())[-1] == "ReplyDone"
    assert ReplyStarted("reply_2") in events(driver.answers())


def test_words_behind_the_answer_of_a_function_begin_the_next_reply() -> None:
    driver = device_ends()
    driver.turn()
    driver.answers("One moment.")
    driver.asks(("c1", "help"))
    driver.does(SendToolResult("c1", "{}"))
    assert names(driver.answers("Done.")) == [
        "ReplyTranscript",
        "ReplyDone",
        "ReplyStarted",
        "ReplyTranscript",
        "ReplyAudio",
    ]


def test_functions_that_the_service_runs_are_its_own() -> None:
    driver = device_ends()
    driver.turn()
    assert names(driver.asks(("c1", "help"), client_side=False)) == ["ServiceWorking"]
    assert driver.asks(("c1", "help"), client_side=False) == []  # it was told just now
    driver.now += 5.0
    assert names(driver.asks(("c1", "help"), client_side=False)) == ["ServiceWorking"]
    assert driver.asks(("c1", "help"), client_side="yes") == []
    assert driver.asks(("", "help")) == []


def test_a_request_that_comes_twice_is_run_once() -> None:
    driver = device_ends()
    driver.turn()
    driver.asks(("c1", "help"))
    assert names(driver.asks(("c1", "help"))) == []


def test_a_function_that_is_called_off_is_not_answered() -> None:
    driver = device_ends()
    driver.turn()
    driver.asks(("c1", "help"))
    cancelled = driver.says("FunctionCallCancelled", functions=[{"id": "c1", "name": "help"}])
    assert names(cancelled) == ["ReplyDone"]
    assert driver.does(SendToolResult("c1", "{}")) == []
    assert "ReplyAudio" in names(driver.answers())


def test_functions_of_a_cut_reply_are_answered_so_that_the_service_goes_on() -> None:
    driver = device_ends()
    driver.turn()
    driver.asks(("c1", "help"))
    outputs = driver.does(CancelReply("reply_1"))
    assert [f["content"] for f in sent(outputs)] == [CALLED_OFF]
    driver.answers()
    driver.done()
    assert driver.answers() == []  # nor is it told what it says of the answer
    outputs = driver.asks(("c2", "help"))
    assert [f["id"] for f in sent(outputs)] == ["c2"]
    assert events(outputs) == []


def test_the_turn_behind_a_cut_function_is_answered() -> None:
    driver = device_ends()
    driver.turn()
    driver.asks(("c1", "help"))
    driver.does(CancelReply("reply_1"))
    driver.outputs.clear()
    driver.turn()
    driver.answers(sound=NEW)
    assert heard(driver) == NEW


def test_a_continuation_that_is_given_up_is_not_heard() -> None:
    driver = device_ends()
    driver.turn()
    driver.asks(("c1", "help"))
    driver.does(SendToolResult("c1", "{}"), AbandonTurn())
    assert driver.answers() == []
    assert driver.done() == []
