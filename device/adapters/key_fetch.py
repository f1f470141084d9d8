"""Asks the owner's program, or the owner's HTTPS address, for a short-lived key.

Neither the key nor anything else of the answer is ever part of an error, a log line or an
argument: only what kind of thing went wrong, and what to do.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import shlex
import signal
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from device.adapters.key_answer import Answer, AnswerError, parse_answer
from device.adapters.link_dial import target_of
from device.adapters.link_http import perform
from device.adapters.link_threads import in_daemon_thread
from device.errors import SecretError
from device.events import ErrorKind
from device.providers.base import HttpRequest
from device.secrets import read_key

END_S = 2.0  #: for what is left of a program that was ended
TIME_LIMIT_S = 10.0
LARGEST_ANSWER = 64 * 1024
#: All that a program gets of our environment; the rest may hold what is not its business.
PASSED_ON = ("PATH", "HOME", "LANG")


class KeyFetchError(SecretError):
    """No key was got. ``kind`` tells whether waiting may mend it (NETWORK, SERVICE) or somebody
    must act (KEY, CERTIFICATE)."""

    def __init__(self, says: str, kind: ErrorKind, *, key: str, hint: str) -> None:
        super().__init__(says, key=key, hint=hint)
        self.kind = kind


class Fetch(Protocol):
    """One way to a key. ``setting`` is the dotted key of the setting that names it."""

    @property
    def setting(self) -> str: ...

    async def __call__(self) -> Answer:
        """Raises KeyFetchError, or SecretError where the bearer's file cannot be read. Loop
        thread; takes at most its time limit."""
        ...


class CommandFetch:
    """Runs a program, without a shell. What it writes to stderr is not read: it might be the
    key. It leads a process group of its own, which dies with it when it takes too long."""

    def __init__(
        self,
        command: str,
        environ: Mapping[str, str],
        setting: str,
        time_limit_s: float = TIME_LIMIT_S,
    ) -> None:
        self.setting = setting
        self._command = command
        self._environ = {name: environ[name] for name in PASSED_ON if name in environ}
        self._time_limit_s = time_limit_s

    async def __call__(self) -> Answer:
        process = await self._start()
        name = Path(shlex.split(self._command)[0]).name
        try:
            async with asyncio.timeout(self._time_limit_s):
                data = await self._read(process, name)
                status = await process.wait()
        except TimeoutError:
            await _end(process)
            says = f"{name} gave no key within {self._time_limit_s:g} s"
            raise self._error(says, "run it by hand as parlor", ErrorKind.NETWORK) from None
        except BaseException:
            await _end(process)
            raise
        if status:
            how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
            hint = f"run it by hand: sudo -u parlor {name} ..."
            # It may have failed for want of a network, which comes back.
            raise self._error(f"{name} {how}", hint, ErrorKind.SERVICE)
        try:
            return parse_answer(data)
        except AnswerError as error:
            raise self._error(
                f"{name} printed {error}", "it must print the key alone, or JSON with it"
            ) from None

    async def _start(self) -> asyncio.subprocess.Process:
        try:
            words = shlex.split(self._command)
        except ValueError:
            raise self._error(
                "a quotation mark has no counterpart", "quote as in a shell"
            ) from None
        if not words:
            raise self._error("it names no program", "write the program's path, and arguments")
        try:
            return await asyncio.create_subprocess_exec(
                *words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=self._environ,
                start_new_session=True,
            )
        except FileNotFoundError:
            hint = "write its whole path"
            raise self._error(f"there is no program {words[0]}", hint) from None
        except PermissionError:
            hint = f"chmod +x {words[0]}, and let parlor read it"
            raise self._error(f"{words[0]} may not be run by this user", hint) from None
        except (OSError, ValueError) as error:
            why = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else ""
            raise self._error(
                f"{words[0]} cannot be run{why and f': {why}'}", "see it by hand"
            ) from None

    async def _read(self, process: asyncio.subprocess.Process, name: str) -> bytes:
        assert process.stdout is not None
        data = bytearray()
        while chunk := await process.stdout.read(8192):
            data += chunk
            if len(data) > LARGEST_ANSWER:
                raise self._error(f"{name} prints too much", "it must print the key alone")
        return bytes(data)

    def _error(self, says: str, hint: str, kind: ErrorKind = ErrorKind.KEY) -> KeyFetchError:
        return KeyFetchError(says, kind, key=self.setting, hint=hint)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Nothing of it is left, nor of what it started in its group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    assert process.stdout is not None
    # asyncio notices an end only when the pipe is empty too, which nobody else reads now. What
    # has left the group may hold the pipe open: it is not waited for.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_S):
            while await process.stdout.read(65536):
                pass
            await process.wait()


class EndpointFetch:
    """POSTs to an address of the owner's, over HTTPS unless it is on this machine; follows no
    redirect. ``bearer_file`` holds what the address knows the device by, or is None.
    ``context``: whom TLS trusts; None: those that the system trusts."""

    def __init__(
        self,
        url: str,
        setting: str,
        *,
        bearer_file: Path | None = None,
        bearer_setting: str = "",
        context: ssl.SSLContext | None = None,
        time_limit_s: float = TIME_LIMIT_S,
    ) -> None:
        self.setting = setting
        self._url = url
        self._bearer_file = bearer_file
        self._bearer_setting = bearer_setting
        self._context = context
        self._time_limit_s = time_limit_s

    async def __call__(self) -> Answer:
        where = self._where()
        try:
            async with asyncio.timeout(self._time_limit_s):
                status, body = await in_daemon_thread("key-http", self._ask)
        except TimeoutError:
            says = f"{where} gave no key within {self._time_limit_s:g} s"
            raise self._error(says, "see whether it is up", ErrorKind.NETWORK) from None
        except ssl.SSLCertVerificationError:
            hint = "see its certificate, and whether the clock is right here"
            raise self._error(
                f"{where} cannot prove who it is", hint, ErrorKind.CERTIFICATE
            ) from None
        except (OSError, http.client.HTTPException, ValueError):
            hint = "see whether it is up, and the network"
            raise self._error(f"{where} cannot be reached", hint, ErrorKind.NETWORK) from None
        if 300 <= status < 400:
            raise self._error(f"{where} leads elsewhere (HTTP {status})", "write where it leads to")
        if status in (401, 403):
            raise self._error(f"{where} does not know this device (HTTP {status})", self._unknown())
        if not 200 <= status < 300:
            kind = ErrorKind.SERVICE if status == 429 or status >= 500 else ErrorKind.KEY
            raise self._error(f"{where} gave no key (HTTP {status})", "see its own log", kind)
        if len(body) > LARGEST_ANSWER:
            raise self._error(f"{where} answered too much", "it must answer the key alone")
        try:
            return parse_answer(body)
        except AnswerError as error:
            raise self._error(
                f"{where} answered {error}", "it must answer the key alone, or JSON with it"
            ) from None

    def _where(self) -> str:
        """Host and port; refuses what would carry the key unencrypted."""
        try:
            target = target_of(self._url)
        except ValueError:
            raise self._error("this is no address", "write https://...") from None
        if not self._url.startswith(("https:", "http:")):
            raise self._error("this is no address", "write https://...")
        if not target.secure and not target.loopback:
            raise self._error(f"{target} is not encrypted", "write https:// before it")
        return str(target)

    def _unknown(self) -> str:
        if self._bearer_file is None:
            return "it may want a token: see its own log"
        return f"see the token in {self._bearer_file}"

    def _ask(self) -> tuple[int, bytes]:
        """In a thread of its own: reads the token anew each time, since it may be replaced."""
        headers = {"Accept": "application/json, text/plain"}
        if self._bearer_file is not None:
            bearer = read_key(self._bearer_file, self._bearer_setting or self.setting)
            headers["Authorization"] = f"Bearer {bearer.reveal()}"
        context = self._context
        if context is None and self._url.startswith("https:"):
            context = ssl.create_default_context()
        request = HttpRequest("key", "POST", self._url, headers)
        return perform(request, self._time_limit_s, context)

    def _error(self, says: str, hint: str, kind: ErrorKind = ErrorKind.KEY) -> KeyFetchError:
        return KeyFetchError(says, kind, key=self.setting, hint=hint)
