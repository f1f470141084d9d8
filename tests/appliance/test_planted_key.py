"""Keys that are planted wherever an owner may put them are found nowhere in a run that goes wrong.

One question, and every service fails at it in its own way, until the offline one answers:

1. the key stands in a file: it is refused, with an answer that quotes it;
2. the key is a systemd credential: the session is ended with a reason that quotes it;
3. the key comes from a program, which talks about it: the codec has a bug, whose traceback
   quotes it.

Another stands by mistake in an address. What is searched: every file of the run, the log (at its
most talkative), the words for systemd, the command lines and environments of all its processes,
and what the commands print about it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, unquote

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from device.fakes_link import ServerSession
from device.simulator.console import Console
from device.simulator.director import Director
from device.simulator.scenario import parse
from tests.conftest import REPO

pytestmark = pytest.mark.appliance

SCENARIO = 'duration_s = 13\n[[cue]]\nat_s = 4.0\nsay = "hey jarvis, what time is it"\n'
#: Each with what addresses and JSON write in another way.
KEYS = {
    "key_file": 'Pl4nted/key+"in"the~file=0001',
    "in_the_address": "Pl4nted-key-in-the-address-0002",
    "credential": "Pl4nted/credential+of~systemd=0003",
    "program": "Pl4nted/answer+of<a>program=0004",
}

#: Put into the appliance's process: a bug that shows what it was about.
BUG = """
import sys
if "run" in sys.argv:
    from device.providers import openai_realtime

    received = openai_realtime.OpenAIRealtime.received

    def buggy(self, data, now):
        if "go wrong" in str(data):
            raise RuntimeError("a bug: " + repr(self._spec.key) + " of " + self._spec.url)
        return received(self, data, now)

    openai_realtime.OpenAIRealtime.received = buggy
"""


def forms(key: str) -> Iterator[bytes]:
    """In which a key might be written: as it is, in addresses, JSON and base64 of any place."""
    raw = key.encode()
    plain = [raw, quote(key).encode(), quote(key, safe="").encode(), raw.hex().encode()]
    yield from {*plain, raw.replace(b'"', b'\\"'), raw.replace(b"<", b"\\u003c")}
    for at in range(3):
        # Without the letters on which what stands before and behind it has a say.
        text = base64.b64encode(bytes(at) + raw)[4 if at else 0 : -4]
        yield text
        yield base64.urlsafe_b64encode(bytes(at) + raw)[4 if at else 0 : -4]


def found_in(data: bytes) -> list[str]:
    return [name for name, key in KEYS.items() if any(form in data for form in forms(key))]


@dataclass
class Processes:
    """Command lines and environments of everything that this process has started, as long as it
    looks."""

    seen: dict[str, bytes] = field(default_factory=dict)
    _over: threading.Event = field(default_factory=threading.Event)

    def look(self) -> None:
        while not self._over.wait(0.05):
            self._below(os.getpid())

    def _below(self, pid: int) -> None:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                for child in (task / "children").read_text().split():
                    for name in ("cmdline", "environ"):
                        data = Path(f"/proc/{child}/{name}").read_bytes()
                        self.seen[f"{child} {name} {hash(data)}"] = data
                    self._below(int(child))

    def stop(self) -> None:
        self._over.set()


@dataclass
class Searched:
    """Everything in which a key might be, by name; and what the services were shown."""

    texts: dict[str, bytes]
    shown: dict[str, str]
    events: str
    log: str


def refuses(shown: dict[str, str], name: str) -> object:
    def refuse(_socket: ServerConnection, request: Request) -> Response:
        shown[name] = f"{request.headers.get('Authorization')} {request.path}"
        body = f"bad key: {shown[name]} {unquote(shown[name])}".encode()
        return Response(HTTPStatus.UNAUTHORIZED, "Unauthorized", request.headers.__class__(), body)

    return refuse


async def run_all(folder: Path, shown: dict[str, str]) -> bytes:
    """The whole run; what was told to systemd."""

    async def ends(connection: ServerConnection) -> None:
        assert connection.request is not None
        headers = connection.request.headers
        shown["credential"] = unquote(f"{connection.request.path} {dict(headers.raw_items())}")
        await connection.close(1008, f"API key not valid: {KEYS['credential']}")

    async def begins(connection: ServerConnection) -> None:
        assert connection.request is not None
        shown["program"] = str(connection.request.headers.get("Authorization"))
        await ServerSession(connection).greet()
        await connection.send('{"type": "go wrong", "key": "' + KEYS["program"] + '"}')
        await connection.wait_closed()

    async def nobody(connection: ServerConnection) -> None:
        raise AssertionError("it was refused")

    refuse = refuses(shown, "key_file")
    async with (
        serve(nobody, "127.0.0.1", 0, process_request=refuse) as first,  # type: ignore[arg-type]
        serve(ends, "127.0.0.1", 0) as second,
        serve(begins, "127.0.0.1", 0) as third,
    ):
        at = [next(iter(one.sockets)).getsockname()[1] for one in (first, second, third)]
        program = folder / "program"
        program.write_text(
            f"#!/bin/sh\necho 'the key is {KEYS['program']}' >&2\necho '{KEYS['program']}'\n"
        )
        program.chmod(0o700)
        (folder / "key").write_text(KEYS["key_file"] + "\n")
        (folder / "key").chmod(0o600)
        config = {
            "service": {
                "provider": "openai_realtime",
                "fallback": ["gemini", "openai_compatible", "offline"],
                "url": f"ws://127.0.0.1:{at[0]}/v1/realtime",
                "key_file": str(folder / "key"),
            },
            "gemini": {"url": f"ws://127.0.0.1:{at[1]}/live"},
            "openai_compatible": {
                "url": f"ws://127.0.0.1:{at[2]}/v1/realtime",
                "model": "any",
                "key_command": str(program),
            },
            "xai": {"url": f"ws://127.0.0.1:9/?token={KEYS['in_the_address']}"},
            "log": {
                "level": "debug",
                "transcripts": True,
                "timeline": str(folder / "out" / "appliance-timeline.jsonl"),
            },
        }
        director = Director(
            parse(SCENARIO, folder / "s.toml"), config, folder / "out", Console(io.StringIO())
        )
        words: list[bytes] = []
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.bind(str(folder / "notify"))
            loop = asyncio.get_running_loop()
            # Who tells systemd something waits until there is room for it.
            loop.add_reader(notified.fileno(), lambda: words.append(notified.recv(65536)))
            outcome = await director.run()
            loop.remove_reader(notified.fileno())
        assert not outcome.failure, outcome.log
        return b"\n".join(words)


def printed(config: Path, *command: str) -> bytes:
    """What a command says of the run, whether it likes what it finds or not."""
    whole = [sys.executable, "-m", "device.cli.main", *command, "--config", str(config)]
    return subprocess.run(
        whole, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False
    ).stdout


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    folder = tmp_path_factory.mktemp("key")
    for name in ("bug", "credentials"):
        (folder / name).mkdir()
    (folder / "bug" / "sitecustomize.py").write_text(BUG)
    (folder / "credentials" / "gemini_key").write_text(KEYS["credential"] + "\n")
    shown: dict[str, str] = {}
    processes = Processes()
    watcher = threading.Thread(target=processes.look)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{folder / 'bug'}:{REPO}")
        patch.setenv("CREDENTIALS_DIRECTORY", str(folder / "credentials"))
        patch.setenv("NOTIFY_SOCKET", str(folder / "notify"))
        watcher.start()
        try:
            words = asyncio.run(run_all(folder, shown))
        finally:
            processes.stop()
            watcher.join()
        texts = {f"/proc/{name}": data for name, data in processes.seen.items()}
    texts["what systemd was told"] = words
    config = folder / "out" / "config.toml"
    for command in (("cost",), ("turns",), ("cost", "--json"), ("turns", "--json")):
        texts[f"parlor {' '.join(command)}"] = printed(config, *command)
    # The configuration is the owner's own, the address with the key in it as well.
    files = [one for one in (folder / "out").rglob("*") if one.is_file() and one != config]
    texts |= {str(one.relative_to(folder)): one.read_bytes() for one in files}
    return Searched(
        texts,
        shown,
        (folder / "out" / "timeline.jsonl").read_text(),
        (folder / "out" / "appliance.log").read_text(),
    )


def test_every_key_was_used_and_every_failure_happened(searched: Searched) -> None:
    """Else nothing would be proved."""
    assert KEYS["key_file"] in searched.shown["key_file"]
    assert "xai.url: this looks like a secret" in searched.log
    assert KEYS["credential"] in searched.shown["credential"]
    assert KEYS["program"] in searched.shown["program"]
    assert searched.events.count('"failover"') == 3, searched.events
    assert "Traceback" in searched.log and "a bug: " in searched.log, searched.log
    assert '"playback_started"' in searched.events, searched.events
    assert b"READY=1" in searched.texts["what systemd was told"]


def test_the_search_would_find_them() -> None:
    for name, key in KEYS.items():
        for text in (key, quote(key), f"wss://x/?key={quote(key, safe='')}", f"'{key}'"):
            assert found_in(text.encode()) == [name]
        for before in ("", "a", "ab"):
            hidden = base64.b64encode(f"{before}{key} and more".encode())
            assert found_in(hidden) == [name]


def test_no_key_is_anywhere(searched: Searched) -> None:
    names = list(searched.texts)
    for expected in ("timeline.jsonl", "appliance.log", "summary.json", "wire.jsonl", "cmdline"):
        assert [name for name in names if expected in name], names
    leaks = {name: leaked for name, text in searched.texts.items() if (leaked := found_in(text))}
    assert not leaks, leaks
