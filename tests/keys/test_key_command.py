"""The owner's program: run without a shell, bounded, and nothing of its output is shown."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from device.adapters.key_answer import Answer
from device.adapters.key_fetch import CommandFetch, KeyFetchError
from device.events import ErrorKind
from device.secrets import Secret
from tests.keys.shown import everything_of

KEY = "planted-key-5f2a91c4"
ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/home/parlor", "LANG": "C.UTF-8"}

Program = Callable[[str], Path]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    def write(script: str) -> Path:
        path = tmp_path / "give-key"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return write


def fetch(command: object, time_limit_s: float = 10.0) -> Answer:
    ask = CommandFetch(str(command), ENVIRON, "gemini.key_command", time_limit_s)
    return asyncio.run(ask())


def refused(command: object, time_limit_s: float = 10.0) -> KeyFetchError:
    with pytest.raises(KeyFetchError) as caught:
        fetch(command, time_limit_s)
    assert caught.value.key == "gemini.key_command"
    assert caught.value.hint
    assert KEY not in everything_of(caught.value)
    return caught.value


def test_it_prints_the_key(program: Program) -> None:
    assert fetch(program(f"echo {KEY}")) == Answer(Secret(KEY))


def test_it_prints_json(program: Program) -> None:
    answer = fetch(program(f"""echo '{{"value": "{KEY}", "expires_at": 1795000600}}'"""))
    assert answer == Answer(Secret(KEY), expires_at=1795000600.0)


def test_arguments_are_split_as_in_a_shell_and_no_shell_reads_them(program: Program) -> None:
    path = program('[ "$#" = 2 ] && [ "$1" = "two words" ] && echo "key-$2"')
    assert fetch(f"{path} 'two words' ;id").secret.reveal() == "key-;id"


def test_it_sees_little_of_our_environment(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", "/run/credentials/parlor")
    path = program(f"env > {tmp_path}/seen; echo key-1")
    ask = CommandFetch(str(path), {**ENVIRON, "SOMETHING": KEY}, "x")
    assert asyncio.run(ask()).secret.reveal() == "key-1"
    names = {line.partition("=")[0] for line in (tmp_path / "seen").read_text().splitlines()}
    assert {"PATH", "HOME", "LANG"} <= names <= {"PATH", "HOME", "LANG", "PWD", "SHLVL", "_"}


def test_what_it_says_on_stderr_goes_nowhere(
    program: Program, capfd: pytest.CaptureFixture[str]
) -> None:
    fetch(program(f"echo debug: {KEY} >&2; echo {KEY}"))
    assert KEY not in "".join(capfd.readouterr())


def test_one_that_is_not_there_is_named() -> None:
    error = refused("/nowhere/give-key --for kiosk")
    assert "there is no program /nowhere/give-key" in str(error)
    assert "--for" not in str(error)
    assert error.kind is ErrorKind.KEY


def test_one_that_may_not_be_run_is_named(tmp_path: Path) -> None:
    path = tmp_path / "give-key"
    path.write_text(f"#!/bin/sh\necho {KEY}\n")
    assert "may not be run" in str(refused(path))


def test_one_that_is_no_program_is_named(tmp_path: Path) -> None:
    path = tmp_path / "give-key"
    path.write_bytes(b"\x7fELF nothing of the kind")
    path.chmod(0o755)
    assert "cannot be run" in str(refused(path))


@pytest.mark.parametrize("command", ["", "  ", "give 'half"])
def test_a_command_that_names_nothing_is_refused(command: str) -> None:
    assert refused(command).kind is ErrorKind.KEY


def test_one_that_fails_is_tried_again(program: Program) -> None:
    error = refused(program(f"echo {KEY}; exit 3"))
    assert "give-key ended with status 3" in str(error)
    assert error.kind is ErrorKind.SERVICE


def test_one_that_is_killed_says_by_what(program: Program) -> None:
    assert "signal 9" in str(refused(program("kill -9 $$")))


def test_one_that_hangs_is_ended_with_all_that_it_started(program: Program, tmp_path: Path) -> None:
    error = refused(program(f"echo {KEY}; echo $$ > {tmp_path}/pid; exec sleep 60"), 1.5)
    assert "within 1.5 s" in str(error)
    assert error.kind is ErrorKind.NETWORK
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.parametrize(
    "script",
    [
        f"echo {KEY}; echo {KEY}",
        f"echo the key is {KEY}",
        f"printf '{KEY}\\377'",
        f"""echo '{{"value": "{KEY}"'""",
        ":",
    ],
)
def test_garbage_is_no_key(program: Program, script: str) -> None:
    error = refused(program(script))
    assert "give-key printed" in str(error)
    assert error.kind is ErrorKind.KEY


def test_one_that_never_stops_printing_is_ended(program: Program) -> None:
    assert "prints too much" in str(refused(program(f"yes {KEY}")))
