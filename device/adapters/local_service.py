"""Keeps the built-in offline service running, as a child process of its own.

It is a separate process because pocketsphinx holds the GIL for tens of
milliseconds at a time, which the button's cut cannot afford. Loop thread only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
from collections.abc import Callable, Sequence

from device.core.reconnect import Backoff
from device.events import Part, PartDegraded, PartReady
from device.ports import Post

START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 1.0


class LocalService:
    """``url`` is where it listens, or empty while it does not. Its log lines go to our
    stderr, or, when ``quiet``, nowhere."""

    def __init__(
        self,
        arguments: Sequence[str],
        post: Post,
        report_started: Callable[[int], None],
        rng: random.Random,
        *,
        quiet: bool = False,
    ) -> None:
        self._command = [sys.executable, "-m", "device.cli.main", "service", *arguments]
        self._post = post
        self._report_started = report_started
        self._rng = rng
        self._stderr = asyncio.subprocess.DEVNULL if quiet else None
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self.url = ""

    def start(self) -> None:
        self._task = asyncio.create_task(self._keep_running(), name="offline service")

    async def stop(self) -> None:
        if self._task is None:
            return
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await self._end_process()

    async def _keep_running(self) -> None:
        backoff = Backoff(0.3, 5.0, self._rng)
        while True:
            why = await self._run_once(backoff)
            self.url = ""
            # Whoever takes this logs it; a line of our own would be a second one.
            self._post(PartDegraded(Part.OFFLINE_SERVICE, "offline service restarting", why))
            await asyncio.sleep(backoff.next_delay())

    async def _run_once(self, backoff: Backoff) -> str:
        """Start it and wait for its end; returns why it ended."""
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,  # it ends when this pipe does
                stdout=asyncio.subprocess.PIPE,
                stderr=self._stderr,
            )
        except OSError as error:
            return f"it cannot be started: {error}"
        stdout = self._process.stdout
        assert stdout is not None
        try:
            line = await asyncio.wait_for(stdout.readline(), START_TIMEOUT_S)
            self.url = str(json.loads(line)["listening"])
        except (TimeoutError, ValueError, KeyError):
            await self._end_process()
            return "it did not say where it listens"
        backoff.reset()
        self._report_started(self._process.pid)
        self._post(PartReady(Part.OFFLINE_SERVICE, self.url))
        while await stdout.readline():
            pass  # it has nothing else to say; reading keeps its pipe from filling
        code = await self._process.wait()
        return f"exit status {code}"

    async def _end_process(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            process.kill()
            await process.wait()
