"""The offline service as a process: load the engines, serve, stop when told to."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace

from device.audio.vad import SileroVad
from device.local.chat import ChatEndpoint
from device.local.listener import Listener
from device.local.parent import ParentWatch
from device.local.recognition.intents import understand
from device.local.recognition.port import Recogniser
from device.local.server import PATH, RealtimeServer, ServerOptions
from device.voice.engines import create_synthesiser
from device.voice.speaker import Speaker

SWITCH_INTERVAL_S = 0.0005


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """``parent_pid``: the service ends with that process (0: it stays)."""

    server: ServerOptions
    vocabulary: str = "commands"
    voice: str = "espeak"
    chat_url: str = ""
    chat_model: str = ""
    parent_pid: int = 0


def create_recogniser(vocabulary: str) -> Recogniser:
    """The recogniser for "commands" or "open". Raises ModelError."""
    # Imported here: in the worker's thread, while the voice loads in another.
    from device.local import recognition  # noqa: PLC0415

    return recognition.create_recogniser(vocabulary)


async def run_service(options: ServiceOptions, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGTERM, SIGINT or the parent's end.

    ``on_ready(url)`` is called when speech can be understood and answered.
    Raises ModelError when an engine cannot be loaded, OSError when the port is taken.
    """
    listener = Listener(lambda: create_recogniser(options.vocabulary))
    speaker = Speaker(lambda: create_synthesiser(options.voice))
    chat = ChatEndpoint(options.chat_url, options.chat_model) if options.chat_url else None
    # The default of 5 ms would be how long a worker that computes keeps the loop waiting.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    listener.start()
    speaker.start()
    server = RealtimeServer(
        replace(options.server, verbatim=options.vocabulary == "open"),
        listener=listener,
        speaker=speaker,
        new_vad=SileroVad,
        understand=understand,
        chat=chat,
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    watch = ParentWatch(options.parent_pid, ended) if options.parent_pid else None
    try:
        if watch is not None:
            watch.start()
        await _unless(ended, asyncio.to_thread(_wait_loaded, speaker, listener))
        if not ended.is_set():
            port = await server.start()
            gc.freeze()  # what is loaded now stays: later collections need not look at it
            on_ready(f"ws://{options.server.host}:{port}{PATH}")
            await ended.wait()
    finally:
        if watch is not None:
            watch.stop()
        await server.stop()
        speaker.stop()
        listener.stop()
        gc.unfreeze()


def _wait_loaded(speaker: Speaker, listener: Listener) -> None:
    speaker.wait_loaded()
    listener.wait_loaded()


async def _unless(ended: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Wait for ``work``, or no longer when told to end."""
    task, stop = asyncio.create_task(work), asyncio.create_task(ended.wait())
    await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if task.done():
        task.result()
