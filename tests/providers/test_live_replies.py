"""OpenAI Live: turns and replies are found in the sound, and what was called off is never heard."""

from __future__ import annotations

import base64

from device.commands import AbandonTurn, CancelReply, ClearInput
from device.events import ReplyAudio, ReplyTranscript, TurnCommitted, UserTranscript
from device.providers.base import SendFrame
from tests.providers.driver import events, frames
from tests.providers.duplex_driver import Player, names, only, sound_ms, tone
from tests.providers.live_driver import Live

RATE_HZ = 24000


def answered() -> Live:
    """A turn, and the first 300 ms of its answer."""
    live = Live().ready()
    live.says()
    live.sounds(300)
    live.command(ClearInput())
    return live


def uplink(player: Player, since: int = 0) -> list[bytes]:
    found = frames(player.outputs[since:])
    return [base64.b64decode(f["audio"]) for f in found if f["type"].endswith("append")]


def test_a_turn_is_taken_with_the_first_sound_of_its_answer() -> None:
    live = Live().ready()
    assert names(live.says()) == []
    assert names(live.hushes(500)) == []
    outputs = live.sounds(300)
    assert names(outputs) == ["turn", "reply_1 begins", "reply_1 sounds"]
    assert sound_ms(outputs, RATE_HZ) == 300


def test_a_pause_between_sentences_is_part_of_the_reply() -> None:
    live = answered()
    outputs = live.hushes(1000) + live.sounds(200)
    assert names(outputs) == ["reply_1 sounds"]
    assert sound_ms(outputs, RATE_HZ) == 1200


def test_a_longer_silence_ends_it_and_is_not_emitted() -> None:
    live = answered()
    outputs = live.hushes(10_000)
    assert names(outputs) == ["reply_1 sounds", "reply_1 completed"]
    assert sound_ms(outputs, RATE_HZ) < 1300


def test_silence_is_sent_while_an_answer_is_awaited_or_sounds_and_not_longer() -> None:
    live = Live().ready()
    live.says()
    sent = len(uplink(live))
    live.wait(3.0)
    live.sounds(4000)
    live.command(ClearInput())
    heard_ms = sum(len(pcm) for pcm in uplink(live)[sent:]) / 2 / RATE_HZ * 1000
    assert 6500 <= heard_ms <= 7200
    live.hushes(1500)
    silent = len(live.outputs)
    live.wait(15)
    assert uplink(live, silent) == []


def test_silence_takes_over_at_once_when_the_uplink_of_the_turn_ends() -> None:
    live = Live().ready()
    live.says()
    live.sounds(100)
    live.command(ClearInput())
    assert live.codec.deadline == live.now


def test_silence_is_not_sent_for_ever_to_a_service_that_does_not_answer() -> None:
    live = Live().ready()
    live.says()
    sent = len(live.outputs)
    live.wait(3000)
    heard_s = sum(len(pcm) for pcm in uplink(live, sent)) / 2 / RATE_HZ
    assert heard_s < 31 + 3000 / 20 * 0.1


def test_what_the_microphone_sends_behind_the_turn_is_silenced_until_it_is_taken_back() -> None:
    live = Live().ready()
    live.says()
    live.sounds(100)
    before = len(live.outputs)
    live.send(tone(200, RATE_HZ))
    assert uplink(live, before)[-1] == bytes(2 * RATE_HZ // 5)
    live.command(ClearInput())
    live.sounds(200)
    before = len(live.outputs)
    live.send(tone(200, RATE_HZ))
    assert any(uplink(live, before)[-1])


def test_a_stalled_service_ends_its_reply_in_time() -> None:
    live = answered()
    assert names(live.wait(5)) == []
    assert names(live.wait(2)) == ["reply_1 completed"]


def test_an_mhm_while_the_person_speaks_is_no_answer() -> None:
    live = Live().ready()
    live.says(600, 0)
    outputs = live.sounds(200)
    outputs += live.send(tone(100, RATE_HZ))
    outputs += live.hushes(200)
    outputs += live.says(400, 300)
    assert names(outputs) == []
    outputs = live.sounds(200)
    assert names(outputs)[:2] == ["turn", "reply_1 begins"]
    assert sound_ms(outputs, RATE_HZ) == 200


def test_an_answer_that_begins_before_the_pause_was_heard_is_heard_from_its_first_sound() -> None:
    live = Live().ready()
    live.says(600, 0)
    outputs = live.receive(live.wrap(tone(100, RATE_HZ)))
    outputs += live.send(tone(250, RATE_HZ, 0))
    outputs += live.receive(live.wrap(tone(100, RATE_HZ)))
    assert names(outputs) == ["turn", "reply_1 begins", "reply_1 sounds"]
    assert sound_ms(outputs, RATE_HZ) == 200


def test_what_a_service_says_unasked_is_a_reply_to_no_turn() -> None:
    live = Live().ready()
    assert names(live.sounds(200)) == ["reply_1 begins", "reply_1 sounds"]


# --- called off -----------------------------------------------------------------------------


def test_a_cut_reply_is_done_at_once_and_never_heard_again() -> None:
    live = answered()
    assert names(live.command(CancelReply("reply_1"))) == ["reply_1 cancelled"]
    outputs = live.sounds(2000) + live.words("late words") + live.hushes(3000) + live.sounds(500)
    assert [e for e in events(outputs) if isinstance(e, ReplyAudio | ReplyTranscript)] == []
    assert names(outputs) == []


def test_nothing_is_sent_after_a_cut() -> None:
    live = answered()
    live.command(CancelReply("reply_1"))
    before = len(live.outputs)
    live.wait(15)
    assert [o for o in live.outputs[before:] if isinstance(o, SendFrame)] == []


def test_the_rest_of_a_cut_reply_is_swallowed_in_the_next_turn_and_its_answer_heard_whole() -> None:
    live = answered()
    live.command(CancelReply("reply_1"))
    outputs = live.says(300, 0)
    outputs += live.sounds(300)  # the model goes on where it stood still
    outputs += live.says(400, 200)
    outputs += live.hushes(400)
    assert names(outputs) == []
    outputs = live.sounds(300)
    assert names(outputs) == ["turn", "reply_2 begins", "reply_2 sounds"]
    assert sound_ms(outputs, RATE_HZ) == 300


def test_the_rest_of_a_cut_reply_that_goes_on_behind_the_next_turn_is_not_its_answer() -> None:
    live = answered()
    live.command(CancelReply("reply_1"))
    live.says(300, 400)
    assert names(live.sounds(1000)) == [], "it has not been silent since"
    live.hushes(300)
    assert names(live.sounds(100))[0] == "turn"


def test_no_answer_to_an_abandoned_turn_is_emitted() -> None:
    live = Live().ready()
    live.says()
    live.heard("what is")
    live.command(AbandonTurn())
    outputs = live.sounds(1000) + live.heard(" the time", end_ms=900) + live.hushes(2000)
    assert events(outputs) == []
    live.says()
    live.hushes(300)
    assert names(live.sounds(200))[:2] == ["turn", "reply_1 begins"]


def test_sound_that_was_taken_back_is_not_answered_either() -> None:
    live = Live().ready()
    live.says()
    live.command(ClearInput())
    assert names(live.sounds(500)) == []


def test_a_turn_abandoned_under_a_greeting_is_not_answered_behind_it() -> None:
    live = Live().ready()
    live.sounds(200)
    live.says()
    live.command(AbandonTurn())
    outputs = live.hushes(1500) + live.sounds(500)
    assert names(outputs) == ["reply_1 sounds", "reply_1 completed"]


def test_a_cancelled_reply_that_is_none_changes_nothing() -> None:
    live = answered()
    assert live.command(CancelReply("reply_7")) == []
    assert names(live.sounds(100)) == ["reply_1 sounds"]


# --- words ------------------------------------------------------------------------------------


def test_words_of_both_come_in_pieces_and_then_whole() -> None:
    live = Live().ready()
    live.says()
    live.heard("what ")
    live.heard("time is it")
    live.words("It is ")
    live.sounds(100)
    live.words("noon.")
    live.sounds(1100)
    live.hushes(2000)
    person = only(live.outputs, UserTranscript)
    assert person == [
        UserTranscript("what ", False, "turn_1"),
        UserTranscript("time is it", False, "turn_1"),
        UserTranscript("what time is it", True, "turn_1"),
    ]
    reply = only(live.outputs, ReplyTranscript)
    assert [(e.text, e.final) for e in reply] == [
        ("It is ", False),
        ("noon.", False),
        ("It is noon.", True),
    ]
    assert only(live.outputs, TurnCommitted) == [TurnCommitted("turn_1")]


def test_the_persons_words_may_come_after_the_answer_began() -> None:
    live = answered()
    live.heard("late but true")
    live.hushes(2000)
    finals = [e.text for e in only(live.outputs, UserTranscript) if e.final]
    assert finals == ["late but true"]


def test_late_words_of_a_reply_are_none_of_the_next() -> None:
    live = answered()
    live.hushes(2000)
    live.words("too late", end_ms=300)
    live.says()
    live.sounds(200)
    assert only(live.outputs, ReplyTranscript) == []


def test_half_a_sample_waits_for_its_other_half() -> None:
    live = Live().ready()
    live.says()
    pcm = tone(100, RATE_HZ)
    outputs = live.receive(live.wrap(pcm[:1001])) + live.receive(live.wrap(pcm[1001:]))
    assert b"".join(e.pcm for e in only(outputs, ReplyAudio)) == pcm
