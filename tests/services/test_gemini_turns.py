"""The Gemini Live stand-in's turns: spoken, written, by hand; interruption.

realtimeInput (audio at declared rates, text, marks, audioStreamEnd), clientContent, history; the
server's messages one by one or several fields together, their order, transcripts of both sides,
and what a barge-in takes back.
"""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import pytest

from device.simulator.services.brain import Answer, ScriptedBrain, reply, tone
from device.simulator.services.gemini import Failures, GeminiStandIn
from device.simulator.services.gemini_ears import Ears, Onset, Turn
from device.simulator.services.gemini_setup import parse
from tests.services.gemini_client import (
    MANUAL,
    MODEL,
    QUICK,
    SLOW,
    WORDS,
    at,
    kinds,
    run,
    serving,
    sound,
    talking,
    words,
)

ANSWER = reply("It is five past two.", heard="what time is it", seconds=0.5)
LONG = reply("A long story about nothing.", heard="tell me", seconds=5.0)


def asked(stand_in: GeminiStandIn) -> list[object]:
    brain = stand_in.sessions[0].conversation.brain
    assert isinstance(brain, ScriptedBrain)
    return brain.turns


def test_a_spoken_turn_gives_the_words_of_both_sides_and_the_audio_in_order() -> None:
    async def talk() -> None:
        async with serving(ANSWER) as stand_in, talking(stand_in, **WORDS) as client:
            await client.say(600, silence_ms=700)
            turn = await client.turn()
            assert kinds(turn) == [
                "interimInputTranscription",
                "inputTranscription",
                "modelTurn",
                *["outputTranscription", "modelTurn"] * 4,
                "outputTranscription",
                "generationComplete",
                "usageMetadata",
                "turnComplete",
            ]
            assert words(turn, "inputTranscription") == "what time is it"
            assert words(turn) == "It is five past two."
            assert sound(turn) == ANSWER.pcm
            assert all(len(message) == 1 for message in turn)
            [(pcm, rate_hz)] = asked(stand_in)  # type: ignore[misc]
            assert rate_hz == 16_000
            assert 2 * 16_000 * 0.5 < len(pcm) < 2 * 16_000 * 1.6

    run(talk())


def test_transcripts_come_only_where_they_were_asked_for() -> None:
    async def talk() -> None:
        async with serving(ANSWER) as stand_in, talking(stand_in) as client:
            await client.say(600, silence_ms=700)
            assert kinds(await client.turn()) == [
                "modelTurn",
                "generationComplete",
                "usageMetadata",
                "turnComplete",
            ]

    run(talk())


def test_several_parts_and_fields_may_share_a_message() -> None:
    async def talk() -> None:
        manner = dataclasses.replace(QUICK, combined=True, thoughts=True, cached=True)
        async with (
            serving(ANSWER, manner=manner) as stand_in,
            talking(stand_in, **WORDS) as client,
        ):
            await client.say(600, silence_ms=700)
            turn = await client.turn()
            contents = [message["serverContent"] for message in turn]
            spoken = [one for one in contents if len(at(one, "modelTurn", "parts") or "") == 2]
            assert len(spoken) == 5
            assert all("outputTranscription" in one for one in spoken)
            assert spoken[-1]["generationComplete"] is True
            assert [one["modelTurn"]["parts"][0].get("thought") for one in contents[4:5]] == [True]
            assert sound(turn) == ANSWER.pcm
            assert set(turn[-1]) == {"serverContent", "usageMetadata"}
            assert turn[-1]["usageMetadata"]["thoughtsTokenCount"] > 0
            await client.realtime(text="again")
            usage = (await client.turn())[-1]["usageMetadata"]
            assert usage["cachedContentTokenCount"] > 0

    run(talk())


def test_words_of_the_input_may_come_after_the_reply_to_them() -> None:
    async def talk() -> None:
        manner = dataclasses.replace(QUICK, late_transcript=True, finished=False, interim=False)
        async with (
            serving(ANSWER, manner=manner) as stand_in,
            talking(stand_in, inputAudioTranscription={}) as client,
        ):
            await client.say(600, silence_ms=700)
            assert "inputTranscription" not in kinds(await client.turn())
            later = [await client.next() for _ in range(3)]
            assert words(later, "inputTranscription") == "what time is it"
            assert not any("finished" in str(message) for message in later)

    run(talk())


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 24_000, 48_000])
def test_the_rate_of_the_mime_type_is_believed(rate_hz: int) -> None:
    async def talk() -> None:
        async with serving(ANSWER) as stand_in, talking(stand_in) as client:
            await client.say(600, rate_hz=rate_hz, silence_ms=700)
            await client.turn()
            [(pcm, told_hz)] = asked(stand_in)  # type: ignore[misc]
            assert told_hz == (16_000 if rate_hz == 11_025 else rate_hz)
            assert 0.5 < len(pcm) / 2 / told_hz < 1.6

    run(talk())


def heard(speech_ms: int, silence_ms: int, chunk_ms: int, **detection: Any) -> list[Onset | Turn]:
    fields = {"realtimeInputConfig": {"automaticActivityDetection": detection}}
    ears = Ears(parse({"model": MODEL, **fields}, "v1beta", vertex=False))
    pcm = tone(speech_ms / 1000, rate_hz=16_000) + bytes(32 * silence_ms)
    size = 32 * chunk_ms
    pieces = [pcm[at : at + size] for at in range(0, len(pcm), size)]
    return [what for piece in pieces for what in ears.hear(piece, "audio/pcm;rate=16000")]


@pytest.mark.parametrize("chunk_ms", [10, 20, 33, 100, 5000])
def test_the_parameters_of_the_detection_decide_what_a_turn_is(chunk_ms: int) -> None:
    quick = {"silenceDurationMs": 200, "prefixPaddingMs": 300}
    assert heard(150, 1000, chunk_ms, **quick) == []  # too short to be speech
    onset, turn = heard(500, 1000, chunk_ms, **quick)
    assert (onset, turn.at_ms) == (Onset(0), 500)
    assert isinstance(turn, Turn)
    assert 32 * 700 <= len(turn.pcm) < 32 * 720
    assert len(heard(150, 1000, chunk_ms, silenceDurationMs=200)) == 2
    assert heard(500, 400, chunk_ms) == [Onset(0)]  # a pause, no end
    assert len(heard(500, 600, chunk_ms)) == 2
    assert len(heard(500, 600, chunk_ms, endOfSpeechSensitivity="END_SENSITIVITY_LOW")) == 1
    assert heard(150, 600, chunk_ms, startOfSpeechSensitivity="START_SENSITIVITY_LOW") == []


def test_the_end_of_the_stream_ends_the_turn_at_once() -> None:
    async def talk() -> None:
        async with serving(ANSWER) as stand_in, talking(stand_in) as client:
            await client.realtime(audioStreamEnd=True)  # nothing was said: nothing is answered
            await client.say(500)
            await client.realtime(audioStreamEnd=True)
            await client.turn()
            assert len(asked(stand_in)) == 1

    run(talk())


def test_marks_by_hand_make_the_turn_where_detection_is_off() -> None:
    async def talk() -> None:
        async with serving(ANSWER) as stand_in, talking(stand_in, **MANUAL) as client:
            await client.say(300)  # before the mark: no part of the turn
            await client.realtime(activityStart={})
            await client.say(400, silence_ms=1500)
            await client.say(400)
            await client.realtime(activityEnd={})
            assert sound(await client.turn()) == ANSWER.pcm
            [(pcm, _)] = asked(stand_in)  # type: ignore[misc]
            assert len(pcm) == 32 * 2300
            await client.realtime(activityStart={})
            await client.realtime(text="in writing")
            await client.realtime(activityEnd={})
            await client.turn()
            assert asked(stand_in)[1] == "in writing"
            await client.realtime(audioStreamEnd=True)
            assert (await client.ended()).code == 1007

    run(talk())


def test_marks_of_voice_activity_come_where_they_were_asked_for() -> None:
    async def talk() -> None:
        async with (
            serving(ANSWER) as stand_in,
            talking(stand_in, explicitVadSignal=True) as client,
        ):
            await client.say(600, silence_ms=700)
            marks = [m["voiceActivity"] for m in await client.turn() if "voiceActivity" in m]
        assert [mark["voiceActivityType"] for mark in marks] == ["ACTIVITY_START", "ACTIVITY_END"]
        assert [mark["audioOffset"] for mark in marks] == ["0.000s", "0.600s"]

    run(talk())


def test_text_and_contents_are_answered_and_a_content_without_an_end_is_only_context() -> None:
    async def talk() -> None:
        async with serving(ANSWER) as stand_in, talking(stand_in, **WORDS) as client:
            await client.realtime(text="good morning")
            assert words(await client.turn()) == "It is five past two."
            context = {"role": "user", "parts": [{"text": "The light is on."}]}
            await client.send(clientContent={"turns": [context], "turnComplete": False})
            question = {"role": "user", "parts": [{"text": "Is it on?"}]}
            await client.send(clientContent={"turns": [question], "turnComplete": True})
            turn = await client.turn()
            assert "inputTranscription" not in kinds(turn)
            assert asked(stand_in) == ["good morning", "Is it on?"]
            assert stand_in.sessions[0].conversation.history == [context, question]

    run(talk())


def test_an_initial_history_is_taken_first_and_answered_by_nobody() -> None:
    async def talk() -> None:
        setup = {"historyConfig": {"initialHistoryInClientContent": True}}
        async with serving(ANSWER) as stand_in, talking(stand_in, **setup) as client:
            await client.realtime(text="hello")  # waits for the history
            history = [
                {"role": "user", "parts": [{"text": "I am Ann."}]},
                {"role": "model", "parts": [{"text": "Hello Ann."}]},
            ]
            await client.send(clientContent={"turns": history[:1]})
            await client.send(clientContent={"turns": history[1:], "turnComplete": True})
            await client.turn()
            assert asked(stand_in) == ["hello"]
            assert stand_in.sessions[0].conversation.history == history

    run(talk())


@pytest.mark.parametrize("by", ["voice", "mark", "text", "content"])
def test_whoever_speaks_over_a_reply_interrupts_it(by: str) -> None:
    async def talk() -> None:
        setup = {**WORDS, **(MANUAL if by == "mark" else {})}
        async with (
            serving(LONG, ANSWER, manner=SLOW) as stand_in,
            talking(stand_in, **setup) as client,
        ):
            await client.realtime(text="tell me")
            await client.until("serverContent", "modelTurn")
            if by == "voice":
                await client.say(200)
            elif by == "mark":
                await client.realtime(activityStart={})
            elif by == "text":
                await client.realtime(text="stop")
            else:
                await client.send(clientContent={"turns": [], "turnComplete": False})
            cut = await client.turn()
            end = kinds(cut)
            assert end[end.index("interrupted") :] == [
                "interrupted",
                "usageMetadata",
                "turnComplete",
            ]
            assert "generationComplete" not in end
            assert len(sound(client.got)) < len(LONG.pcm) / 2

    run(talk())


def test_a_reply_that_is_still_being_played_can_be_interrupted_too() -> None:
    async def talk() -> None:
        manner = dataclasses.replace(QUICK, playback=1.0)
        async with serving(LONG, manner=manner) as stand_in, talking(stand_in) as client:
            await client.realtime(text="tell me")
            await client.until("serverContent", "generationComplete")
            await client.say(200)
            assert kinds(await client.turn())[0] == "interrupted"

    run(talk())


@pytest.mark.parametrize("combined", [False, True])
def test_audio_of_a_cut_reply_may_still_be_on_its_way(combined: bool) -> None:
    async def talk() -> None:
        manner = dataclasses.replace(SLOW, late_pieces=2, combined=combined)
        async with serving(LONG, manner=manner) as stand_in, talking(stand_in) as client:
            await client.realtime(text="tell me")
            await client.until("serverContent", "modelTurn")
            await client.say(200)
            cut = (await client.until("serverContent", "interrupted"))[-1:]
            assert bool(sound(cut)) is combined
            assert len(sound([*cut, *await client.turn()])) == 2 * 4800

    run(talk())


def test_without_interruption_the_reply_is_finished_first() -> None:
    async def talk() -> None:
        setup = {"realtimeInputConfig": {"activityHandling": "NO_INTERRUPTION"}}
        first = reply("First.", seconds=0.5)
        manner = dataclasses.replace(QUICK, pace=10.0)
        async with (
            serving(first, ANSWER, manner=manner) as stand_in,
            talking(stand_in, **setup) as client,
        ):
            await client.realtime(text="tell me")
            await client.until("serverContent", "modelTurn")
            await client.say(300, silence_ms=700)
            assert "interrupted" not in kinds(await client.turn())
            assert sound(client.got) == first.pcm
            assert sound(await client.turn()) == ANSWER.pcm

    run(talk())


def test_what_nobody_understands_or_may_say_ends_the_turn_with_a_reason() -> None:
    async def talk() -> None:
        async with serving(Answer(), ANSWER) as stand_in, talking(stand_in) as client:
            await client.say(600, silence_ms=700)
            end = (await client.turn())[-1]["serverContent"]
            assert (end["turnCompleteReason"], end["waitingForInput"]) == ("NEED_MORE_INPUT", True)
            stand_in.failures = Failures(rejected="RESPONSE_REJECTED")
            await client.realtime(text="something bad")
            end = (await client.turn())[-1]["serverContent"]
            assert end["turnCompleteReason"] == "RESPONSE_REJECTED"

    run(talk())


def test_a_picture_costs_tokens_and_either_base64_alphabet_will_do() -> None:
    async def talk() -> None:
        pcm = tone(0.6) + bytes(48_000)
        async with serving(ANSWER) as stand_in, talking(stand_in) as client:
            await client.realtime(video={"data": "_9j_", "mimeType": "image/jpeg"})
            data = base64.urlsafe_b64encode(pcm).decode().rstrip("=")
            await client.send(
                realtime_input={"audio": {"data": data, "mime_type": "audio/pcm;rate=24000"}}
            )
            turn = await client.turn()
            usage = next(message["usageMetadata"] for message in turn if "usageMetadata" in message)
            modalities = {one["modality"] for one in usage["promptTokensDetails"]}
            assert modalities == {"IMAGE", "AUDIO"}

    run(talk())
