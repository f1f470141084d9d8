"""A brain that understands and speaks: the built-in offline service, as a client of it.

One connection per conversation, in the protocol that the offline service has in common with
OpenAI Realtime. Its calls of tools are handed on, so that the device runs them by way of the
stand-in's own protocol; for a service that has no tools of the device's they are run here.
"""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from device.errors import SimulatorError
from device.simulator.services.book import Book
from device.simulator.services.brain import RATE_HZ, Answer, Call, converted

Json = dict[str, Any]
RunTool = Callable[[str, str], str]
"""A tool's name and its arguments as JSON; its result as JSON."""

ANSWER_TIMEOUT_S = 20.0
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_APPEND_BYTES = 96_000
_MOST_ROUNDS = 4  #: of tools that are run here, for one answer


@dataclass(frozen=True, slots=True)
class Tools:
    """``declared``: in the shape of the offline service's ``session.tools``. ``run`` None: the
    device runs them."""

    declared: Sequence[Mapping[str, Any]] = ()
    run: RunTool | None = None


@dataclass(slots=True)
class _Response:
    """What has come of one response."""

    words: str = ""
    heard: str = ""
    pcm: bytearray = field(default_factory=bytearray)
    calls: list[tuple[str, str, str]] = field(default_factory=list)  #: call_id, name, arguments


class OfflineBrain:
    """One conversation. Event loop only; asked for one thing at a time.

    ``url``: of the offline service. A question that is given up midway (a person who goes on
    talking) ends its connection: the next one is asked on a new one, which remembers nothing.
    Raises SimulatorError where the service fails; a stand-in shows that as a failure of its own.
    """

    def __init__(
        self, url: str, tools: Tools, book: Book, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url, self._tools, self._book, self._clock = url, tools, book, clock
        self._connection = book.opened()
        self._socket: ClientConnection | None = None
        self._calls: list[str] = []  #: call_ids of the last answer, in order

    async def spoken(self, pcm: bytes, rate_hz: int) -> Answer:
        sound = converted(pcm, rate_hz, RATE_HZ)
        pieces = range(0, len(sound), _APPEND_BYTES)
        events: list[Json] = [
            {
                "type": "input_audio_buffer.append",
                "audio": base64.b64encode(sound[at : at + _APPEND_BYTES]).decode(),
            }
            for at in pieces
        ]
        events += [{"type": "input_audio_buffer.commit"}, {"type": "response.create"}]
        return await self._answer(events, (pcm, rate_hz))

    async def written(self, text: str) -> Answer:
        """Words to be said (``Say: "..."``) are instructions, anything else is a message."""
        item = {"role": "user", "content": [{"type": "input_text", "text": text}]}
        return await self._answer(
            [
                {"type": "conversation.item.create", "item": {"type": "message", **item}},
                {"type": "response.create", "response": {"instructions": text}},
            ]
        )

    async def tools_done(self, results: Sequence[str]) -> Answer:
        return await self._answer(self._results(results))

    async def close(self) -> None:
        """The conversation is over."""
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.close()

    # --- one question ------------------------------------------------------------------

    def _results(self, results: Sequence[str]) -> list[Json]:
        outputs = [
            {"type": "function_call_output", "call_id": call_id, "output": result}
            for call_id, result in zip(self._calls, results, strict=False)
        ]
        self._calls = []
        items: list[Json] = [{"type": "conversation.item.create", "item": o} for o in outputs]
        return [*items, {"type": "response.create"}]

    async def _answer(
        self, events: list[Json], heard: tuple[bytes, int] = (b"", RATE_HZ)
    ) -> Answer:
        asked_at = self._clock()
        finished = False
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                answer = await self._ask(events)
            finished = True
        except TimeoutError as error:
            raise SimulatorError("the offline service did not answer the stand-in") from error
        except (ConnectionClosed, OSError) as error:
            raise SimulatorError(f"the offline service left the stand-in: {error}") from error
        finally:
            if not finished and self._socket is not None:
                self._socket.transport.abort()
                self._socket, self._calls = None, []
        self._book.note(self._connection, (asked_at, self._clock()), answer, heard)
        return answer

    async def _ask(self, events: list[Json]) -> Answer:
        socket = self._socket or await self._open()
        got = await self._respond(socket, events)
        heard, run = got.heard, self._tools.run
        for _ in range(_MOST_ROUNDS):
            if run is None or not got.calls:
                break
            self._calls = [call_id for call_id, _, _ in got.calls]
            results = [run(name, arguments) for _, name, arguments in got.calls]
            got = await self._respond(socket, self._results(results))
        self._calls = [call_id for call_id, _, _ in got.calls]
        calls = tuple(Call(name, _object(arguments)) for _, name, arguments in got.calls)
        return Answer(heard, got.words, bytes(got.pcm), calls)

    async def _open(self) -> ClientConnection:
        socket = await connect(self._url, proxy=None, compression=None, max_size=MAX_MESSAGE_BYTES)
        self._socket = socket
        pcm = {"type": "audio/pcm", "rate": RATE_HZ}
        session = {
            "type": "realtime",
            "tools": [dict(tool) for tool in self._tools.declared],
            "audio": {
                "input": {
                    "format": pcm,
                    "turn_detection": None,
                    "transcription": {"model": "parlor-offline"},
                },
                "output": {"format": pcm},
            },
        }
        await socket.send(json.dumps({"type": "session.update", "session": session}))
        return socket

    async def _respond(self, socket: ClientConnection, events: list[Json]) -> _Response:
        for event in events:
            await socket.send(json.dumps(event))
        got = _Response()
        while True:
            event = json.loads(await socket.recv())
            match event["type"]:
                case "conversation.item.input_audio_transcription.completed":
                    got.heard = event["transcript"]
                case "response.output_audio.delta":
                    got.pcm += base64.b64decode(event["delta"])
                case "response.output_audio_transcript.done":
                    got.words = f"{got.words} {event['transcript']}".strip()
                case "response.function_call_arguments.done":
                    got.calls.append((event["call_id"], event["name"], event["arguments"]))
                case "error":
                    raise SimulatorError(f"the offline service: {event['error'].get('message')}")
                case "response.done":
                    status = event["response"]["status"]
                    if status != "completed":
                        raise SimulatorError(f"the offline service's reply is {status}")
                    return got


def _object(text: str) -> Mapping[str, object]:
    parsed = json.loads(text or "{}")
    return parsed if isinstance(parsed, dict) else {}
