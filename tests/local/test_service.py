"""``parlor service`` as a process: start, real speech, keys, and every way to end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from device.cli.service import only_this_machine
from tests.local.conftest import RunningService, start_service
from tests.local.fakes import Client, silence, tools


def say(client: Client, pcm: bytes) -> None:
    client.append(silence(300) + pcm + silence(900))


def test_a_spoken_command_becomes_a_call(service: RunningService, phrases: Path) -> None:
    with Client(service.url) as client:
        client.update(tools=tools("get_time"), audio={"input": {"transcription": {"model": "x"}}})
        say(client, (phrases / "time.pcm").read_bytes())
        heard = client.expect("conversation.item.input_audio_transcription.completed", 20)
        assert heard["transcript"] == "what time is it"
        call = client.expect("response.function_call_arguments.done")
        assert (call["name"], json.loads(call["arguments"])) == ("get_time", {})


def test_two_people_at_once(service: RunningService, phrases: Path) -> None:
    with Client(service.url) as one, Client(service.url) as two:
        for client, phrase in ((one, "time"), (two, "help")):
            client.update(tools=tools("get_time", "help"))
            say(client, (phrases / f"{phrase}.pcm").read_bytes())
        assert one.expect("response.function_call_arguments.done", 20)["name"] == "get_time"
        assert two.expect("response.function_call_arguments.done", 20)["name"] == "help"


def test_help_is_long_and_can_be_interrupted(service: RunningService, phrases: Path) -> None:
    with Client(service.url) as client:
        content = [{"type": "input_text", "text": "tell me about yourself"}]
        client.send(
            "conversation.item.create",
            item={"type": "message", "role": "user", "content": content},
        )
        client.send("response.create")
        client.expect("response.output_audio.delta")
        say(client, (phrases / "time.pcm").read_bytes())
        done = client.expect("response.done", 20)["response"]
        assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}


def test_sigterm_ends_it_in_the_middle_of_a_reply() -> None:
    """Long before that would have been over, a minute later."""
    running = start_service()
    with Client(running.url) as client:
        client.send("response.create", response={"instructions": f"Say: {'la ' * 300}"})
        client.expect("response.output_audio.delta")
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(20) == 0
    _close(running)


def test_it_ends_with_its_standard_input() -> None:
    running = start_service("--exit-with-parent")
    assert running.process.stdin is not None
    running.process.stdin.close()
    assert running.process.wait(5) == 0
    _close(running)


def test_a_mistake_in_the_configuration_ends_it_only_when_a_person_started_it(
    tmp_path: Path,
) -> None:
    """The appliance runs on with what is right in the file; its service must too."""
    mistaken = tmp_path / "parlor.toml"
    mistaken.write_text("[wake]\nthreshold = 7\n", encoding="utf-8")
    running = start_service("--exit-with-parent", "--config", str(mistaken))
    running.process.terminate()
    assert running.process.wait(5) == 0
    _close(running)
    command = [sys.executable, "-m", "device.cli.main", "service", "--config", str(mistaken)]
    alone = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert alone.returncode == 2
    assert "threshold" in alone.stderr


def test_it_ends_with_its_parent() -> None:
    """The parent is a process in between that dies without a word."""
    starter = (
        "import os, subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-m', 'device.cli.main', 'service', '--port', '0',"
        " '--exit-with-parent'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)\n"
        "print(p.stdout.readline().decode(), flush=True)\n"
        "os._exit(1)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", starter], check=False, capture_output=True, text=True, timeout=60
    )
    pid = json.loads(ran.stdout)["pid"]
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    ended = not Path(f"/proc/{pid}").exists()
    if not ended:
        os.kill(pid, signal.SIGKILL)
    assert ended


def test_the_key_comes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sesame\n")
    running = start_service("--key-file", str(tmp_path / "key"))
    with pytest.raises(InvalidStatus), Client(running.url):
        pass
    with Client(running.url, additional_headers={"Authorization": "Bearer sesame"}) as client:
        assert client.receive()["type"] == "session.created"
    running.process.terminate()
    assert running.process.wait(5) == 0
    _close(running)


def test_the_key_comes_from_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lan_key").write_text("sesame\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    running = start_service("--key-credential", "lan_key")
    for headers in ({}, {"Authorization": "Bearer open"}):
        with (
            pytest.raises(InvalidStatus) as refused,
            Client(running.url, additional_headers=headers),
        ):
            pass
        assert refused.value.response.status_code == 401
        assert refused.value.response.headers["WWW-Authenticate"] == "Bearer"
    with Client(running.url, additional_headers={"Authorization": "Bearer sesame"}) as client:
        assert client.receive()["type"] == "session.created"
    running.process.terminate()
    assert running.process.wait(5) == 0
    _close(running)


@pytest.mark.parametrize(
    ("arguments", "warned"),
    [
        (("--host", "0.0.0.0"), True),
        (("--host", "0.0.0.0", "--key-file", "KEY"), False),
        ((), False),
    ],
)
def test_a_service_that_is_open_to_the_network_says_so(
    tmp_path: Path, arguments: tuple[str, ...], warned: bool
) -> None:
    (tmp_path / "key").write_text("sesame\n")
    words = [str(tmp_path / "key") if word == "KEY" else word for word in arguments]
    command = [sys.executable, "-m", "device.cli.main", "service", "--port", "0", *words]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.terminate()
        _, said = process.communicate(timeout=20)
    assert ("demands no key" in said) == warned
    assert ("--key-file" in said) == warned


def test_one_that_cannot_listen_does_not_warn_of_who_could_reach_it() -> None:
    command = [sys.executable, "-m", "device.cli.main", "service", "--port", "0"]
    ran = subprocess.run(
        [*command, "--host", "999.1.1.1"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 1
    assert "cannot listen on 999.1.1.1" in ran.stderr
    assert "anybody" not in ran.stderr


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("192.168.1.7", False),
        ("parlor.local", False),
    ],
)
def test_who_can_reach_an_address(host: str, alone: bool) -> None:
    assert only_this_machine(host) == alone


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "device.cli.main", "service", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ran = run("--port", str(port))
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.count("\n") == 1
    assert f"port {port}" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--port", "70000"), "70000 is not a port"),
        (("--voice", "caruso"), "invalid choice"),
        (("--config", "/nowhere.toml"), "/nowhere.toml"),
        (("--key-file", "/nowhere"), "key file cannot be read"),
        (("--key-credential", "../key"), "no systemd credential"),
        (("--key-credential", "k", "--key-file", "f"), "not allowed with"),
    ],
)
def test_mistakes_in_the_command(arguments: tuple[str, ...], says: str) -> None:
    ran = run(*arguments)
    assert ran.returncode == 2
    assert says in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_chat_address_that_cannot_be_one(tmp_path: Path) -> None:
    config = tmp_path / "parlor.toml"
    config.write_text('[offline]\nchat_url = "over there"\n')
    ran = run("--config", str(config))
    assert ran.returncode == 2
    assert "chat_url" in ran.stderr


def _close(running: RunningService) -> None:
    for pipe in (running.process.stdin, running.process.stdout):
        if pipe is not None and not pipe.closed:
            pipe.close()
