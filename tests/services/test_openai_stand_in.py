"""The Realtime stand-in, message by message: sessions, turns, replies, interruption, ends.

What of the service's documents is proved where (S: this file; N, I, T, R, D, J: ``session``,
``items``, ``tools``, ``trouble``, ``dialects``, ``judge`` in place of ``stand_in``):

* the beta's end, by header and by flat session: S; Azure's and xAI's doors and keys: D
* client secrets, their expiry and settings: D J; ``session.created`` first, its defaults: S
* the cap of a session: R J; the voice, the speed, the model, tracing once they are set: N
* ``session.update``: every field N (taken and told again, wrong ones refused as a whole)
* client events: ``append`` S N, ``commit`` and ``clear`` S, items I T, ``truncate`` I J,
  ``response.create`` S I, ``cancel`` I J, ``output_audio_buffer.clear`` N
* server events: the order of a spoken turn and all fields S J; ``timeout_triggered`` S;
  ``mcp_*`` T J; ``failed`` transcriptions S J; not modelled: ``segment``, ``dtmf_event_received``,
  ``output_audio_buffer.*``, ``conversation.item.created`` but in Voice Live
* interruption by speech and by ``cancel``, late audio: S I; the truncation after it: I J
* out-of-band responses, references, metadata, one default response at a time: I
* usage and statuses: S R I J; items of every kind: I T; calls, also parallel: T J
* errors worth handling: S N R; the names of the beta: D J; troubles of the line: R
* xAI: D; Voice Live: D J. Its agents, avatars, timestamps and xAI's resumption are not modelled
"""

from __future__ import annotations

import pytest
from websockets.exceptions import InvalidStatus

from device.simulator.services.brain import ScriptedBrain, reply, tone
from device.simulator.services.openai_faults import Faults
from device.simulator.services.openai_realtime import OpenAIRealtime
from tests.services.openai_wire import (
    HELLO,
    LONG,
    QUIET,
    audio_of,
    dialled,
    kinds,
    plain,
    run,
    talk,
)

SPOKEN_TURN = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "response.created",
    "rate_limits.updated",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
]
END_OF_REPLY = [
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "conversation.item.done",
    "response.done",
]


def test_the_first_event_is_the_session_with_its_defaults() -> None:
    async def go() -> None:
        async with talk() as (wire, _):
            created = wire.seen[0]
            assert created["type"] == "session.created"
            session = created["session"]
            assert session["type"] == "realtime"
            assert session["instructions"]
            assert session["output_modalities"] == ["audio"]
            assert session["audio"]["input"]["transcription"] is None
            assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500

    run(go())


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        ({"X_None": "1"}, None, 401),
        ({"Authorization": "Bearer stand-in-key"}, "s?model=gpt-realtime-2.1", 404),
    ],
)
def test_a_hand_shake_without_a_key_or_at_another_door_is_refused(
    headers: dict[str, str], query: str | None, status: int
) -> None:
    async def go() -> None:
        async with plain() as stand_in:
            assert isinstance(stand_in, OpenAIRealtime)
            with pytest.raises(InvalidStatus) as refused:
                async with dialled(stand_in, query, **headers):
                    pass
            assert refused.value.response.status_code == status

    run(go())


@pytest.mark.parametrize(
    ("options", "headers", "query", "code", "close"),
    [
        ({}, {"Authorization": "Bearer wrong"}, None, "invalid_api_key", 3000),
        ({}, {}, "", "missing_model", 4000),
        ({"models": ("gpt-realtime-2.1",)}, {}, "?model=gpt-9", "model_not_found", 4000),
        ({"faults": Faults(connect="quota")}, {}, None, "insufficient_quota", 4000),
        ({"faults": Faults(connect="server")}, {}, None, "server_error", 1011),
        (
            {},
            {"Authorization": "Bearer stand-in-key", "OpenAI_Beta": "realtime=v1"},
            None,
            "beta_api_shape_disabled",
            4000,
        ),
    ],
)
def test_what_is_wrong_from_the_start_is_said_and_ends_the_session(
    options: dict[str, object], headers: dict[str, str], query: str | None, code: str, close: int
) -> None:
    async def go() -> None:
        async with plain(**options) as stand_in:
            assert isinstance(stand_in, OpenAIRealtime)
            async with dialled(stand_in, query, **headers) as wire:
                assert (await wire.error())["code"] == code
                ended, reason = await wire.closed()
                assert ended == close
                assert code in reason

    run(go())


@pytest.mark.parametrize(
    ("faults", "key", "status"),
    [
        (Faults(connect="outage"), "stand-in-key", 503),
        (Faults(connect="rate_limit"), "stand-in-key", 429),
        (Faults(early=True), "wrong", 401),
    ],
)
def test_the_hand_shake_itself_can_be_made_to_fail(faults: Faults, key: str, status: int) -> None:
    async def go() -> None:
        async with plain(faults=faults) as stand_in:
            assert isinstance(stand_in, OpenAIRealtime)
            with pytest.raises(InvalidStatus) as refused:
                async with dialled(stand_in, Authorization=f"Bearer {key}"):
                    pass
            assert refused.value.response.status_code == status

    run(go())


def test_the_flat_session_of_the_beta_ends_the_connection() -> None:
    async def go() -> None:
        async with talk() as (wire, _):
            await wire.send("session.update", session={"modalities": ["audio"], "voice": "marin"})
            assert (await wire.error())["code"] == "beta_api_shape_disabled"
            assert (await wire.closed())[0] == 4000

    run(go())


def test_a_spoken_turn_is_found_answered_and_accounted_for() -> None:
    async def go() -> None:
        transcription = {"input": {"transcription": {"model": "gpt-transcribe"}}}
        async with talk(update={"audio": transcription}) as (wire, stand_in):
            start = len(wire.seen)
            await wire.append(bytes(48 * 400))
            await wire.say(0.5)
            await wire.expect("response.done")
            events = wire.seen[start:]
            order = [k for k in kinds(events) if "transcription" not in k]
            assert order[:10] == SPOKEN_TURN
            assert order[-6:] == END_OF_REPLY
            started, stopped, committed = events[:3]
            assert started["item_id"] == stopped["item_id"] == committed["item_id"]
            assert started["audio_start_ms"] == 100  # with the padding before the speech
            assert 880 <= stopped["audio_end_ms"] <= 920
            assert len(audio_of(events)) == len(HELLO.pcm)
            done = events[-1]["response"]
            assert done["status"] == "completed"
            assert done["output"][0]["content"][0]["transcript"] == "Hello, I am here."
            usage = done["usage"]
            assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
            assert usage["output_token_details"]["audio_tokens"] == 12
            name = "conversation.item.input_audio_transcription"
            heard = [e for e in events if e["type"] == f"{name}.completed"]
            deltas = [e["delta"] for e in events if e["type"] == f"{name}.delta"]
            assert heard[0]["transcript"] == "".join(deltas) == "good morning"
            assert heard[0]["item_id"] == committed["item_id"]
            brain = stand_in.brain()
            assert isinstance(brain, ScriptedBrain)
            ((pcm, rate),) = brain.turns  # type: ignore[misc]
            assert rate == 24000
            assert len(pcm) >= 48 * 900

    run(go())


def test_no_transcription_unless_it_was_asked_for_and_a_failed_one_is_told() -> None:
    async def go() -> None:
        async with talk() as (wire, stand_in):
            await wire.say()
            await wire.expect("response.done")
            assert not any("transcription" in e["type"] for e in wire.seen)
            stand_in.faults.transcription = True
            await wire.update(audio={"input": {"transcription": {"model": "gpt-transcribe"}}})
            await wire.say()
            failed = await wire.expect("conversation.item.input_audio_transcription.failed")
            assert failed["error"]["message"]
            assert (await wire.expect("response.done"))["response"]["status"] == "completed"

    run(go())


def test_a_semantic_vad_waits_as_long_as_its_eagerness_says() -> None:
    async def heard(eagerness: str, quiet_ms: int, certain: bool = True) -> bool:
        detection = {"type": "semantic_vad", "eagerness": eagerness, "create_response": False}
        async with talk() as (wire, stand_in):
            stand_in.certain = certain
            await wire.update(audio={"input": {"turn_detection": detection}})
            await wire.append(tone(0.4) + bytes(48 * quiet_ms), 48_000)
            await wire.send("input_audio_buffer.clear")
            return "input_audio_buffer.speech_stopped" in kinds(
                await wire.until("input_audio_buffer.cleared")
            )

    async def go() -> None:
        assert [await heard(e, 600) for e in ("low", "medium", "high")] == [False, False, True]
        assert [await heard(e, 1000) for e in ("low", "auto", "high")] == [False, True, True]
        assert [await heard(e, 3000, False) for e in ("low", "auto", "high")] == [
            False,
            False,
            True,
        ]

    run(go())


def test_speech_cancels_the_reply_and_some_audio_is_still_on_its_way() -> None:
    async def go() -> None:
        async with talk(LONG, HELLO) as (wire, _):
            await wire.say()
            first = await wire.expect("response.output_audio.delta")
            await wire.append(tone(0.4))
            await wire.expect("input_audio_buffer.speech_started")
            events = await wire.until("response.done")
            late = [e for e in events if e["type"] == "response.output_audio.delta"]
            assert len(late) == 2
            done = events[-1]["response"]
            assert done["id"] == first["response_id"]
            assert done["status"] == "cancelled"
            assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
            assert done["output"][0]["status"] == "incomplete"
            assert done["usage"]["output_tokens"] > 0
            await wire.append(QUIET)
            done = (await wire.expect("response.done"))["response"]
            assert done["status"] == "completed"

    run(go())


def test_without_interruption_the_reply_goes_on_and_the_next_one_follows() -> None:
    async def go() -> None:
        detection = {"type": "server_vad", "interrupt_response": False}
        story = reply("A story.", heard="tell", seconds=3)
        update = {"audio": {"input": {"turn_detection": detection}}}
        async with talk(story, HELLO, update=update) as (wire, _):
            await wire.say()
            await wire.expect("response.output_audio.delta")
            await wire.say()
            first = (await wire.expect("response.done"))["response"]
            second = (await wire.expect("response.done"))["response"]
            assert [first["status"], second["status"]] == ["completed", "completed"]
            assert second["output"][0]["content"][0]["transcript"] == HELLO.words

    run(go())


def test_turns_without_responses_and_turns_that_the_client_ends() -> None:
    async def go() -> None:
        async with talk() as (wire, _):
            detection = {"type": "server_vad", "create_response": False}
            await wire.update(audio={"input": {"turn_detection": detection}})
            await wire.say()
            await wire.expect("conversation.item.done")
            await wire.send("input_audio_buffer.clear")
            events = await wire.until("input_audio_buffer.cleared")
            assert "response.created" not in kinds(events)
            await wire.update(audio={"input": {"turn_detection": None}})
            code = await wire.refused("input_audio_buffer.commit")
            assert code == "input_audio_buffer_commit_empty"
            await wire.say()
            await wire.send("input_audio_buffer.clear")
            await wire.expect("input_audio_buffer.cleared")
            assert (
                await wire.refused("input_audio_buffer.commit") == "input_audio_buffer_commit_empty"
            )
            start = len(wire.seen)
            await wire.say()
            await wire.send("input_audio_buffer.commit")
            await wire.send("response.create")
            await wire.expect("response.done")
            assert kinds(wire.seen[start:])[:4] == [
                "input_audio_buffer.committed",
                "conversation.item.added",
                "conversation.item.done",
                "response.created",
            ]

    run(go())


def test_long_silence_after_a_reply_makes_the_model_speak_again() -> None:
    async def go() -> None:
        short = reply("Are you there?", seconds=0.1)
        detection = {"type": "server_vad", "idle_timeout_ms": 100}
        update = {"audio": {"input": {"turn_detection": detection}}}
        async with talk(short, update=update) as (wire, _):
            await wire.append(bytes(48 * 200))
            await wire.write("hello")
            await wire.expect("response.done")
            events = await wire.until("response.done")
            assert kinds(events)[:2] == [
                "input_audio_buffer.timeout_triggered",
                "input_audio_buffer.committed",
            ]
            assert (events[0]["audio_start_ms"], events[0]["audio_end_ms"]) == (100, 200)
            assert events[0]["item_id"] == events[1]["item_id"]

    run(go())
