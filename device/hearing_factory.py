"""Builds the ear's hearing from settings. Called in the thread that starts the ear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from device.adapters.turn_judge import TurnJudgeThread
from device.audio.echo_stage import EchoStage, PassThrough
from device.audio.far_end import FarEnd, FarEndReports
from device.audio.front_end import RATE_HZ as FRONT_RATE_HZ
from device.audio.front_end import Canceller, FrontEnd
from device.audio.hearing import Hearing
from device.audio.near_end import NearEnd
from device.audio.smart_turn import INSTALL, SmartTurn, installed_model
from device.audio.wake_micro_models import MicroModel
from device.audio.wake_models import WakeModel
from device.audio.wake_null import NullWake, PartialWake
from device.audio.wake_words import first_models, second_models
from device.errors import ModelError
from device.ports import Post, WakeEngine
from device.settings import AudioSettings, Settings, WakeSettings


def make_hearing(
    settings: Settings, uplink_rate_hz: int, reports: FarEndReports | None = None
) -> Hearing:
    """Engines loaded and warmed up. Without ``reports`` of what is played there is no
    echo cancellation. Wake words that cannot be loaded are stood in for by
    :class:`PartialWake` or :class:`NullWake`. Raises ModelError when the voice-activity
    detector cannot."""
    from device.audio.vad import SileroVad  # noqa: PLC0415 -- loads its model library

    front = make_front_end(settings.audio, reports)
    return Hearing(
        make_wake_or_stand_in(settings.wake),
        SileroVad(),
        rate_hz=settings.audio.capture_rate_hz,
        uplink_rate_hz=uplink_rate_hz,
        channel=settings.audio.capture_channel,
        wake_settings=settings.wake,
        vad_settings=settings.vad,
        front=front,
        near_end=NearEnd(SileroVad(), FRONT_RATE_HZ) if front is not None else None,
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


def make_front_end(audio: AudioSettings, reports: FarEndReports | None) -> FrontEnd | None:
    """What ``audio.echo_cancellation`` asks for; None: the microphone is heard as it is."""
    if reports is None:
        return None
    if audio.echo_cancellation == "software":
        far_end = FarEnd(audio.playback_rate_hz, audio.playback_channels)
        stage: Canceller = EchoStage(far_end, reports, rate_hz=audio.capture_rate_hz)
    else:
        stage = PassThrough()
    return FrontEnd(stage, rate_hz=audio.capture_rate_hz, keep=(audio.capture_channel,))


def make_turn_judge(settings: Settings, post: Post) -> TurnJudgeThread | None:
    """Who tells whether a turn sounds finished, where the device ends the turns."""
    turn = settings.turn
    unused = settings.service.turn_detection != "device" or turn.eagerness == "fixed"
    path = installed_model()
    if unused or turn.smart_turn == "off" or (turn.smart_turn == "auto" and path is None):
        return None

    def load() -> SmartTurn:
        if path is None:
            raise ModelError("the Smart Turn model is not installed", hint=INSTALL)
        return SmartTurn(path)

    return TurnJudgeThread(load, post)


def make_wake_engine(wake: WakeSettings) -> WakeEngine:
    """The engine that ``wake.engine`` names, or with ``wake.confirm`` openWakeWord's and
    microWakeWord's in one. Each import costs memory only if chosen. Raises ModelError."""
    models, confirming = first_models(wake), second_models(wake)
    if not models:
        return _micro(confirming)
    first = _first(wake.engine, models)
    if not confirming:
        return first
    from device.audio.wake_confirm import ConfirmedWake  # noqa: PLC0415

    return ConfirmedWake(first, _micro(confirming))


def _first(engine: str, models: Sequence[WakeModel]) -> WakeEngine:
    if engine == "openwakeword":
        from device.adapters.openwakeword_engine import OpenWakeWordEngine  # noqa: PLC0415

        return OpenWakeWordEngine(models)
    from device.audio.wake_litert import LitertWake  # noqa: PLC0415

    return LitertWake(models)


def _micro(models: Sequence[MicroModel]) -> WakeEngine:
    from device.audio.wake_micro import MicroWake  # noqa: PLC0415

    return MicroWake(models)
