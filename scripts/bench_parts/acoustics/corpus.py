"""The recordings that the acoustic rows are measured on: mono int16 at 16 kHz, by category.

Real ones come from ``../shared/speech`` (its ``manifest.json`` names the category of each).
They are decoded once and kept in ``out/acoustics-cache``. Where that folder is absent a
small set spoken by espeak-ng stands in, and :attr:`Corpus.generated` says so.

One half of each category is for choosing settings ("tune"), the other for the numbers that
are reported ("report"): files sorted by name, even places and odd places.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.ports import Samples  # noqa: E402
from device.simulator.scenario import Say  # noqa: E402
from device.simulator.speech import synthesise  # noqa: E402
from tests.hearing.clips import Clip, real_clips  # noqa: E402

RATE_HZ = 16_000
SPEECH = REPO.parent / "shared" / "speech"
CACHE = REPO / "out" / "acoustics-cache"

Half = Literal["tune", "report", "both"]

VOICES = ("en-us", "en", "en-us+f3", "en-us+m3", "en-gb-x-rp", "en-us+f2", "en-gb-scotland+m5")
_STAND_INS = {
    "wake_alexa": ("alexa",),
    "near_jarvis": ("jarvis",),
    "near_computer": ("computer",),
    "near_snowboy": ("snowboy",),
    "speech": (
        "turn on the lights in the living room, please, and then tell me what time it is",
        "I would like to know how the weather will be at the weekend",
    ),
    "wake": ("hey jarvis", "hey mycroft", "alexa"),
}


@dataclass(frozen=True)
class Corpus:
    """Clips by category, each category in the order of its files' names."""

    clips: dict[str, tuple[Clip, ...]]
    generated: bool  #: True where espeak-ng speaks in place of people

    def half(self, category: str, half: Half) -> tuple[Clip, ...]:
        """One half of a category; empty where it has no recordings."""
        clips = self.clips.get(category, ())
        if half == "both":
            return clips
        return clips[0 if half == "tune" else 1 :: 2]


def load(categories: Sequence[str] | None = None) -> Corpus:
    """``categories`` of the corpus, or all of them; says on stderr when it is generated."""
    if not (SPEECH / "manifest.json").exists():
        print("../shared/speech is absent: synthetic voices stand in", file=sys.stderr)
        wanted = [name for name in _STAND_INS if categories is None or name in categories]
        return Corpus({name: _generated(name) for name in wanted}, generated=True)
    manifest = json.loads((SPEECH / "manifest.json").read_text())
    wanted = sorted({entry["cat"] for entry in manifest})
    return Corpus(
        {
            name: _decoded([entry for entry in manifest if entry["cat"] == name])
            for name in wanted
            if categories is None or name in categories
        },
        generated=False,
    )


def by_name(corpus: Corpus, category: str, part: str) -> Clip:
    """The first clip of ``category`` with ``part`` in its name. KeyError when there is none."""
    for clip in corpus.clips.get(category, ()):
        if part in clip.name:
            return clip
    raise KeyError(f"no {category} clip is called …{part}…")


def spoken(text: str, voice: str, speed_wpm: int = 175) -> Samples:
    """What espeak-ng says, mono int16 at 16 kHz."""
    [samples] = synthesise([Say(text, voice=voice, speed_wpm=speed_wpm)], RATE_HZ)
    if isinstance(samples, str):
        raise RuntimeError(samples)
    return samples


def installed_flite(voices: Sequence[str]) -> tuple[str, ...]:
    """``voices`` where flite is installed, else none."""
    return tuple(voices) if shutil.which("flite") else ()


def flite(text: str, voice: str) -> Samples:
    """What flite says: mono int16 at 16 kHz."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
        with wave.open(str(path)) as said:
            if said.getframerate() != RATE_HZ or said.getsampwidth() != 2:
                raise RuntimeError(f"flite's {voice} does not speak at {RATE_HZ} Hz")
            return np.frombuffer(said.readframes(said.getnframes()), "<i2")


def cached(name: str, key: str) -> Path:
    """Where something derived is kept: ``key`` says all that it was made of."""
    CACHE.mkdir(parents=True, exist_ok=True)
    return CACHE / f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"


def _decoded(entries: list[dict[str, object]]) -> tuple[Clip, ...]:
    entries = sorted(entries, key=lambda entry: str(entry["file"]))
    category = str(entries[0]["cat"])
    path = cached(category, json.dumps(entries))
    if not path.exists():
        clips = {clip.name: clip for clip in real_clips(SPEECH, entries)}
        ordered = [clips[Path(str(entry["file"])).stem] for entry in entries]
        partial = path.with_suffix(".partial.npz")
        np.savez(
            partial,
            allow_pickle=False,
            **{str(place): clip.samples for place, clip in enumerate(ordered)},
        )
        partial.replace(path)
    with np.load(path) as kept:
        return tuple(
            Clip(Path(str(entry["file"])).stem, category, kept[str(place)])
            for place, entry in enumerate(entries)
        )


def _generated(category: str) -> tuple[Clip, ...]:
    silence = np.zeros(RATE_HZ // 2, np.int16)
    return tuple(
        Clip(
            f"{voice} {speed}: {text}",
            "generated",
            np.concatenate([silence, spoken(text, voice, speed), silence]),
        )
        for voice in VOICES
        for speed in (150, 185)
        for text in _STAND_INS[category]
    )
