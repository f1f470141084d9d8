"""Builds the ear's hearing from settings. Called in the thread that starts the ear."""

from __future__ import annotations

from device.audio.far_end import FarEnd, FarEndReports
from device.audio.hearing import Hearing
from device.audio.wake_echo import WakeEcho
from device.audio.wake_models import find_wake_models
from device.audio.wake_null import NullWake
from device.errors import ModelError
from device.ports import WakeEngine
from device.settings import AudioSettings, Settings, WakeSettings


def make_hearing(
    settings: Settings, uplink_rate_hz: int, reports: FarEndReports | None = None
) -> Hearing:
    """Engines loaded and warmed up. Without ``reports`` of what is played there is no
    echo cancellation. A wake engine that cannot be loaded is stood in for by
    :class:`NullWake`. Raises ModelError when the voice-activity detector cannot."""
    from device.audio.vad import SileroVad  # noqa: PLC0415 -- loads its model library

    engine: WakeEngine
    try:
        engine = make_wake_engine(settings.wake)
    except ModelError as error:
        engine = NullWake(error)
    return Hearing(
        engine,
        SileroVad(),
        rate_hz=settings.audio.capture_rate_hz,
        uplink_rate_hz=uplink_rate_hz,
        channel=settings.audio.capture_channel,
        wake_settings=settings.wake,
        vad_settings=settings.vad,
        echo=make_wake_echo(settings.audio, reports),
    )


def make_wake_echo(audio: AudioSettings, reports: FarEndReports | None) -> WakeEcho | None:
    """The canceller that ``audio.echo_cancellation`` asks for."""
    if reports is None or audio.echo_cancellation == "off":
        return None
    far_end = FarEnd(audio.playback_rate_hz, audio.playback_channels)
    return WakeEcho(far_end, reports, rate_hz=audio.capture_rate_hz)


def make_wake_engine(wake: WakeSettings) -> WakeEngine:
    """The engine that ``wake.engine`` names. Each import costs memory only if chosen.
    Raises ModelError."""
    models = find_wake_models(wake.words)
    if wake.engine == "openwakeword":
        from device.adapters.openwakeword_engine import OpenWakeWordEngine  # noqa: PLC0415

        return OpenWakeWordEngine(models)
    from device.audio.wake_litert import LitertWake  # noqa: PLC0415

    return LitertWake(models)
