"""An open session: what was said before it, the order and size of messages, rubbish, secrets."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import pytest

from device.commands import AppendAudio, ClearInput, CommitTurn, RequestReply, ServiceCommand
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ReplyTranscript,
    ServiceTrouble,
)
from device.providers.base import Output, SessionSpec
from device.providers.openai_realtime import OpenAIRealtime
from device.settings import ServiceSettings
from tests.link.rig import (
    KEY,
    Rig,
    ScriptedServer,
    ServerSession,
    no_server_url,
    opened,
    quiet,
    run,
)
from tests.link.talk import CHUNK, SECOND, appended, received_by, reply_in_parts, speech


@pytest.mark.parametrize(("said_s", "kept_s"), [(15, 15), (65, 60)])
def test_what_was_said_before_the_link_was_open_is_not_lost(said_s: int, kept_s: int) -> None:
    async def test() -> None:
        rig = Rig(no_server_url())
        await rig.fails()
        said = speech(said_s)
        for start in range(0, len(said), CHUNK):
            rig.link.send(AppendAudio(said[start : start + CHUNK]))
        rig.link.send(RequestReply())
        assert rig.link.queued_audio_s == kept_s
        async with ScriptedServer(quiet) as server:
            rig.url = server.url
            rig.link.open()
            await rig.until(LinkOpened)
            await received_by(server.sessions[0], "response.create")
            assert appended(server.sessions[0]) == said[(said_s - kept_s) * SECOND :]
            assert rig.link.counters.audio_dropped_bytes == (said_s - kept_s) * SECOND
            await rig.link.stop()

    run(test)


def test_nothing_is_kept_for_a_link_that_nobody_wants() -> None:
    async def test() -> None:
        rig = Rig(no_server_url())
        rig.link.send(AppendAudio(bytes(CHUNK)))
        assert rig.link.queued_audio_s == 0
        rig.link.open()
        rig.link.send(AppendAudio(bytes(CHUNK)))
        assert rig.link.queued_audio_s == 0.02
        rig.link.send(ClearInput())
        assert rig.link.queued_audio_s == 0
        rig.link.send(AppendAudio(bytes(CHUNK)))
        rig.link.close("enough")
        assert rig.link.queued_audio_s == 0
        await rig.link.stop()

    run(test)


def test_a_clear_reaches_the_codec_before_the_next_message_is_read() -> None:
    told: list[ServiceCommand] = []

    class Watched(OpenAIRealtime):
        def command(self, command: ServiceCommand, now: float) -> list[Output]:
            told.append(command)
            return super().command(command, now)

    async def test() -> None:
        async with opened(quiet, codec=Watched) as rig:
            rig.link.send(AppendAudio(bytes(CHUNK)))
            rig.link.send(ClearInput())
            assert told == [ClearInput()]  # at once: the loop has not turned meanwhile

    run(test)


def test_a_big_message_is_decoded_beside_the_loop_and_keeps_its_place() -> None:
    decoded_in: list[str] = []

    class Watched(OpenAIRealtime):
        def decode(self, data: str | bytes) -> object:
            decoded_in.append(threading.current_thread().name)
            return super().decode(data)

    pcm = speech(1_048_576 / SECOND)

    async def script(session: ServerSession) -> None:
        await session.greet()
        parts = (b"\x01\x02", pcm, b"\x03\x04", pcm[:100_000], b"\x05\x06")
        await reply_in_parts(session, parts)
        await session.rest()

    async def test() -> None:
        async with opened(script, codec=Watched) as rig:
            await rig.until(ReplyDone)
            heard = b"".join(event.pcm for event in rig.of(ReplyAudio))
            assert heard == b"\x01\x02" + pcm + b"\x03\x04" + pcm[:100_000] + b"\x05\x06"
            assert isinstance(rig.events[-1], ReplyDone)
            assert [name.startswith("link-decode") for name in decoded_in] == [True, True]
            assert rig.link.counters.decoded_off_loop == 2

    run(test)


def test_a_message_beyond_the_limit_is_refused() -> None:
    async def script(session: ServerSession) -> None:
        await session.greet()
        await session.send_raw(json.dumps({"type": "x", "filler": "y" * 70_000}))
        await session.rest()

    async def test() -> None:
        async with opened(script, settings=ServiceSettings(max_message_bytes=65_536)) as rig:
            closed = await rig.until(LinkClosed)
            assert closed.kind is ErrorKind.PROTOCOL
            assert "65536 bytes" in closed.reason
            assert not rig.link.is_open

    run(test)


def test_rubbish_is_reported_and_the_session_goes_on() -> None:
    async def script(session: ServerSession) -> None:
        await session.greet()
        for rubbish in ("", "{", "[]", b"\x00\xff", '{"type":"what.is.this"}'):
            await session.send_raw(rubbish)
        await session.reply(b"\x01\x02\x03")  # half a sample too many
        await session.rest()

    async def test() -> None:
        async with opened(script) as rig:
            await rig.until(ReplyDone)
            malformed, odd = rig.of(ServiceTrouble)
            assert malformed.kind is odd.kind is ErrorKind.PROTOCOL
            assert "malformed" in malformed.detail and "half a sample" in odd.detail
            assert [event.pcm for event in rig.of(ReplyAudio)] == [b"\x01\x02"]
            assert rig.link.is_open

    run(test)


def test_text_that_is_no_text_ends_the_session() -> None:
    async def script(session: ServerSession) -> None:
        await session.greet()
        await session.connection.send(b"\xff\xfe", text=True)
        await session.rest()

    async def test() -> None:
        async with opened(script) as rig:
            assert (await rig.until(LinkClosed)).kind is ErrorKind.PROTOCOL

    run(test)


# --- secrets and mistakes of our own ------------------------------------------------------------


def test_the_key_reaches_no_log(caplog: pytest.LogCaptureFixture) -> None:
    async def script(session: ServerSession) -> None:
        await session.greet()
        error = {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}
        await session.send("error", error=error)
        await session.rest()

    async def test() -> None:
        async with opened(script) as rig:
            closed = await rig.until(LinkClosed)
            assert closed.kind is ErrorKind.KEY
            assert KEY not in repr(rig.events)

    with caplog.at_level(logging.DEBUG):
        run(test)
    # The server side of the test, which is not ours, logs the headers it gets.
    ours = [r.getMessage() for r in caplog.records if r.name != "websockets.server"]
    assert ours and not [line for line in ours if KEY in line]


def test_a_mistake_in_a_codec_is_logged_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(OpenAIRealtime):
        def __init__(self, spec: SessionSpec) -> None:
            super().__init__(spec)

        def command(self, command: Any, now: float) -> list[Output]:
            raise ZeroDivisionError

    async def test() -> None:
        async with opened(quiet, codec=Broken) as rig:
            rig.link.send(CommitTurn())
            closed = await rig.until(LinkClosed)
            assert closed.kind is ErrorKind.SERVICE
            assert "ZeroDivisionError" in closed.reason

    run(test)
    assert "internal error" in caplog.text


def test_words_arrive_as_they_were_sent() -> None:
    async def script(session: ServerSession) -> None:
        await session.greet()
        await session.reply(b"", words="Grüße, 世界 🌍")
        await session.rest()

    async def test() -> None:
        async with opened(script) as rig:
            assert (await rig.until(ReplyTranscript)).text == "Grüße, 世界 🌍"

    run(test)


def test_the_seconds_of_microphone_are_those_that_a_session_was_given() -> None:
    """What a codec sends of its own, silence or a keep-alive, is none of the microphone's."""

    class Chatty(OpenAIRealtime):
        def command(self, command: ServiceCommand, now: float) -> list[Output]:
            said = super().command(command, now)
            return [*said, *super().command(AppendAudio(bytes(CHUNK)), now)]

    async def test() -> None:
        async with opened(quiet, codec=Chatty) as rig:
            assert rig.link.counters.microphone_bytes == 0
            rig.link.send(AppendAudio(speech(1)))
            rig.link.send(CommitTurn())
            await received_by(rig.sessions[0], "input_audio_buffer.commit")
            assert len(appended(rig.sessions[0])) > SECOND
            assert rig.link.counters.microphone_bytes == SECOND

    run(test)
