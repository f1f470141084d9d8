"""What the synthetic people of a scenario say, as samples.

``say`` is spoken by libespeak-ng in a short-lived process of its own: the library
keeps its state in globals and may call ``exit``, and neither should touch the
simulator, which watches a clock. All utterances are made before the appliance
starts, so nothing is synthesised while it runs.

Run as ``python -m device.simulator.speech`` this file is that process: one JSON
object a line in (``text voice speed_wpm``); out, for each, a line
``{"rate_hz", "samples", "words"}`` or ``{"error"}`` and then the raw int16 samples.
``words`` are pairs: a place in the text, the sample at which the word there begins.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.errors import ModelError, ScenarioError, SimulatorError
from device.simulator.scenario import Play, Say, Scenario
from device.simulator.seam import end_in_text
from device.simulator.wavfile import read_mono, resample, to_int16
from device.voice.espeak_library import EspeakLibrary

Samples = NDArray[np.int16]

LOUD_FRACTION = 0.02  #: of the peak; what lies below at an end is not speech any more


@dataclass(frozen=True, slots=True)
class Utterance:
    """``samples``: mono int16 at the room's rate, gain not yet applied.

    ``first_loud`` and ``last_loud`` bound the speech in it, in samples; the user's
    last sample, from which latencies count, is ``last_loud``. ``word_end`` is the last
    loud sample of the wake word in front, ``question`` the first one behind it; None where
    there is none or nobody knows.
    """

    samples: Samples
    first_loud: int
    last_loud: int
    word_end: int | None = None
    question: int | None = None

    @classmethod
    def of(cls, samples: Samples, seam: int | None = None) -> Utterance:
        """``seam``: the sample from which on it is no longer the wake word."""
        level = np.abs(samples.astype(np.int32))
        loud = np.flatnonzero(level > max(1.0, float(level.max(initial=0)) * LOUD_FRACTION))
        if not loud.size:
            return cls(samples, 0, max(0, len(samples) - 1))
        word = question = None
        if seam is not None:
            before, behind = loud[loud < seam], loud[loud >= seam]
            word = int(before[-1]) if before.size else None
            question = int(behind[0]) if before.size and behind.size else None
        return cls(samples, int(loud[0]), int(loud[-1]), word, question)


@dataclass(frozen=True, slots=True)
class Said:
    """What espeak-ng made of a text. ``words``: ``(place in the text, first sample)``."""

    samples: Samples
    words: tuple[tuple[int, int], ...]

    def seam(self, text_place: int) -> int:
        """The first sample of what stands at or behind ``text_place``; the end if nothing does."""
        return min(
            (at for place, at in self.words if place >= text_place), default=len(self.samples)
        )


def render(scenario: Scenario, wake_words: Sequence[str] = ()) -> dict[int, Utterance]:
    """Make every utterance at the room's rate: index of its cue -> utterance.

    Of what begins with one of ``wake_words`` it is known where that ends. Raises
    ScenarioError for a voice that espeak-ng does not have or a file that is no sound,
    SimulatorError when the synthesiser itself does not work.
    """
    rate_hz = scenario.room.rate_hz
    made: dict[int, Utterance] = {}
    said: list[tuple[int, Say]] = []
    for index, cue in enumerate(scenario.cues):
        if isinstance(cue.action, Say):
            said.append((index, cue.action))
        elif isinstance(cue.action, Play):
            try:
                made[index] = Utterance.of(read_mono(cue.action.path, rate_hz))
            except SimulatorError as error:
                raise ScenarioError(str(error), file=scenario.path, line=cue.line) from error
    results = speak([s for _, s in said], rate_hz)
    for (index, action), spoken in zip(said, results, strict=True):
        if isinstance(spoken, str):
            raise ScenarioError(spoken, file=scenario.path, line=scenario.cues[index].line)
        end = end_in_text(action.text, wake_words)
        made[index] = Utterance.of(spoken.samples, None if end is None else spoken.seam(end))
    return made


def synthesise(actions: Sequence[Say], rate_hz: int) -> list[Samples | str]:
    """Samples at ``rate_hz``, or what was wrong, for each."""
    made = speak(actions, rate_hz)
    return [one if isinstance(one, str) else one.samples for one in made]


def speak(actions: Sequence[Say], rate_hz: int) -> list[Said | str]:
    """Sound at ``rate_hz``, or what was wrong, for each."""
    if not actions:
        return []
    lines = [
        json.dumps({"text": a.text, "voice": a.voice, "speed_wpm": a.speed_wpm}) for a in actions
    ]
    done = subprocess.run(
        [sys.executable, "-m", "device.simulator.speech"],
        input="\n".join(lines).encode(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    if done.returncode != 0:
        detail = done.stderr.decode(errors="replace").strip().splitlines()
        raise SimulatorError(f"espeak-ng failed: {detail[-1] if detail else done.returncode}")
    made: list[Said | str] = []
    rest = done.stdout
    for _ in actions:
        head, rest = rest.split(b"\n", 1)
        answer = json.loads(head)
        if "error" in answer:
            made.append(str(answer["error"]))
            continue
        size = answer["samples"] * 2
        spoken = np.frombuffer(rest[:size], np.int16).astype(np.float64) / 32768
        scale = rate_hz / answer["rate_hz"]
        words = tuple((place, round(at * scale)) for place, at in answer["words"])
        made.append(Said(to_int16(resample(spoken, answer["rate_hz"], rate_hz)), words))
        rest = rest[size:]
    return made


# --- in the process of its own ------------------------------------------------


def _main() -> None:
    library = EspeakLibrary(0)
    for line in sys.stdin.buffer:
        request = json.loads(line)
        parts: list[Samples] = []
        words: list[tuple[int, int]] = []

        def keep(block: Samples, last: bool, parts: list[Samples] = parts) -> bool:
            del last
            parts.append(block)
            return True

        def note(place: int, at: int, words: list[tuple[int, int]] = words) -> None:
            words.append((place, at))

        try:
            library.choose(request["voice"])
        except ModelError as error:
            sys.stdout.buffer.write(json.dumps({"error": str(error)}).encode() + b"\n")
            sys.stdout.buffer.flush()
            continue
        library.set_speed(request["speed_wpm"])
        library.speak(request["text"], keep, note)
        samples = np.concatenate([np.zeros(0, np.int16), *parts])
        head = {"rate_hz": library.rate_hz, "samples": len(samples), "words": words}
        sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + samples.tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _main()
