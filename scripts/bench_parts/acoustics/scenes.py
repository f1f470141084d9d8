"""Rooms, loudspeakers, replies and people, as samples: what the acoustic rows are played on.

All mono int16 or float64 at 16 kHz, all from fixed seeds, so that a scene is the same each
time. ``replies`` is what the device says (the reference); a :class:`Room` makes of it what
the microphone hears, ``with_person`` adds somebody who speaks, ``microphone`` adds the noise
floor and rounds as a converter does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.ports import Samples
from device.simulator.room.acoustics import EchoPath, to_int16
from device.simulator.scenario import Say
from device.simulator.speech import synthesise
from scripts.bench_parts.acoustics.corpus import RATE_HZ, Corpus, cached, flite, installed_flite
from scripts.bench_parts.acoustics.reply_texts import SENTENCES
from scripts.bench_parts.acoustics.stats import active_level_db

Signal = NDArray[np.float64]

ESPEAK = ("en-us", "en-gb-x-rp+f3", "en-us+m3", "en+f2", "en-us+m7")
FLITE = ("slt", "rms", "awb", "kal16")
PEAK = 29_000.0
ECHO_DB = -10.0
DELAY_MS = 30.0
RT60_MS = 300.0
NOISE_RMS = 5.0  #: −76 dBFS
SPEAKER_LIMIT = 0.5  #: distortion 21 dB below the speech
BLOCK = 1600


def replies(seconds: float, corpus: Corpus | None = None, *, seed: int = 0) -> Samples:
    """What the device says: utterances of nine synthetic voices, at full scale, and of real
    people (the *tune* half of ``speech``), with pauses of 0.2 to 1.5 s. About half an hour
    is there before anything is said again; more is said over and over."""
    random = np.random.default_rng(seed)
    utterances = _utterances()
    if corpus is not None:
        people = [clip.samples for clip in corpus.half("speech", "tune")]
        utterances = [*utterances, *(_full_scale(one) for one in people)]
    parts: list[Samples] = []
    missing = round(seconds * RATE_HZ)
    while missing > 0:
        for place in random.permutation(len(utterances)):
            pause = np.zeros(int(random.uniform(0.2, 1.5) * RATE_HZ), np.int16)
            parts += [utterances[place], pause]
            missing -= len(utterances[place]) + len(pause)
            if missing <= 0:
                break
    return np.concatenate(parts)[: round(seconds * RATE_HZ)]


def response(
    seed: int = 1,
    *,
    gain_db: float = ECHO_DB,
    rt60_ms: float = RT60_MS,
    direct_to_reverb_db: float = 3.0,
) -> Signal:
    """Speaker to microphone in a room of ``rt60_ms``: direct sound, six early reflections, a
    decaying tail of noise (Moorer's model). Speech arrives at ``gain_db``. No delay."""
    random = np.random.default_rng(seed)
    taps = int(rt60_ms * RATE_HZ / 1000)
    tail = random.standard_normal(taps) * 10 ** (-3 * np.arange(taps) / taps)
    tail[: RATE_HZ // 250] = 0  # 4 ms: the walls are farther than the speaker
    for at in random.integers(RATE_HZ // 1000, RATE_HZ // 50, 6):
        tail[at] += random.uniform(-3, 3)
    tail *= 10 ** (-direct_to_reverb_db / 20) / np.sqrt(np.sum(tail**2))
    # The direct sound through the box and its edge: not one tap but a short low pass.
    tail[:4] += np.array([0.3, 0.85, 0.4, 0.15])
    return _at_gain(tail, gain_db)


def measured_response(corpus: Corpus, part: str, *, gain_db: float = ECHO_DB) -> Signal:
    """A measured room of the corpus whose name holds ``part``, from its direct sound on,
    at which speech arrives at ``gain_db``."""
    for clip in corpus.clips["rir"]:
        if part in clip.name:
            taps = clip.samples.astype(np.float64)
            first = max(int(np.argmax(np.abs(taps))) - 8, 0)
            taps = taps[first : first + RATE_HZ // 2]
            return _at_gain(taps, gain_db)
    raise KeyError(part)


def _at_gain(taps: Signal, gain_db: float) -> Signal:
    """Scaled, so that sound with the spectrum of speech (flat up to 500 Hz, then falling with
    6 dB an octave) comes out ``gain_db`` louder than it went in."""
    power = np.abs(np.fft.rfft(taps, 1 << 15)) ** 2
    hertz = np.linspace(0, RATE_HZ / 2, len(power))
    speech = (hertz > 80) / np.maximum(hertz, 500.0) ** 2
    scaled: Signal = taps * np.sqrt(10 ** (gain_db / 10) * speech.sum() / (speech * power).sum())
    return scaled


@dataclass(frozen=True)
class Room:
    """From what is played to what arrives at the microphone.

    ``limit`` is where the speaker clips, as a part of full scale (None: it never does);
    ``mic_ppb`` how much faster the microphone's clock runs; ``moved`` the response from
    ``moved_at_s`` on, when somebody has moved the device.
    """

    response: Signal
    delay_ms: float = DELAY_MS
    limit: float | None = None
    mic_ppb: int = 0
    moved: Signal | None = None
    moved_at_s: float | None = None

    def echo(self, played: Samples) -> Signal:
        """As long as ``played``; not rounded, without noise."""
        sound = played.astype(np.float64)
        if self.limit is not None:
            sound = np.clip(sound, -self.limit * 32768, self.limit * 32768)
        heard = _convolved(sound, self.response, self.delay_ms, self.mic_ppb)
        if self.moved is not None:
            after = _convolved(sound, self.moved, self.delay_ms, self.mic_ppb)
            at = self.moved_at_s if self.moved_at_s is not None else len(sound) / RATE_HZ / 2
            since = np.arange(len(sound)) / RATE_HZ - at
            fade = np.clip(since / 0.1, 0.0, 1.0)
            heard = heard * (1 - fade) + after * fade
        return heard


def rooms() -> dict[str, Room]:
    """The four conditions of the rows, by name."""
    way = response()
    return {
        "linear": Room(way),
        "clipping": Room(way, limit=SPEAKER_LIMIT),
        "skew_50ppm": Room(way, mic_ppb=50_000),
        "moved": Room(way, moved=response(2)),
    }


def with_person(
    echo: Signal, person: Samples, at_s: float, ser_db: float, reference_db: float | None = None
) -> Signal:
    """``echo`` and ``person`` who begins at ``at_s``, ``ser_db`` louder than the echo (active
    level against active level; ``reference_db`` is the echo's where it is not to be measured
    over the whole of ``echo``). What does not fit in is left out."""
    echo_db = reference_db if reference_db is not None else active_level_db(echo)
    gain = 10 ** ((echo_db + ser_db - active_level_db(person)) / 20)
    start = round(at_s * RATE_HZ)
    mixed = echo.copy()
    fits = person[: max(0, len(mixed) - start)]
    mixed[start : start + len(fits)] += fits * gain
    return mixed


def microphone(sound: Signal, *, noise_rms: float = NOISE_RMS, seed: int = 9) -> Samples:
    """What the converter hands out: the noise floor added, rounded and clipped."""
    noise = np.random.default_rng(seed).standard_normal(len(sound)) * noise_rms
    return to_int16(sound + noise)


def _convolved(sound: Signal, taps: Signal, delay_ms: float, mic_ppb: int) -> Signal:
    path = EchoPath(
        taps[None, :],
        block_frames=BLOCK,
        delay_frames=round(delay_ms * RATE_HZ / 1000),
        mic_clock_ppb=mic_ppb,
    )
    heard = np.zeros(len(sound) + BLOCK)
    for start in range(0, len(sound), BLOCK):
        need = path.needs(start)
        first, last = max(need.start, 0), min(need.stop, len(sound))
        if first >= last:
            continue
        block = np.zeros(need.stop - need.start)
        block[first - need.start : last - need.start] = sound[first:last]
        heard[start : start + BLOCK] = path.block(block, need)[:, 0]
    return heard[: len(sound)]


def _utterances() -> list[Samples]:
    """Every sentence in every voice that is installed, made once."""
    voices = installed_flite(FLITE)
    path = cached("replies", repr((ESPEAK, voices, SENTENCES)))
    if not path.exists():
        made = [_full_scale(one) for voice in ESPEAK for one in _espeak(voice)]
        made += [_full_scale(flite(text, voice)) for voice in voices for text in SENTENCES]
        partial = path.with_suffix(".partial.npz")
        np.savez(partial, allow_pickle=False, **{str(place): one for place, one in enumerate(made)})
        partial.replace(path)
    with np.load(path) as kept:
        return [kept[str(place)] for place in range(len(kept.files))]


def _espeak(voice: str) -> list[Samples]:
    made = synthesise([Say(text, voice=voice, speed_wpm=170) for text in SENTENCES], RATE_HZ)
    failed = next((one for one in made if isinstance(one, str)), None)
    if failed is not None:
        raise RuntimeError(failed)
    return [one for one in made if not isinstance(one, str)]


def _full_scale(samples: Samples) -> Samples:
    peak = max(1.0, float(np.abs(samples.astype(np.int32)).max(initial=0)))
    scaled: Samples = np.rint(samples * (PEAK / peak)).astype(np.int16)
    return scaled


def joined(parts: Sequence[Samples], pause_s: float) -> Samples:
    """``parts`` one after the other with pauses between."""
    pause = np.zeros(round(pause_s * RATE_HZ), np.int16)
    return np.concatenate([piece for part in parts for piece in (part, pause)])
