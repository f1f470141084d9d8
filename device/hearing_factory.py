"""Builds the ear's hearing from settings. Called in the thread that starts the ear."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from device.adapters.turn_judge import TurnJudgeThread
from device.audio.array.beam import FixedBeam
from device.audio.array.channel_join import BeamOrOne
from device.audio.array.geometry import parse_channels, parse_geometry
from device.audio.array.speaker_direction import SpeakerDirection
from device.audio.cancelling.far_end import FarEnd, FarEndReports
from device.audio.cancelling.pass_through import PassThrough
from device.audio.cancelling.stage import EchoStage
from device.audio.cleaner import Cleaner
from device.audio.finished.smart_turn import INSTALL, SmartTurn, installed_model
from device.audio.finished.verdict import Verdict
from device.audio.front_end import RATE_HZ as FRONT_RATE_HZ
from device.audio.front_end import Canceller, FrontEnd
from device.audio.hearing import Hearing, Sent
from device.audio.microphones.health import MicHealth
from device.audio.microphones.watch import Listening, MicWatch
from device.audio.near_end import NearEnd
from device.audio.wakewords.micro_models import MicroModel
from device.audio.wakewords.models import WakeModel
from device.audio.wakewords.null import NullWake, PartialWake
from device.audio.wakewords.words import first_models, noise_models, second_models
from device.errors import ModelError
from device.ports import Post, WakeEngine
from device.session import device_ends_turns
from device.settings import AudioSettings, Settings, WakeSettings


def make_hearing(
    settings: Settings,
    uplink_rate_hz: int,
    reports: FarEndReports | None = None,
    prefers: str = Sent.CLEAN,
) -> Hearing:
    """Engines loaded and warmed up. Without ``reports`` of what is played there is no
    echo cancellation. ``prefers`` is the sound that the service wants, where the settings leave
    it to the service. Wake words that cannot be loaded are stood in for by
    :class:`PartialWake` or :class:`NullWake`; without the library that cancels echoes it does
    without, and says so. Raises ModelError when the voice-activity detector cannot be loaded."""
    from device.audio.vad import SileroVad  # noqa: PLC0415 -- loads its model library

    audio = settings.audio
    send = Sent(prefers if audio.uplink == "auto" else audio.uplink)
    trouble: ModelError | None = None
    try:
        front = make_front_end(audio, reports, send)
    except ModelError as error:  # it hears all the same, itself too
        trouble, send = error, Sent.CLEAN
        front = make_front_end(replace(audio, echo_cancellation="off"), reports, send)
    own_voice_is_gone = audio.echo_cancellation != "off" and trouble is None
    return Hearing(
        make_wake_or_stand_in(settings.wake),
        SileroVad(),
        rate_hz=audio.capture_rate_hz,
        uplink_rate_hz=uplink_rate_hz,
        channel=audio.capture_channel,
        wake_settings=settings.wake,
        vad_settings=settings.vad,
        front=front,
        send=send,
        # Else it would take its own voice for a person's, and interrupt itself for ever.
        near_end=NearEnd(SileroVad(), FRONT_RATE_HZ) if own_voice_is_gone and front else None,
        echo_trouble=trouble,
        watch=make_watch(audio),
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


def make_front_end(
    audio: AudioSettings, reports: FarEndReports | None, send: Sent = Sent.CLEAN
) -> FrontEnd | None:
    """What ``audio.echo_cancellation`` asks for; None: the microphone is heard as it is.

    One channel is kept; all microphones only where a beam listens to them. Raises ModelError
    when WebRTC's audio processing cannot be loaded and is needed.
    """
    if reports is None:
        return None
    beam, keep = _beam(audio)
    if audio.echo_cancellation == "software":
        far_end = FarEnd(audio.playback_rate_hz, audio.playback_channels)
        stage: Canceller = EchoStage(
            far_end, reports, rate_hz=audio.capture_rate_hz, channels=len(keep)
        )
    else:
        stage = PassThrough()
    return FrontEnd(
        stage,
        rate_hz=audio.capture_rate_hz,
        keep=keep,
        raw=keep.index(audio.capture_channel) if audio.capture_channel in keep else 0,
        join=beam,
        polish=Cleaner() if send is Sent.POLISHED else None,
    )


def _beam(audio: AudioSettings) -> tuple[Callable[[], BeamOrOne] | None, tuple[int, ...]]:
    """The beam, if one is asked for, and the channels that are kept."""
    if audio.beam_azimuth_deg < 0 or not audio.microphone_geometry:
        return None, (audio.capture_channel,)
    positions = parse_geometry(audio.microphone_geometry)
    channels = parse_channels(audio.microphone_channels, audio.capture_channels)

    def make() -> BeamOrOne:
        beam = FixedBeam(positions, audio.beam_azimuth_deg, FRONT_RATE_HZ)
        return BeamOrOne(beam, len(channels))

    return make, channels


def make_watch(audio: AudioSettings) -> MicWatch:
    """Who judges the microphones. Another one stands in for one that fails, but not where the
    array cancels the echo itself: its other channels are full of it."""
    rate_hz = audio.capture_rate_hz
    channels = parse_channels(audio.microphone_channels, audio.capture_channels)
    direction = None
    if audio.microphone_geometry:
        positions = parse_geometry(audio.microphone_geometry)
        direction = SpeakerDirection(positions, channels, rate_hz)
    return MicWatch(
        MicHealth(rate_hz, channels),
        rate_hz=rate_hz,
        channels=channels,
        home=Listening(audio.capture_channel, beam=_beam(audio)[0] is not None),
        goes_over=audio.echo_cancellation != "hardware",
        direction=direction,
    )


def make_turn_judge(settings: Settings, post: Post) -> TurnJudgeThread | None:
    """Who tells whether a turn sounds finished, where the device ends the turns."""
    turn = settings.turn
    unused = not device_ends_turns(settings) or turn.eagerness == "fixed"
    path = installed_model()
    if unused or turn.smart_turn == "off" or (turn.smart_turn == "auto" and path is None):
        return None

    def load() -> Verdict:
        if path is None:
            raise ModelError("the Smart Turn model is not installed", hint=INSTALL)
        return Verdict(SmartTurn(path))

    return TurnJudgeThread(load, post)


def make_wake_engine(wake: WakeSettings) -> WakeEngine:
    """The engine that ``wake.engine`` names, with microWakeWord's beside openWakeWord's in noise,
    or with ``wake.confirm`` always. Each import costs memory only if chosen. Raises ModelError."""
    models, confirming = first_models(wake), second_models(wake)
    if not models:
        return _micro(confirming)
    first = _first(wake.engine, models)
    if not confirming:
        return _helped_in_noise(first, wake)
    from device.audio.wakewords.confirm import ConfirmedWake  # noqa: PLC0415

    return ConfirmedWake(first, _micro(confirming))


def _helped_in_noise(first: WakeEngine, wake: WakeSettings) -> WakeEngine:
    """``first``, with microWakeWord beside it where it is loud. It is no worse than it was where
    that cannot be loaded; ``parlor doctor`` says so."""
    try:
        helping = noise_models(wake)
        second = _micro(helping) if helping else None
    except ModelError:
        return first
    if second is None:
        return first
    from device.audio.wakewords.noise import NoiseWake  # noqa: PLC0415

    return NoiseWake(first, second)


def _first(engine: str, models: Sequence[WakeModel]) -> WakeEngine:
    if engine == "openwakeword":
        from device.adapters.openwakeword_engine import OpenWakeWordEngine  # noqa: PLC0415

        return OpenWakeWordEngine(models)
    from device.audio.wakewords.litert import LitertWake  # noqa: PLC0415

    return LitertWake(models, rests=True)


def _micro(models: Sequence[MicroModel]) -> WakeEngine:
    from device.audio.wakewords.micro import MicroWake  # noqa: PLC0415

    return MicroWake(models)
