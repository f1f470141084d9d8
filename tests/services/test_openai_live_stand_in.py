"""The Live stand-in, by its sheet, with a client at message level.

What the sheet says, and where it is tested (here, in ``..._work.py``, ``..._refusals.py`` or
``..._trouble.py``):

- path, no query, Bearer header; Azure's path: refusals
- ``session.start`` first and strict; ``session.started`` with id and expires_at: both files
- formats PCM 16 and 24 kHz, G.711 both laws: ``test_every_audio_format_...``
- ``session.input_audio.append`` without answer; the track: ``test_a_spoken_turn...``
- mute, unmute: ``test_a_muted_microphone_...``
- ``session.update`` of delegation only: ``test_only_the_delegation_...``
- instructions, thinking, commentary; 500 tokens; delegation_id required: below and refusals
- ``response.item.create``, ``response.create``, ``response.event``: ``test_a_tool_...`` and on
- ``decision.*``: refused (not modelled)
- ``session.output_audio.fixture.play``: ``test_a_fixture_...``
- ``session.close``, ``session.closed`` with every reason: ``test_..._end...`` and refusals
- transcripts with start_ms and end_ms: ``test_a_spoken_turn...``
- ``session.delegation.created`` for client and responses; decisions not modelled
- ``session.usage.updated``, cumulative: ``test_usage_...``
- ``error``: everywhere; ``info``: never sent on this socket
- full duplex, no event at an interruption: ``test_the_model_stops_...``
"""

from __future__ import annotations

import base64
import json
import time

import numpy as np
import pytest

from device.simulator.services.brain import reply, tone
from device.simulator.services.openai_live import Manners
from device.simulator.services.openai_live_outbox import Outbox, Record
from device.simulator.services.openai_live_sound import Codec
from tests.services.openai_live_client import (
    RATE_HZ,
    encoded,
    entered,
    house,
    joined,
    run,
)

HELLO = reply("Hello, I am here.", heard="good morning computer", seconds=0.6)
LONG = reply("This goes on for quite a while.", heard="tell me a story", seconds=8.0)


def test_a_session_starts_with_its_defaults_filled_in() -> None:
    async def test() -> None:
        async with house(cap_s=90.0) as service, entered(service) as client:
            started = await client.start(instructions="Be brief.")
            assert started["client_event_id"] == "start"
            session = started["session"]
            assert session["id"].startswith("live_")
            assert session["status"] == "active"
            assert 60 < session["expires_at"] - time.time() <= 90
            assert session["audio"] == {
                "format": {"type": "audio/pcm", "rate": 24_000},
                "output": {"voice": "marin"},
            }
            assert session["delegation"] == {"type": "client"}
            assert session["instructions"] == "Be brief."
            assert service.record.sessions == [session]

    run(test)


def test_a_spoken_turn_is_transcribed_and_answered_aloud() -> None:
    async def test() -> None:
        async with house(HELLO) as service, joined(service) as client:
            client.talk(0.8)
            await client.when(lambda: client.said() == "Hello, I am here.")
            await client.when(lambda: client.loud() >= 6)
            assert client.heard() == "good morning computer"
            heard = client.of("session.input_transcript.delta")
            said = client.of("session.output_transcript.delta")
            times = [(event["start_ms"], event["end_ms"]) for event in heard + said]
            assert all(end - start == 200 and start % 200 == 0 for start, end in times)
            assert times == sorted(times)
            assert heard[-1]["end_ms"] <= 1200
            assert all("event_id" in event for event in heard + said)
            delta = client.of("session.output_audio.delta")[0]
            assert set(delta) == {"type", "delta"}

    run(test)


def test_the_track_of_the_model_goes_on_in_silence_while_audio_comes_and_stands_still_without() -> (
    None
):
    async def test() -> None:
        async with house() as service, joined(service, microphone=False) as client:
            second = encoded(bytes(2 * RATE_HZ))
            await client.send("session.input_audio.append", audio=second)
            await client.until("session.output_audio.delta", 10)
            assert {len(frame) for frame in client.frames()} == {4800}
            assert client.loud() == 0
            await client.refused("no.such.command")
            assert len(client.frames()) == 10

    run(test)


def test_a_free_running_time_line_does_not_wait_for_audio() -> None:
    async def test() -> None:
        manners = Manners(free_running=True)
        async with (
            house(manners=manners) as service,
            joined(service, microphone=False) as client,
        ):
            await client.until("session.output_audio.delta", 3)

    run(test)


@pytest.mark.parametrize(
    "wire",
    [
        {"type": "audio/pcm", "rate": 16_000},
        {"type": "audio/pcmu", "rate": 8_000},
        {"type": "audio/pcma", "rate": 8_000},
    ],
)
def test_every_audio_format_is_spoken_and_understood(wire: dict[str, object]) -> None:
    async def test() -> None:
        codec = Codec(wire)
        async with house(HELLO) as service:
            options = {"microphone": False, "audio": {"format": wire}}
            async with joined(service, **options) as client:  # type: ignore[arg-type]
                turn = tone(0.8, 220.0, codec.rate_hz) + bytes(2 * codec.rate_hz)
                audio = encoded(codec.encode(turn))
                await client.send("session.input_audio.append", audio=audio)
                await client.until("session.input_transcript.delta", 2)
                silence = encoded(codec.encode(bytes(2 * codec.rate_hz)))
                await client.send("session.input_audio.append", audio=silence)
                await client.when(lambda: client.said() == "Hello, I am here.")
                loudest = max(
                    np.abs(np.frombuffer(codec.decode(frame), "<i2").astype(int)).max()
                    for frame in client.frames()
                )
                assert 7000 < loudest < 9500

    run(test)


def test_the_model_stops_when_the_person_talks_over_it_and_says_nothing_about_it() -> None:
    async def test() -> None:
        async with house(LONG, HELLO) as service, joined(service) as client:
            client.talk(0.8)
            await client.when(lambda: client.loud() >= 5)
            client.talk(1.0)
            await client.when(lambda: client.said().endswith("Hello, I am here."))
            await client.when(lambda: not any(client.frames()[-1]))
            assert client.loud() < 40, "8 s of story were 80 frames"
            assert "while." not in client.said()
            kinds = {event["type"] for event in client.events}
            assert kinds == {
                "session.started",
                "session.input_transcript.delta",
                "session.output_transcript.delta",
                "session.output_audio.delta",
            }

    run(test)


def test_a_model_that_does_not_yield_finishes_what_it_says() -> None:
    async def test() -> None:
        manners = Manners(yields=False)
        story = reply("one two three four five six", heard="count", seconds=3.0)
        async with (
            house(story, HELLO, manners=manners) as service,
            joined(service) as client,
        ):
            client.talk(0.8)
            await client.when(lambda: client.loud() >= 3)
            client.talk(0.8)
            await client.when(lambda: client.said().endswith("here."))
            assert client.said().startswith("one two three four five six")

    run(test)


def test_a_muted_microphone_is_not_heard_though_time_goes_on() -> None:
    async def test() -> None:
        async with house(HELLO) as service, joined(service) as client:
            await client.send("session.input_audio.mute", event_id="m")
            assert (await client.until("session.input_audio.muted"))["client_event_id"] == "m"
            client.talk(0.8)
            frames = len(client.frames())
            await client.when(lambda: len(client.frames()) > frames + 20)
            assert client.heard() == ""
            await client.send("session.input_audio.unmute", event_id="u")
            assert (await client.until("session.input_audio.unmuted"))["client_event_id"] == "u"
            client.talk(0.8)
            await client.when(lambda: client.heard() != "")

    run(test)


def test_a_fixture_silences_the_model_and_the_microphone_until_it_has_been_played() -> None:
    async def test() -> None:
        async with house(LONG) as service, joined(service) as client:
            client.talk(0.8)
            await client.when(lambda: client.loud() >= 3)
            await client.send(
                "session.output_audio.fixture.play", audio=encoded(tone(1.0)), event_id="f"
            )
            playing = await client.until("session.output_audio.fixture.playing")
            assert playing["client_event_id"] == "f"
            said, heard = client.said(), client.heard()
            client.talk(0.6)
            error = await client.refused(
                "session.commentary.append", content="No.", delegation_id=None
            )
            assert "fixture" in error["message"]
            played = await client.until("session.output_audio.fixture.played")
            assert played["client_event_id"] == "f"
            frames = len(client.frames())
            await client.when(lambda: len(client.frames()) > frames + 20)
            assert (client.said(), client.heard()) == (said, heard)

    run(test)


def test_usage_is_reported_as_a_running_total_of_seconds() -> None:
    async def test() -> None:
        manners = Manners(usage_every_s=0.03)
        async with house(manners=manners) as service, joined(service) as client:
            await client.until("session.usage.updated", 3)
            totals = [event["usage"]["seconds"] for event in client.of("session.usage.updated")]
            assert totals == sorted(totals)
            await client.send("session.close")
            closed = await client.until("session.closed")
            assert closed["usage"]["seconds"] == len(client.frames()) / 10 >= totals[-1]

    run(test)


def test_an_end_that_was_asked_for_is_orderly() -> None:
    async def test() -> None:
        async with house() as service, joined(service) as client:
            await client.send("session.close", event_id="bye")
            code = await client.gone()
            assert code == 1000
            last = client.events[-1]
            assert last["type"] == "session.closed"
            assert last["reason"] == "close_requested"
            assert last["client_event_id"] == "bye"
            assert last["session"]["status"] == "active"
            assert last["session"]["id"] == client.of("session.started")[0]["session"]["id"]

    run(test)


def test_history_is_taken_at_the_start() -> None:
    async def test() -> None:
        history = [
            {"role": "user", "content": [{"type": "input_text", "text": "I am Ada."}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Hello, Ada."}]},
        ]
        async with house() as service, entered(service) as client:
            started = await client.start(input=history)
            assert started["session"]["input"] == history

    run(test)


def test_audio_that_has_been_sent_is_kept_as_it_was() -> None:
    """The turn that the brain gets is what the client sent, at the session's rate."""

    async def test() -> None:
        async with house(HELLO) as service, joined(service) as client:
            client.talk(0.8)
            await client.until("session.input_transcript.delta")
            sent = b"".join(
                base64.b64decode(json.loads(data)["audio"])
                for data in service.received()
                if json.loads(data)["type"] == "session.input_audio.append"
            )
            assert tone(0.8, 220.0) in sent

    run(test)


def test_the_codes_of_both_laws_are_those_of_g_711() -> None:
    a_law = Codec({"type": "audio/pcma", "rate": 8_000})
    levels = np.frombuffer(a_law.decode(b"\xd5\x55\xaa\x2a\x80"), "<i2").tolist()
    assert levels == [8, -8, 32256, -32256, 5504]
    mu_law = Codec({"type": "audio/pcmu", "rate": 8_000})
    levels = np.frombuffer(mu_law.decode(b"\xff\x80\x00\xe0\x40"), "<i2").tolist()
    assert levels == [0, 32124, -32124, 372, -1884]


def test_nothing_follows_the_last_event() -> None:
    class Wire:
        def __init__(self) -> None:
            self.sent: list[str] = []

        async def send(self, data: str) -> None:
            self.sent.append(json.loads(data)["type"])

    async def test() -> None:
        wire = Wire()
        outbox = Outbox(wire, Record())  # type: ignore[arg-type]
        await outbox.post("first")
        await outbox.post_last("last")
        await outbox.post("late")
        await outbox.audio("")
        await outbox.post_last("later")
        assert wire.sent == ["first", "last"]

    run(test)
