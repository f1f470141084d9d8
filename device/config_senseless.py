"""Settings that are allowed one by one, and together can do nothing.

The appliance runs with them; whoever wrote them waits for something that never comes. So they
are for ``parlor config check`` and the doctor. Only what stands in the file is objected to:
a default is nobody's wish.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from device.config_cost import cost_senseless
from device.config_rules import Finding, word_of
from device.config_schema import Mistake
from device.config_services import service_ignores
from device.session import capabilities, device_ends_turns
from device.settings import AudioSettings, Settings, TurnSettings, WakeSettings

_BOUNDS = ("shortest_silence_ms", "longest_silence_ms")
#: Not silence_ms: whoever ends the turns, the waiting cue keeps to it.
_OF_THE_DEVICE = ("eagerness", *_BOUNDS)
_OF_THE_SERVICE = ("vad_threshold", "vad_prefix_ms", "vad_silence_ms")


def senseless(settings: Settings, written: Collection[str]) -> list[Finding]:
    """``written``: the dotted keys that stand in the file. One of those is blamed each time."""
    found = [
        *_end_of_turn(settings),
        *_slow_reply(settings),
        *_follow_up(settings.turn),
        *_own_voice(settings),
        *_beam(settings.audio),
        *_channel(settings.audio, written),
        *_wake(settings),
        *_engine(settings.wake),
        *service_ignores(settings, written),
        *cost_senseless(settings),
    ]
    return [(key, mistake) for key, mistake in found if key in written]


def _end_of_turn(settings: Settings) -> Iterator[Finding]:
    turn = settings.turn
    if device_ends_turns(settings):
        for name in _OF_THE_SERVICE:
            yield (
                f"service.{name}",
                Mistake(
                    "has no effect: the device ends the turns ([service] turn_detection)",
                    "leave it away; how soon a turn ends is the matter of [turn]",
                ),
            )
        if turn.eagerness != "fixed":
            return
        for name in _BOUNDS:
            yield (
                f"turn.{name}",
                Mistake(
                    'has no effect: eagerness = "fixed" always waits for silence_ms',
                    "choose another eagerness, or leave this away",
                ),
            )
        if turn.smart_turn == "on":
            says = 'nobody asks Smart Turn: eagerness = "fixed" always waits for silence_ms'
            yield (
                "turn.smart_turn",
                Mistake(says, 'choose another eagerness, or smart_turn = "off"'),
            )
        return
    says = "has no effect: the service ends the turns ([service] turn_detection)"
    hint = "leave this away"
    if capabilities(settings).commits:
        hint = f'write turn_detection = "device" into [service], or {hint}'
    if turn.smart_turn == "on":
        yield "turn.smart_turn", Mistake(says, hint)
    for name in _OF_THE_DEVICE:
        yield f"turn.{name}", Mistake(says, hint)


def _slow_reply(settings: Settings) -> Iterator[Finding]:
    turn, phrases = settings.turn, settings.phrases
    if turn.slow_reply_s == 0:
        says = "has no effect: slow_reply_s = 0, so no sign is ever given"
        hint = "write how long to wait into slow_reply_s, e.g. 1.2, or leave it away"
        yield "turn.slow_reply", Mistake(says, hint)
        if turn.slow_again_s > 0:
            yield "turn.slow_again_s", Mistake(says, hint)
    elif turn.slow_reply == "phrase" and not phrases.moment.strip():
        says = "the phrase is empty (phrases.moment), so nothing is said when a reply is slow"
        yield (
            "turn.slow_reply",
            Mistake(says, 'write a text into phrases.moment, or slow_reply = "sound"'),
        )


def _follow_up(turn: TurnSettings) -> Iterator[Finding]:
    if turn.follow_up_s == 0:
        says = "has no effect: follow_up_s = 0, so each turn needs the wake word"
        hint = "write some seconds into follow_up_s, e.g. 4, or leave it away"
        if turn.invited_s > 0:
            yield "turn.invited_s", Mistake(says, hint)
        yield "turn.follow_ups", Mistake(says, hint)
    elif turn.invited_s < turn.follow_up_s:
        says = (
            f"has no effect: it is shorter than follow_up_s ({turn.follow_up_s:g}), which holds "
            "after every reply"
        )
        yield "turn.invited_s", Mistake(says, "make it longer than that, or leave it away")


def _own_voice(settings: Settings) -> Iterator[Finding]:
    if settings.audio.echo_cancellation != "off":
        return
    if settings.turn.barge_in != "off":
        yield (
            "turn.barge_in",
            Mistake(
                'has no effect: with echo_cancellation = "off" its own voice cannot be told from '
                "a person's, so only wake word and button interrupt",
                'write echo_cancellation = "software" into [audio], or leave it away',
            ),
        )
    if settings.audio.uplink == "echo_cancelled":
        says = 'no echo is cancelled: echo_cancellation = "off"'
        yield (
            "audio.uplink",
            Mistake(says, 'write echo_cancellation = "software", or uplink = "raw"'),
        )


def _beam(audio: AudioSettings) -> Iterator[Finding]:
    if audio.echo_cancellation == "hardware" and audio.beam_azimuth_deg >= 0:
        says = (
            "a beam listens to the microphones as they are, not to the channel that the array has "
            'cancelled on board (echo_cancellation = "hardware")'
        )
        yield (
            "audio.beam_azimuth_deg",
            Mistake(says, 'leave it away, or write echo_cancellation = "software"'),
        )


def _channel(audio: AudioSettings, written: Collection[str]) -> Iterator[Finding]:
    alone = audio.echo_cancellation != "hardware" and audio.beam_azimuth_deg < 0
    if not alone or not audio.microphone_channels:
        return
    # Imported here: it brings numpy, which most files need not be checked with.
    from device.audio.array.geometry import parse_channels  # noqa: PLC0415

    try:
        microphones = parse_channels(audio.microphone_channels, audio.capture_channels)
    except ValueError:  # told by the rules of the file
        return
    if audio.capture_channel not in microphones:
        key = "audio.capture_channel"
        yield (
            key if key in written else "audio.microphone_channels",
            Mistake(
                f"channel {audio.capture_channel}, which is listened to (capture_channel), is "
                "not one of microphone_channels",
                f"write capture_channel = {microphones[0]}, or add it to microphone_channels",
            ),
        )


def _wake(settings: Settings) -> Iterator[Finding]:
    """Stop words do not wake, so something else must."""
    wake, board = settings.wake, settings.board
    button = board.name == "virtual" or (board.name == "gpio" and board.button_pin >= 0)
    words = {word_of(word) for word in wake.words}
    if words and words <= {word_of(word) for word in wake.stop_words} and not button:
        says = "nothing can wake it: every one of wake.words is a stop word, and there is no button"
        yield "wake.stop_words", Mistake(says, "add a word that wakes to wake.words")


def _engine(wake: WakeSettings) -> Iterator[Finding]:
    if wake.confirm and wake.engine == "micro":
        says = (
            "with confirm = true both engines listen: openWakeWord's models (not to be sold) are "
            'loaded, too, and engine = "micro" changes nothing'
        )
        yield "wake.engine", Mistake(says, "leave it away, or write confirm = false")
