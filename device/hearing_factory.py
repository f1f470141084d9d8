"""Builds the ear's hearing from settings. Called in the thread that starts the ear."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from device.audio.far_end import FarEnd, FarEndReports
from device.audio.hearing import Hearing
from device.audio.wake_echo import WakeEcho
from device.audio.wake_models import find_wake_models
from device.audio.wake_null import NullWake, PartialWake
from device.errors import ModelError
from device.ports import WakeEngine
from device.settings import AudioSettings, Settings, WakeSettings


def make_hearing(
    settings: Settings, uplink_rate_hz: int, reports: FarEndReports | None = None
) -> Hearing:
    """Engines loaded and warmed up. Without ``reports`` of what is played there is no
    echo cancellation. Wake words that cannot be loaded are stood in for by
    :class:`PartialWake` or :class:`NullWake`. Raises ModelError when the voice-activity
    detector cannot."""
    from device.audio.vad import SileroVad  # noqa: PLC0415 -- loads its model library

    return Hearing(
        make_wake_or_stand_in(settings.wake),
        SileroVad(),
        rate_hz=settings.audio.capture_rate_hz,
        uplink_rate_hz=uplink_rate_hz,
        channel=settings.audio.capture_channel,
        wake_settings=settings.wake,
        vad_settings=settings.vad,
        echo=make_wake_echo(settings.audio, reports),
    )


def make_wake_or_stand_in(
    wake: WakeSettings, make: Callable[[WakeSettings], WakeEngine] | None = None
) -> WakeEngine:
    """The engine of all words, or else of those that load, or else :class:`NullWake`.

    ``make`` builds the engine or raises ModelError (default: :func:`make_wake_engine`).
    """
    make = make_wake_engine if make is None else make
    try:
        return make(wake)
    except ModelError as error:
        why = error
    good = tuple(word for word in wake.words if _loads(replace(wake, words=(word,)), make))
    if good and good != wake.words:
        try:
            return PartialWake(make(replace(wake, words=good)), why)
        except ModelError:  # each alone, but not together: two files of one name, say
            return NullWake(why)
    return NullWake(why)


def _loads(wake: WakeSettings, make: Callable[[WakeSettings], WakeEngine]) -> bool:
    try:
        make(wake)
    except ModelError:
        return False
    return True


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
