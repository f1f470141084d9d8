"""Drives one :class:`Session` over one WebSocket: the only part of it that waits.

Everything runs in the event loop; the workers report through
``call_soon_threadsafe``. What goes out is bounded: while more than
:data:`QUEUE_BYTES` wait for a slow client, no reply is generated and nothing
more is read, so that a client that never reads costs one event's memory until
the keep-alive drops it.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from device.local.chat import ChatEndpoint, ChatRequest
from device.local.effects import (
    AskChat,
    Close,
    Effect,
    Forget,
    Hear,
    Hush,
    Send,
    Speak,
    Understand,
)
from device.local.listener import Heard, Listener
from device.local.recognition.port import Recognition
from device.local.session import Session
from device.local.utterer import Utterer
from device.voice.speaker import Speaker

QUEUE_BYTES = 64 * 1024
BIG_MESSAGE = 64 * 1024  #: characters; parsed outside the loop
SLICES_PER_TURN = 8  #: of 32 ms of audio, before others get their turn in the loop

log = logging.getLogger("parlor.local")


class Connection:
    """One client, until it is gone."""

    def __init__(
        self,
        websocket: ServerConnection,
        session: Session,
        listener: Listener,
        speaker: Speaker,
        chat: ChatEndpoint | None,
        *,
        pace: float,
    ) -> None:
        self._websocket = websocket
        self._session = session
        self._listener = listener
        self._speaker = speaker
        self._chat = chat
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._queue: deque[str] = deque()
        self._queued = 0
        self._filled, self._drained = asyncio.Event(), asyncio.Event()
        self._drained.set()
        self._close: Close | None = None
        self._heard: dict[str, Heard] = {}
        self._utterers: dict[str, Utterer] = {}
        self._chats: dict[str, ChatRequest] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    async def run(self) -> None:
        """Serve the client. Returns when either side has closed."""
        self.perform(self._session.start(time.monotonic()))
        writer = asyncio.create_task(self._write())
        reader = asyncio.create_task(self._read())
        try:
            await asyncio.wait({writer, reader}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await self._tear_down(writer, reader)
        for task in (writer, reader):
            if not task.cancelled() and (failure := task.exception()) is not None:
                raise failure

    def perform(self, effects: Iterable[Effect]) -> None:
        """Carry out, in order. After the end of the connection: nothing."""
        if self._over:
            return
        for effect in effects:
            match effect:
                case Send(event):
                    if event["type"] == "error":
                        log.info("told the client: %s", event["error"]["message"])
                    self._enqueue(json.dumps(event, separators=(",", ":")))
                case Hear(item_id, pcm16k):
                    self._utterance(item_id).feed(pcm16k)
                case Understand(item_id):
                    self._understand(item_id)
                case Forget(item_id):
                    if item_id in self._heard:
                        self._heard.pop(item_id).forget()
                case Speak():
                    self._utterer(effect.response_id).say(effect)
                case AskChat(response_id, messages):
                    self._ask(response_id, messages)
                case Hush(response_id):
                    self._hush(response_id)
                case Close():
                    self._close = effect
                    self._filled.set()
        self._arm_timer()

    # --- the socket -----------------------------------------------------------

    async def _read(self) -> None:
        try:
            async for message in self._websocket:
                await self._drained.wait()
                await self._receive(message)
        except ConnectionClosed:
            return

    async def _receive(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.perform(self._session.malformed("Only text frames with JSON are understood."))
            return
        try:
            if len(message) > BIG_MESSAGE:
                event = await asyncio.to_thread(json.loads, message)
            else:
                event = json.loads(message)
        except (ValueError, RecursionError) as error:
            self.perform(self._session.malformed(f"The message is not valid JSON: {error}."))
            return
        for count, effects in enumerate(self._session.receive(event, time.monotonic()), 1):
            self.perform(effects)
            if count % SLICES_PER_TURN == 0:
                await asyncio.sleep(0)

    async def _write(self) -> None:
        try:
            while True:
                await self._filled.wait()
                self._filled.clear()
                while self._queue:
                    message = self._queue.popleft()
                    await self._websocket.send(message)
                    self._queued -= len(message)
                    if self._queued < QUEUE_BYTES:
                        self._drained.set()
                if self._close is not None:
                    await self._websocket.close(self._close.code, self._close.reason)
                    return
        except ConnectionClosed:
            return

    def _enqueue(self, message: str) -> None:
        self._queue.append(message)
        self._queued += len(message)
        if self._queued >= QUEUE_BYTES:
            self._drained.clear()
        self._filled.set()

    # --- the workers ------------------------------------------------------------

    def _utterance(self, item_id: str) -> Heard:
        if item_id not in self._heard:
            self._heard[item_id] = self._listener.begin()
        return self._heard[item_id]

    def _understand(self, item_id: str) -> None:
        def done(recognition: Recognition | None, why: str) -> None:
            self._post(self._recognised, item_id, recognition, why)

        heard = self._utterance(item_id)
        heard.finish(done)

    def _recognised(self, item_id: str, recognition: Recognition | None, why: str) -> None:
        self._heard.pop(item_id, None)
        now = time.monotonic()
        if recognition is None:
            self.perform(self._session.recognition_failed(item_id, why, now))
        else:
            self.perform(self._session.recognised(item_id, recognition, now))

    def _utterer(self, response_id: str) -> Utterer:
        if response_id not in self._utterers:
            self._utterers[response_id] = Utterer(
                self._speaker,
                post=self._post,
                room=self._drained,
                on_audio=lambda words, pcm: self.perform(
                    self._session.spoke(response_id, words, pcm, time.monotonic())
                ),
                on_end=lambda why: self._utterer_ended(response_id, why),
                pace=self._pace,
            )
        return self._utterers[response_id]

    def _utterer_ended(self, response_id: str, why: str | None) -> None:
        self._utterers.pop(response_id, None)
        now = time.monotonic()
        if why is None:
            self.perform(self._session.spoken(response_id, now))
        else:
            log.error("speech failed: %s", why)
            self.perform(self._session.voice_failed(response_id, why, now))

    def _ask(self, response_id: str, messages: tuple[tuple[str, str], ...]) -> None:
        if self._chat is None:
            raise RuntimeError("the session asked a chat endpoint that is not configured")
        request = ChatRequest(
            messages,
            lambda words: self._post(self._chat_said, response_id, words),
            lambda why: self._post(self._chat_ended, response_id, why),
        )
        self._chats[response_id] = request
        self._chat.ask(request)

    def _chat_said(self, response_id: str, words: str) -> None:
        self.perform(self._session.chat_said(response_id, words))

    def _chat_ended(self, response_id: str, why: str | None) -> None:
        self._chats.pop(response_id, None)
        if why is not None:
            log.warning("the chat endpoint did not answer: %s", why)
        now = time.monotonic()
        self.perform(self._session.chat_ended(response_id, now, failed=why is not None))

    def _hush(self, response_id: str) -> None:
        if response_id in self._utterers:
            self._utterers.pop(response_id).stop()
        if response_id in self._chats:
            self._chats.pop(response_id).stop()

    def _post(self, call: Callable[..., object], *arguments: object) -> None:
        """Run ``call`` in the loop; from any thread."""
        if not self._loop.is_closed():  # while the process ends, nobody is left to tell
            self._loop.call_soon_threadsafe(call, *arguments)

    # --- time ---------------------------------------------------------------------

    def _arm_timer(self) -> None:
        due = self._session.deadline
        if self._timer is not None:
            if self._timer.when() == due:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._time_out)

    def _time_out(self) -> None:
        self._timer = None
        self.perform(self._session.timeout(time.monotonic()))

    async def _tear_down(self, *tasks: asyncio.Task[None]) -> None:
        self._over = True
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._timer is not None:
            self._timer.cancel()
        for heard in self._heard.values():
            heard.forget()
        for response_id in [*self._utterers, *self._chats]:
            self._hush(response_id)
