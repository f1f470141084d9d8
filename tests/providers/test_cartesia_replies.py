"""Cartesia Line: turns and replies are found in the sound; ``clear`` is the agent's own cut."""

from __future__ import annotations

from device.commands import AbandonTurn, CancelReply, ClearInput
from device.events import ReplyAudio, ReplyDone, ReplyInterrupted
from device.providers.base import SendFrame
from tests.providers.driver import events
from tests.providers.duplex_driver import names, only, sound_ms, tone
from tests.providers.line_drivers import Line

RATE_HZ = 24000


def answered() -> Line:
    line = Line().ready()
    line.says()
    line.wait(0.6)
    line.sounds(300)
    line.command(ClearInput())
    return line


def test_silence_is_sent_until_the_turn_is_taken_and_not_longer() -> None:
    line = Line().ready()
    line.says()
    sent = [o for o in line.wait(1.0) if isinstance(o, SendFrame)]
    assert len(sent) in range(8, 12)
    line.sounds(300)
    assert [o for o in line.wait(1.0) if isinstance(o, SendFrame)] == []


def test_silence_is_not_sent_for_ever() -> None:
    line = Line().ready()
    line.says()
    line.wait(60)
    assert line.codec.deadline is None


def test_the_answer_takes_the_turn_and_a_pause_ends_it() -> None:
    line = answered()
    assert names(line.outputs) == ["turn", "reply_1 begins", "reply_1 sounds"]
    outputs = line.wait(1.5) + line.sounds(200)
    assert names(outputs) == ["reply_1 sounds"], "the agent thought between two sentences"
    assert names(line.wait(3)) == ["reply_1 completed"]


def test_sound_that_comes_faster_than_it_is_spoken_is_all_emitted() -> None:
    line = Line().ready()
    line.says()
    pcm = tone(5000, RATE_HZ)
    outputs = line.receive(line.media(pcm))
    assert sound_ms(outputs, RATE_HZ) == 5000
    assert names(line.wait(3)) == ["reply_1 completed"]


def test_a_stream_that_is_silent_between_replies_ends_them_too() -> None:
    outputs = answered().hushes(5000)
    assert names(outputs) == ["reply_1 sounds", "reply_1 completed"]
    assert sound_ms(outputs, RATE_HZ) < 2100


def test_a_greeting_does_not_take_the_turn_of_who_is_speaking() -> None:
    line = Line().ready()
    line.says(400, 0)
    outputs = line.both(500)
    outputs += line.says(400, 400)
    assert names(outputs) == []
    line.wait(0.6)
    outputs = line.sounds(200)
    assert names(outputs)[:2] == ["turn", "reply_1 begins"]
    assert sound_ms(outputs, RATE_HZ) == 200


def test_a_long_greeting_is_a_reply_to_no_turn() -> None:
    line = Line().ready()
    line.says(400, 0)
    assert names(line.both(2500)) == ["reply_1 begins", "reply_1 sounds"]
    assert names(line.command(CancelReply("reply_1"))) == ["reply_1 cancelled"]
    line.says(400, 400)
    line.wait(0.6)
    assert names(line.sounds(200))[:2] == ["turn", "reply_2 begins"]


def test_the_agents_clear_interrupts_the_reply() -> None:
    outputs = answered().event("clear")
    assert events(outputs) == [ReplyInterrupted("reply_1"), ReplyDone("reply_1", "cancelled")]


def test_a_clear_between_replies_is_nothing() -> None:
    assert Line().ready().event("clear") == []


def test_what_is_still_on_its_way_behind_a_clear_is_not_heard() -> None:
    line = answered()
    line.event("clear")
    assert names(line.sounds(200)) == []
    line.says()
    assert names(line.sounds(100))[:2] == ["turn", "reply_2 begins"]


def test_a_cut_reply_is_never_heard_again() -> None:
    line = answered()
    assert names(line.command(CancelReply("reply_1"))) == ["reply_1 cancelled"]
    outputs = line.sounds(3000) + line.wait(5) + line.sounds(1000)
    assert only(outputs, ReplyAudio) == []


def test_behind_the_agents_clear_the_next_reply_is_heard_from_its_first_sound() -> None:
    line = answered()
    line.command(CancelReply("reply_1"))
    line.says(400, 0)
    line.sounds(200)
    line.event("clear")
    line.says(200, 300)
    outputs = line.receive(line.media(tone(100, RATE_HZ)))
    assert names(outputs) == ["turn", "reply_2 begins", "reply_2 sounds"]


def test_without_a_clear_silence_tells_the_next_reply_from_the_cut_one() -> None:
    line = answered()
    line.command(CancelReply("reply_1"))
    line.says(400, 400)
    assert names(line.sounds(500)) == ["turn", "reply_2 begins", "reply_2 sounds"]
    line = answered()
    line.command(CancelReply("reply_1"))
    line.says(400, 300)
    line.command(ClearInput())
    assert names(line.sounds(500)) == []


def test_no_answer_to_an_abandoned_turn_is_emitted() -> None:
    line = Line().ready()
    line.says()
    line.command(AbandonTurn())
    assert names(line.wait(1) + line.sounds(2000) + line.wait(4)) == []
    line.says()
    line.wait(0.6)
    assert names(line.sounds(200))[:2] == ["turn", "reply_1 begins"]
