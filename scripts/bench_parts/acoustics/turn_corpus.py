"""Pauses of real speech, with what the shipped detectors make of each: for the end of turn.

Three kinds of moment at which somebody fell silent:

- ``end``: the last word of a sentence, room tone after it.
- ``split``: the same sentences, opened at a boundary between two words and filled with room
  tone. The boundaries are those of a recogniser (pocketsphinx), moved to the quietest 10 ms
  within 50 ms. The word before lacks the lengthening that people give to the word before
  a pause, so these are reported beside:
- ``real``: pauses of 0.3 to 1.5 s after which the same person goes on, within one recording.
- ``boundary``: such pauses between two sentences, by what is said.

Of each: where the voice-activity detector put the end, how late it heard speech again, what
Smart Turn says of it and how far the voice fell. How long a pause lasts is not fixed here but
for the real ones: what is heard until a moment does not depend on what comes after it.

Left out as ends are what the text shows to be none, and recordings that stop within the last
sound: nobody knows how it would have ended.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np

from device.audio.finished.melody import Melody, melody
from device.audio.finished.smart_turn import (
    FILE_NAME,
    JUDGED_SILENCE_MS,
    SmartTurn,
    installed_model,
)
from device.audio.finished.verdict import NEITHER_SEMITONES, combined
from device.audio.vad import CHUNK_SAMPLES, SileroVad, VoiceActivity
from device.errors import ModelError
from device.ports import Samples
from device.settings import VadSettings
from scripts.bench_parts.acoustics.corpus import RATE_HZ, Corpus, Half, cached
from scripts.bench_parts.acoustics.stats import vad_probabilities
from scripts.bench_parts.acoustics.turn_sound import RoomTone, Words, joined, last_sound, piece

GAP_S = 1.6
CUT_OFF_S = 0.01  # a recording that stops so soon after the last sound stops within it
VERSION = 7

#: Sentences that end where they end: part of the file's name, from, to (s), speaker. Of the two
#: from "Sense and Sensibility" that there are, "He was not an ill-disposed young man" goes on with
#: ", unless to be rather cold hearted" (chapter 1): no end.
SENTENCES: tuple[tuple[str, float, float, str], ...] = (
    ("clean_freesound_33711", 1.2, 9.7, "freesound"),
    ("arctic_a0024", 0.1, 4.0, "arctic-a"),
    ("weather_question", 0.3, 1.9, "weather"),
    ("cards__002", 0.2, 1.9, "cards"),
    ("cards__004", 0.2, 1.5, "cards"),
    ("forever__input_2_16k", 0.0, 3.3, "forever"),
    ("goforward", 0.4, 2.4, "goforward"),
    ("austen_64kb-0920", 0.2, 6.0, "austen"),
    ("data__numbers", 0.4, 3.5, "goforward"),
    ("cmu_arctic_us_aew_a0001", 0.1, 3.9, "aew"),
    ("cmu_arctic_us_aew_a0003", 0.1, 3.5, "aew"),
    ("cmu_arctic_us_axb_a0005", 0.1, 1.6, "axb"),
    ("notebooks__arctic_a0010", 0.1, 3.6, "arctic-b"),
    ("silero-vad__tests__data__test", 0.0, 7.0, "lecture"),
    ("ASR__spk1_snt1", 0.0, 2.9, "spk1"),
    ("ASR__spk1_snt3", 0.0, 2.7, "spk1"),
    ("ASR__spk1_snt5", 0.1, 2.6, "spk1"),
    ("ASR__spk2_snt1", 0.0, 2.0, "spk2"),
    ("ASR__spk2_snt3", 0.0, 1.9, "spk2"),
    ("ASR__spk2_snt5", 0.0, 2.0, "spk2"),
    ("VAD__valid", 0.2, 3.0, "valid-a"),
    ("VAD__valid", 3.9, 6.2, "valid-b"),
    ("VAD__valid", 8.0, 9.7, "valid-c"),
    ("vosk-api__python__example__test", 0.7, 2.9, "vosk"),
    ("vosk-api__python__example__test", 3.8, 5.2, "vosk"),
    ("vosk-api__python__example__test", 6.1, 8.2, "vosk"),
    ("whisper__tests__jfk", 0.2, 10.8, "jfk"),
    ("living_room_light_en", 0.1, 1.8, "living"),
    ("whats_your_name_french", 0.2, 1.8, "french"),
)
#: Recordings in which one person goes on speaking after a pause. Not the meetings: there it may
#: be another who goes on.
MONOLOGUES = (
    "clean_freesound_33711",
    "turn_on_the_office_lights",
    "leak-test",
    "silero-vad__tests__data__test",
    "LJ050-0131",
    "whisper__tests__jfk",
)
#: Pauses in them between two sentences, by the words on both sides: part of the name, second.
BOUNDARIES = (
    ("silero-vad__tests__data__test", 2.05),  # "how do I get to Dublin? And the answer ..."
    ("silero-vad__tests__data__test", 49.98),  # "well, good luck with that. ..."
    ("LJ050-0131", 6.02),  # "... of activities thereunder. In this regard ..."
)
CATEGORIES = ("speech",)


@dataclass(frozen=True)
class Moment:
    """Somebody fell silent. Times in ms from the last sample of speech."""

    kind: str  #: end, split, real or boundary
    recording: str
    speaker: str
    vad_end_ms: float  #: where the detector put the end of speech
    onset_ms: float  #: how long after speech went on the detector told of it; nan: it did not
    model: float  #: Smart Turn's answer
    fall_semitones: float  #: of the voice (``device/audio/finished/melody.py``)
    voiced_s: float
    spoken_s: float  #: how long the turn is until here
    pause_s: float = 0.0  #: of a real one

    @property
    def judged(self) -> float:
        """What the appliance makes of both (``device/audio/finished/verdict.py``)."""
        return combined(self.model, Melody(self.fall_semitones, self.voiced_s))

    @property
    def judged_by_model(self) -> float:
        """Without the melody."""
        return combined(self.model, Melody(NEITHER_SEMITONES, self.voiced_s))


def moments(corpus: Corpus, half: Half) -> tuple[Moment, ...]:
    """Every moment in one half of the corpus; computed once, 2 min, then kept.

    Raises :class:`ModelError` where Smart Turn is not installed and nothing is kept.
    """
    key = f"{VERSION} {half} {corpus.generated} {FILE_NAME} {SENTENCES} {MONOLOGUES}"
    path = cached("turns", key)
    if not path.exists():
        model = installed_model()
        if model is None:
            raise ModelError("Smart Turn is not installed", hint="run scripts/install-smart-turn")
        found = [asdict(moment) for moment in _measure(corpus, half, SmartTurn(model))]
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, moments=np.array(json.dumps(found)))
        partial.replace(path)
    with np.load(path) as kept:
        return tuple(Moment(**fields) for fields in json.loads(str(kept["moments"])))


def _measure(corpus: Corpus, half: Half, judge: SmartTurn) -> Iterator[Moment]:
    vad, listener = SileroVad(), Words()
    for category in CATEGORIES:
        for clip in corpus.half(category, half):
            whole = np.asarray(clip.samples, np.int16)
            for part, begin_s, end_s, speaker in SENTENCES:
                if part in clip.name:
                    sentence = piece(whole, begin_s, end_s)
                    stops = len(whole) <= round(end_s * RATE_HZ)
                    yield from _sentence(
                        clip.name, speaker, sentence, vad, judge, listener, cut_off=stops
                    )
            if corpus.generated:
                yield from _sentence(clip.name, clip.name, whole, vad, judge, listener)
            if any(part in clip.name for part in MONOLOGUES):
                yield from _real(clip.name, whole, vad, judge)


def _sentence(
    name: str,
    speaker: str,
    sound: Samples,
    vad: SileroVad,
    judge: SmartTurn,
    listener: Words,
    *,
    cut_off: bool = True,
) -> Iterator[Moment]:
    """``cut_off``: the recording stops where ``sound`` does."""
    tone = RoomTone(sound)
    stops = len(sound)
    sound = sound[: last_sound(sound)]
    if cut_off and len(sound) >= stops - CUT_OFF_S * RATE_HZ:
        return
    lead = tone.of(0.5, 0)
    streams = [("end", len(sound), joined(lead, sound, tone.of(GAP_S + 1.0, 1)))]
    boundaries = listener.boundaries(sound)
    for place, at in enumerate(boundaries):
        before, after = sound[:at], sound[at:]
        before = before[: last_sound(before)]
        gap = tone.of(GAP_S, 2 + place)
        opened = joined(lead, before, gap, after, tone.of(0.5, 1))
        streams.append(("split", len(before), opened))
    if boundaries:  # the end of a sentence that was held up once on its way
        at = boundaries[len(boundaries) // 2]
        held = joined(sound[:at], tone.of(0.6, 99), sound[at:])
        streams.append(("end", len(held), joined(lead, held, tone.of(GAP_S + 1.0, 1))))
    for kind, length, stream in streams:
        fell_silent = len(lead) + length
        goes_on = fell_silent + round(GAP_S * RATE_HZ) if kind == "split" else None
        moment = _heard(stream, len(lead), fell_silent, goes_on, vad, judge)
        if moment:
            yield Moment(kind, name, speaker, *moment, length / RATE_HZ)


def _real(name: str, sound: Samples, vad: SileroVad, judge: SmartTurn) -> Iterator[Moment]:
    """Silences of the detector from 0.3 to 1.5 s. A turn is taken to begin after the last
    longer one, and at most 30 s before."""
    activity, started_at, ended_at = _activity(), 0, None
    for at, probability in enumerate(vad_probabilities(sound, vad)):
        event = activity.update(float(probability), at * CHUNK_SAMPLES, (at + 1) * CHUNK_SAMPLES)
        if event is None:
            continue
        if activity.speaking:
            pause_s = (event.at_frame - ended_at) / RATE_HZ if ended_at is not None else 99.0
            if pause_s > 1.5:
                started_at = event.at_frame
            elif pause_s >= 0.3 and ended_at is not None:
                judged = _judged(sound, started_at, ended_at, judge)
                told_ms = 1000 * ((at + 1) * CHUNK_SAMPLES - event.at_frame) / RATE_HZ
                spoken_s = (ended_at - started_at) / RATE_HZ
                kind = "boundary" if _between_sentences(name, ended_at) else "real"
                yield Moment(kind, name, name, 0.0, told_ms, *judged, spoken_s, pause_s)
        else:
            ended_at = event.at_frame


def _between_sentences(name: str, ended_at: int) -> bool:
    return any(
        part in name and abs(ended_at / RATE_HZ - second) < 0.1 for part, second in BOUNDARIES
    )


def _heard(
    stream: Samples,
    begins: int,
    fell_silent: int,
    goes_on: int | None,
    vad: SileroVad,
    judge: SmartTurn,
) -> tuple[float, ...] | None:
    """Detector's end and onset (ms), then as :func:`_judged`; None: it heard no end."""
    activity, ended_at, onset_ms = _activity(), None, float("nan")
    for at, probability in enumerate(vad_probabilities(stream, vad)):
        now = (at + 1) * CHUNK_SAMPLES
        event = activity.update(float(probability), at * CHUNK_SAMPLES, now)
        if event is None:
            continue
        if not activity.speaking and abs(event.at_frame - fell_silent) < 0.3 * RATE_HZ:
            ended_at = event.at_frame
        elif activity.speaking and ended_at is not None and goes_on is not None:
            if event.at_frame < goes_on - 0.1 * RATE_HZ:
                return None  # the tone itself was taken for speech
            onset_ms = 1000 * (now - goes_on) / RATE_HZ
            break
    if ended_at is None:
        return None
    judged = _judged(stream, begins, ended_at, judge)
    return 1000 * (ended_at - fell_silent) / RATE_HZ, onset_ms, *judged


def _judged(
    stream: Samples, began_at: int, ended_at: int, judge: SmartTurn
) -> tuple[float, float, float]:
    """Smart Turn's answer, the fall of the voice (semitones), and how much voice there was (s).
    Half a second before the first word is heard as well, as it is in the appliance."""
    end = ended_at + JUDGED_SILENCE_MS * RATE_HZ // 1000
    heard = stream[max(0, began_at - RATE_HZ // 2) : end]
    tune = melody(heard)
    return (
        round(judge.probability(heard), 4),
        round(tune.fall_semitones, 2),
        round(tune.voiced_s, 2),
    )


def _activity() -> VoiceActivity:
    vad = VadSettings()
    return VoiceActivity(vad.threshold, vad.onset_ms, vad.hangover_ms)
