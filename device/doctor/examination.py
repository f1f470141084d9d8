"""All checks, in the order in which a repair would go, with the real probes."""

from __future__ import annotations

import asyncio
import importlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from device import config
from device.doctor.check import Check, Status, fail, ok, warn
from device.doctor.machine import (
    PACKAGES,
    SET_UP,
    check_clock,
    check_memory,
    check_packages,
    check_processor,
    check_python,
    memory_mb,
)
from device.doctor.quiet import hushed
from device.doctor.sound import Heard
from device.settings import BoardSettings, Settings

# The modules behind these checks load the very packages whose absence is to be
# reported, so they are imported inside.
# ruff: noqa: PLC0415


def examine(path: Path | None, environ: Mapping[str, str]) -> Iterator[Check]:
    """Every check, as it is done. ``path`` is the configuration file (None: the default)."""
    outcome = config.read(path)
    settings = outcome.settings
    yield check_python(sys.version_info[:3], platform.machine())
    yield check_packages(PACKAGES, importlib.import_module)
    yield from guarded("memory", lambda: [check_memory(*_memory())])
    yield check_processor(os.cpu_count() or 1, os.getloadavg()[0])
    yield check_clock(time.time(), Path(__file__).stat().st_mtime)
    yield _configuration(path, environ)
    yield from guarded("sound cards", lambda: _sound(settings))
    yield from guarded("button, lights", lambda: _pins(settings.board))
    yield from guarded("wake words", lambda: _engines(settings))
    yield from guarded("speech service", lambda: _service(settings, environ, path))


def guarded(name: str, checks: Callable[[], list[Check]]) -> list[Check]:
    """A check that breaks down is a finding too, not the doctor's end."""
    try:
        return checks()
    except ImportError as error:
        return [fail(name, f"cannot be examined: {error}", SET_UP)]
    except Exception as error:  # noqa: BLE001 -- whatever it is, the other checks go on
        says = f"the examination itself failed: {type(error).__name__}: {error}"
        return [fail(name, says, "start `parlor doctor --debug` and report what it prints")]


def _memory() -> tuple[int, int]:
    return memory_mb(Path("/proc/meminfo").read_text(encoding="ascii").splitlines())


def _configuration(path: Path | None, environ: Mapping[str, str]) -> Check:
    name = "configuration"
    errors = config.check(path, environ)
    if errors:
        idle = all(isinstance(error, config.SenselessSettingError) for error in errors)
        says = "; ".join(str(error.args[0]) for error in errors)
        return (warn if idle else fail)(name, says, errors[0].hint)
    shown = path or config.DEFAULT_PATH
    if not shown.exists():
        return ok(name, f"the defaults (there is no {shown})")
    return ok(name, f"{shown} is good")


def _sound(settings: Settings) -> list[Check]:
    from device.adapters.alsa import quiet_alsa
    from device.adapters.alsa_cards import cards
    from device.doctor.sound import check_cards, check_pcm

    quiet_alsa()
    nodes = list(Path("/dev/snd").glob("pcm*")) if Path("/dev/snd").is_dir() else []
    readable = all(os.access(node, os.R_OK | os.W_OK) for node in nodes)
    microphone = check_pcm(True, lambda: _try_pcm(settings, capture=True))
    speaker = check_pcm(False, lambda: _try_pcm(settings, capture=False))
    found = check_cards(cards(), len(nodes), readable)
    if not cards() and microphone.status is not Status.FAIL and speaker.status is not Status.FAIL:
        found = ok("sound cards", "none of the kernel's; the configured names work without one")
    return [found, microphone, speaker]


def _try_pcm(settings: Settings, *, capture: bool) -> Heard:
    from device.adapters.alsa import PcmRequest, close_pcm, open_pcm
    from device.audio.array.geometry import parse_channels
    from device.audio.microphones.health import MicHealth
    from device.doctor.sound import LISTEN_CLOSELY_S, PACE, listen

    audio = settings.audio
    rate = audio.capture_rate_hz if capture else audio.playback_rate_hz
    opened = open_pcm(
        PcmRequest(
            device=audio.capture if capture else audio.playback,
            capture=capture,
            rate_hz=rate,
            channels=audio.capture_channels if capture else audio.playback_channels,
            period_frames=rate * audio.period_ms // 1000,
            # What is judged must be whole, also on a machine that is busy.
            periods=50 if capture else 4,
        )
    )
    try:
        if not capture:
            return Heard(opened.describe())
        mics = parse_channels(audio.microphone_channels, audio.capture_channels)
        health = MicHealth(rate, mics, pace=PACE)
        frames, peak = listen(
            opened.pcm, LISTEN_CLOSELY_S, health=health, channels=audio.capture_channels
        )
        return Heard(opened.describe(), frames, peak, health.faults, len(mics))
    finally:
        close_pcm(opened.pcm)


def _pins(board: BoardSettings) -> list[Check]:
    from device.doctor.pins import check_pins

    chips = sorted(Path("/dev").glob("gpiochip*"))
    return [check_pins(board, chips, lambda c: os.access(c, os.R_OK | os.W_OK), _claim(board))]


def _claim(board: BoardSettings) -> Callable[[], None]:
    def claim() -> None:
        from device.adapters.panel import GpioPanel, open_pins

        # lgpio leaves a FIFO in its working directory.
        with tempfile.TemporaryDirectory() as directory:
            before = Path.cwd()
            os.chdir(directory)
            try:
                factory = open_pins()
                panel = GpioPanel(board, factory)
                try:
                    panel.start(lambda _at: None, lambda _event: None)
                    panel.stop()
                finally:
                    factory.close()
            finally:
                os.chdir(before)

    return claim


def _engines(settings: Settings) -> list[Check]:
    from device.audio.cancelling.aec3 import Aec3
    from device.audio.finished.smart_turn import installed_model
    from device.audio.vad import SileroVad
    from device.audio.wakewords.words import wake_models
    from device.doctor.engines import (
        check_echo,
        check_turn_end,
        check_vad,
        check_voice,
        check_wake_engine,
        check_wake_models,
    )
    from device.hearing_factory import make_wake_engine
    from device.voice.espeak import Espeak

    return [
        check_wake_models(lambda: wake_models(settings.wake)),
        check_wake_engine(hushed(lambda: make_wake_engine(settings.wake))),
        check_vad(hushed(SileroVad)),
        *([check_echo(hushed(Aec3))] if settings.audio.echo_cancellation == "software" else []),
        check_turn_end(settings, installed_model()),
        check_voice(hushed(Espeak)),
    ]


def _service(settings: Settings, environ: Mapping[str, str], path: Path | None) -> list[Check]:
    from device.doctor.service import check_service

    return asyncio.run(check_service(settings, environ, path))
