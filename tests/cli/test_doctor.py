"""The doctor: every sickness it should know, on a healthy machine."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from device import config
from device.adapters.alsa_cards import Card
from device.audio.wake_models import WakeModel
from device.cli.main import main
from device.doctor import examination
from device.doctor.check import (
    Check,
    Status,
    as_json,
    fail,
    failed,
    ok,
    render,
    summary,
    warn,
)
from device.doctor.engines import check_vad, check_voice, check_wake_engine, check_wake_models
from device.doctor.machine import (
    check_clock,
    check_memory,
    check_packages,
    check_processor,
    check_python,
    memory_mb,
)
from device.doctor.pins import check_pins
from device.doctor.quiet import hushed
from device.doctor.service import DO, check_service, service_arguments, verdict
from device.doctor.sound import Heard, check_cards, check_pcm, listen
from device.errors import (
    AudioError,
    DeviceBusyError,
    DeviceMissingError,
    FormatRefusedError,
    ModelError,
    PanelError,
)
from device.events import ErrorKind, Event, LinkClosed, LinkFailed, LinkOpened, ServiceTrouble
from device.settings import BoardSettings, ServiceSettings, Settings

USB = Card(0, "Device", "USB Audio", captures=True, plays=True)
GPIO = BoardSettings(name="gpio")


def raising(error: Exception) -> Callable[[], object]:
    def action() -> object:
        raise error

    return action


# --- the machine -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "machine", "status", "says"),
    [
        ((3, 11, 2), "x86_64", Status.OK, "3.11.2 on x86_64"),
        ((3, 13, 5), "aarch64", Status.OK, "aarch64"),
        ((3, 9, 2), "aarch64", Status.FAIL, "needs 3.11"),
        ((3, 14, 0), "x86_64", Status.FAIL, "needs 3.11"),
        ((3, 11, 2), "armv7l", Status.FAIL, "64-bit"),
    ],
)
def test_python(version: tuple[int, int, int], machine: str, status: Status, says: str) -> None:
    check = check_python(version, machine)
    assert (check.status, says in check.says) == (status, True)
    assert bool(check.do) is (status is Status.FAIL)


def test_packages() -> None:
    def load(module: str) -> object:
        if module == "b":
            raise ImportError("libx.so.2: cannot open shared object file")
        return module

    assert check_packages({"a": "pkg-a"}, load).status is Status.OK
    check = check_packages({"a": "pkg-a", "b": "pkg-b"}, load)
    assert check.status is Status.FAIL
    assert "pkg-b (ImportError: libx.so.2" in check.says
    assert "pkg-a" not in check.says
    assert "scripts/run" in check.do


def test_memory() -> None:
    lines = ["MemTotal:  4000000 kB", "MemFree: 1 kB", "MemAvailable: 3000000 kB", "junk"]
    assert memory_mb(lines) == (3906, 2929)
    assert memory_mb([]) == (0, 0)
    assert check_memory(4000, 3000).status is Status.OK
    assert check_memory(4000, 100).status is Status.WARN
    assert check_memory(300, 250).status is Status.FAIL
    assert check_memory(0, 0).status is Status.WARN


def test_processor_and_clock() -> None:
    assert check_processor(4, 0.5).status is Status.OK
    assert check_processor(1, 0.1).status is Status.WARN
    assert check_processor(2, 3.5).status is Status.WARN
    assert check_clock(2000.0, 1000.0).status is Status.OK
    behind = check_clock(0.0, 1000.0)
    assert behind.status is Status.FAIL
    assert "timedatectl" in behind.do


# --- sound -----------------------------------------------------------------------------


def test_no_card_says_what_works_without_one() -> None:
    check = check_cards((), 0, True)
    assert (check.status, check.says) == (Status.FAIL, "there is no sound card on this machine")
    assert "scripts/run --simulate" in check.do


@pytest.mark.parametrize(
    ("cards", "readable", "status", "says"),
    [
        ((USB,), True, Status.OK, "plughw:CARD=Device (USB Audio)"),
        ((USB,), False, Status.FAIL, "this user may not use"),
        ((Card(0, "H", "HDMI", captures=False, plays=True),), True, Status.WARN, "microphone"),
        ((Card(0, "M", "Mic", captures=True, plays=False),), True, Status.WARN, "speaker"),
    ],
)
def test_cards(cards: Sequence[Card], readable: bool, status: Status, says: str) -> None:
    check = check_cards(cards, 2, readable)
    assert check.status is status
    assert says in check.says


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (DeviceMissingError("there is no microphone called x", hint="plug it in"), "called x"),
        (DeviceBusyError("another program holds it: arecord (process 3)", hint="stop it"), "arec"),
        (FormatRefusedError("it runs at 44100 Hz", hint="use plughw"), "44100 Hz"),
        (AudioError("no permission", hint="group audio"), "no permission"),
    ],
)
def test_a_pcm_that_does_not_open(error: AudioError, says: str) -> None:
    check = check_pcm(True, raising(error))  # type: ignore[arg-type]
    assert (check.name, check.status) == ("microphone", Status.FAIL)
    assert says in check.says
    assert check.do == error.hint
    assert check.do not in check.says


def test_parlor_itself_may_hold_it() -> None:
    error = DeviceBusyError("another program holds the speaker: parlor (process 9) (default)")
    check = check_pcm(False, raising(error))  # type: ignore[arg-type]
    assert (check.status, "parlor itself" in check.says) == (Status.OK, True)


@pytest.mark.parametrize(
    ("heard", "status", "says"),
    [
        (Heard("m: 16000 Hz", 8000, 3277), Status.OK, "loudest sample now 10 %"),
        (Heard("m: 16000 Hz", 8000, 0), Status.WARN, "digital silence"),
        (Heard("m: 16000 Hz", 0, 0), Status.FAIL, "delivers no sound"),
    ],
)
def test_what_a_microphone_gives(heard: Heard, status: Status, says: str) -> None:
    check = check_pcm(True, lambda: heard)
    assert (check.status, says in check.says) == (status, True)


def test_a_speaker_that_opens() -> None:
    check = check_pcm(False, lambda: Heard("s: 48000 Hz, 1 channel"))
    assert (check.name, check.status, check.says) == (
        "speaker",
        Status.OK,
        "s: 48000 Hz, 1 channel",
    )


class FakeMicrophone:
    def __init__(self, reads: list[tuple[int, bytes]]) -> None:
        self._reads = reads

    def read(self) -> tuple[int, bytes]:
        return self._reads.pop(0) if self._reads else (0, b"")


def hear(reads: list[tuple[int, bytes]]) -> tuple[int, int]:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    return listen(FakeMicrophone(reads), 0.5, monotonic=lambda: now[0], sleep=sleep)


def test_listening() -> None:
    loud = np.array([0, -32768, 5], dtype="<i2").tobytes()
    assert hear([(0, b""), (3, loud)]) == (3, 32768)
    assert hear([(-32, b""), (160, bytes(320))]) == (160, 0)
    assert hear([]) == (0, 0)
    assert hear([(600, loud * 200), (600, loud * 200), (600, loud * 200)])[0] == 1200, "enough"


# --- button, lights --------------------------------------------------------------------

CHIP = [Path("/dev/gpiochip0")]


@pytest.mark.parametrize(
    ("board", "chips", "may", "error", "status", "says"),
    [
        (BoardSettings(), [], True, None, Status.OK, "none configured"),
        (BoardSettings(name="virtual", socket="x"), [], True, None, Status.OK, "simulator"),
        (GPIO, [], True, None, Status.FAIL, "no GPIO chip"),
        (GPIO, CHIP, False, None, Status.FAIL, "may not use /dev/gpiochip0"),
        (GPIO, CHIP, True, None, Status.OK, "pins button 17, red 22, green 23, blue 24"),
        (GPIO, CHIP, True, PanelError("no lgpio", hint="install"), Status.FAIL, "no lgpio"),
        (GPIO, CHIP, True, PanelError("a pin is used by something else"), Status.OK, "in use"),
    ],
)
def test_pins(
    board: BoardSettings,
    chips: list[Path],
    may: bool,
    error: PanelError | None,
    status: Status,
    says: str,
) -> None:
    def claim() -> None:
        if error:
            raise error

    check = check_pins(board, chips, lambda _chip: may, claim)
    assert (check.status, says in check.says) == (status, True), check


# --- engines ---------------------------------------------------------------------------


class FakeWake:
    words = ("x",)

    def __init__(self, clock: list[float], cost_s: float) -> None:
        self._clock, self._cost_s = clock, cost_s

    def score(self, chunk: NDArray[np.int16]) -> dict[str, float]:
        assert chunk.shape == (1280,)
        self._clock[0] += self._cost_s
        return {"x": 0.0}

    def reset(self) -> None: ...


@pytest.mark.parametrize(
    ("cost_s", "status", "says"),
    [(0.004, Status.OK, "4.0 ms for 80 ms of sound: 5 % of one core"), (0.06, Status.WARN, "75 %")],
)
def test_the_wake_engine_is_timed(cost_s: float, status: Status, says: str) -> None:
    clock = [0.0]
    check = check_wake_engine(lambda: FakeWake(clock, cost_s), lambda: clock[0])
    assert (check.status, says in check.says) == (status, True), check


def test_wake_models_tell_their_licence() -> None:
    bundled = check_wake_models(lambda: [WakeModel("alexa", Path("a"), "CC BY-NC-SA 4.0")])
    assert bundled.status is Status.OK
    assert "CC BY-NC-SA 4.0" in bundled.says
    own = check_wake_models(lambda: [WakeModel("computer", Path("c"))])
    assert "computer (files of your own)" in own.says
    missing = check_wake_models(raising(ModelError("no file", hint="run it")))  # type: ignore[arg-type]
    assert (missing.status, missing.says, missing.do) == (Status.FAIL, "no file", "run it")


@pytest.mark.parametrize("check", [check_wake_engine, check_vad, check_voice])
@pytest.mark.parametrize("error", [ModelError("broken", hint="mend"), ImportError("x"), OSError()])
def test_engines_that_do_not_load(
    check: Callable[[Callable[[], object]], Check], error: Exception
) -> None:
    found = check(raising(error))
    assert found.status is Status.FAIL
    assert found.do == getattr(error, "hint", "")


# --- the service -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "status", "says"),
    [
        (LinkOpened("s1"), Status.OK, "host answers"),
        (LinkFailed(ErrorKind.KEY, "401"), Status.FAIL, "host: 401"),
        (LinkFailed(ErrorKind.QUOTA, "429"), Status.WARN, "host: 429"),
        (LinkFailed(ErrorKind.CERTIFICATE, "expired"), Status.FAIL, "expired"),
        (ServiceTrouble(ErrorKind.SERVICE, "sick"), Status.FAIL, "sick"),
        (LinkClosed("bye"), Status.FAIL, "closed the session: bye"),
        (None, Status.FAIL, "said nothing for 11 s"),
    ],
)
def test_what_the_service_says(event: Event | None, status: Status, says: str) -> None:
    check = verdict("host", event, 11.0)
    assert (check.status, says in check.says) == (status, True)
    assert bool(check.do) is (status is not Status.OK)


def test_every_kind_of_trouble_has_advice() -> None:
    assert set(DO) == set(ErrorKind)


async def _closed_port() -> int:
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


def test_a_service_that_is_not_there() -> None:
    async def ask() -> list[Check]:
        port = await _closed_port()
        service = ServiceSettings(url=f"ws://127.0.0.1:{port}/v1/realtime")
        return await check_service(Settings(service=service), {})

    (check,) = asyncio.run(ask())
    assert check.status is Status.FAIL
    assert "refused" in check.says
    assert "network" in check.do


def test_a_service_without_a_key() -> None:
    service = ServiceSettings(provider="openai_realtime", url="ws://127.0.0.1:9/x")
    (check,) = asyncio.run(check_service(Settings(service=service), {}))
    assert check.status is Status.FAIL
    assert "no API key" in check.says
    assert "/etc/parlor/service_key" in check.do


def test_the_offline_service_is_examined_with_the_configuration_it_will_run_with(
    tmp_path: Path,
) -> None:
    path = tmp_path / "parlor.toml"
    path.write_text('[offline]\nvoice = "espeak"\nport = 1\n')  # a port that it may not take
    assert service_arguments(path)[-2:] == ["--config", str(path)]
    assert "--config" not in service_arguments(None)
    starts, answers = asyncio.run(check_service(config.read(path).settings, {}, path))
    assert starts.status is Status.OK, starts.says
    assert answers.status is Status.OK, answers.says


def test_a_service_that_does_not_speak_tls() -> None:
    async def ask() -> list[Check]:
        def rude(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(rude, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            service = ServiceSettings(url=f"wss://127.0.0.1:{port}/v1/realtime")
            return await check_service(Settings(service=service), {})

    (check,) = asyncio.run(ask())
    assert check.status is Status.FAIL
    assert "TLS" in check.says


# --- how it is shown -------------------------------------------------------------------


def test_findings_are_aligned() -> None:
    text = render(fail("sound cards", "there is none " * 10, "plug one in " * 12), 16, 60)
    lines = text.splitlines()
    assert lines[0].startswith("FAIL  sound cards       there")
    assert all(line.startswith(" " * 24) for line in lines[1:])
    assert sum("-> " in line for line in lines) == 1
    assert max(map(len, lines)) <= 60


def test_the_summary_counts() -> None:
    assert summary([ok("a", "b")]) == "Everything is as it should be."
    assert summary([fail("a", "b"), fail("a", "b"), warn("c", "d")]) == (
        "2 things must be mended, 1 thing could be better."
    )
    assert not failed([warn("a", "b")])
    assert failed([ok("a", "b"), fail("a", "b")])


def test_json() -> None:
    document = json.loads(as_json([ok("a", "b"), fail("c", "d", "e")]))
    assert document == {
        "ok": False,
        "checks": [
            {"name": "a", "status": "ok", "says": "b", "do": ""},
            {"name": "c", "status": "fail", "says": "d", "do": "e"},
        ],
    }


def test_an_examination_that_breaks_down_is_a_finding() -> None:
    (gone,) = examination.guarded("x", raising(ModuleNotFoundError("No module named 'y'")))  # type: ignore[arg-type]
    assert (gone.status, "scripts/run" in gone.do) == (Status.FAIL, True)
    (broken,) = examination.guarded("x", raising(KeyError("z")))  # type: ignore[arg-type]
    assert "KeyError" in broken.says


@pytest.mark.parametrize(
    ("checks", "code"), [([ok("a", "b")], 0), ([warn("a", "b")], 0), ([fail("a", "b")], 1)]
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    checks: list[Check],
    code: int,
    form: list[str],
) -> None:
    monkeypatch.setattr(examination, "examine", lambda *_: iter(checks))
    assert main(["doctor", *form]) == code
    shown = capsys.readouterr().out
    if form:
        assert json.loads(shown)["ok"] is (code == 0)
    else:
        assert summary(checks) in shown


def test_this_machine_from_head_to_foot(tmp_path: Path) -> None:
    """The real probes, with devices that cannot exist: no check may break down."""
    path = tmp_path / "parlor.toml"
    path.write_text(
        '[audio]\ncapture = "hw:CARD=nowhere"\nplayback = "hw:CARD=nowhere"\n'
        '[service]\nurl = "ws://127.0.0.1:9/v1/realtime"\n'
    )
    checks = list(examination.examine(path, {}))
    by_name = {check.name: check for check in checks}
    assert len(by_name) == len(checks)
    assert not [check for check in checks if "examination itself" in check.says]
    assert by_name["packages"].status is Status.OK
    assert by_name["microphone"].status is by_name["speaker"].status is Status.FAIL
    assert by_name["wake words"].status is Status.OK
    assert by_name["voice"].status is Status.OK
    assert by_name["speech service"].status is Status.FAIL


# --- nothing stands between the findings ----------------------------------------------


def test_no_line_of_a_library_or_of_a_part_stands_between_the_findings() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "device.cli.main", "doctor"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "wake engine" in done.stdout
    assert "offline service   starts" in done.stdout
    assert done.stderr == ""
    for line in done.stdout.splitlines():
        assert line.startswith(("ok ", "warn ", "FAIL ", "     ")) or line in (
            "",
            last(done.stdout),
        )


def last(text: str) -> str:
    return text.splitlines()[-1]


def test_only_the_load_is_silenced(capfd: pytest.CaptureFixture[str]) -> None:
    def load() -> int:
        os.write(2, b"chatter of a library\n")
        return 7

    os.write(2, b"before\n")
    assert hushed(load)() == 7
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "before\nafter\n"


def test_a_load_that_fails_gives_stderr_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match="no model"):
        hushed(raising(ModelError("no model")))()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"
