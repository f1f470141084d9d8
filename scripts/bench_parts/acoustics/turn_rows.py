"""How soon a turn ends after its last word, against the best fixed silence on the same data.

    .venv/bin/python scripts/bench_parts/acoustics/turn_rows.py [--half tune|report]

Conversations of six turns with up to two pauses each are drawn, each held by one speaker: every
pause and every last word is a moment of a recording (``turn_corpus.py``), met by the shipped
voice-activity detector, the shipped verdict (Smart Turn and the melody) and
:class:`device.core.endpointing.EndOfTurn`. Pauses of 0.3 to 1.5 s are drawn from

- ``speakers differ``: log-normal (sd of the logarithm 0.4) about a median of each speaker's own
  (log-normal about 0.55 s, sd 0.3): about what is published of spontaneous speech;
- ``speakers alike``: one log-normal for all (median 0.55 s, sd 0.5, the same in sum).

Both ways of ending a turn are tried over a range of ``silence_ms`` and compared where 5 % of
the pauses are cut off. The interval is a bootstrap over recordings and conversations. The
pauses that are real in full length are reported beside it; they are few.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPO))

from device.audio.finished.smart_turn import JUDGED_SILENCE_MS  # noqa: E402
from device.core.endpointing import EndOfTurn  # noqa: E402
from device.settings import TurnSettings, VadSettings  # noqa: E402
from scripts.bench_parts.acoustics.corpus import Half, load  # noqa: E402
from scripts.bench_parts.acoustics.stats import Proportion  # noqa: E402
from scripts.bench_parts.acoustics.turn_apart import Judged, as_shipped, told_apart  # noqa: E402
from scripts.bench_parts.acoustics.turn_corpus import CATEGORIES, Moment, moments  # noqa: E402
from scripts.bench_parts.acoustics.words import REPORTED  # noqa: E402
from scripts.bench_parts.readme_table import Row  # noqa: E402

MOST_CUT = 0.05
LEAST_GAIN = 0.25
CHECK_MS = 90.0  # how long a verdict takes on the machine that the bench is run on
SLOW_CHECK_MS = 400.0  # and on a Raspberry Pi
TURNS, MOST_PAUSES = 6, 2
CONVERSATIONS, BOOTSTRAPS = 120, 200
MEDIAN_PAUSE_S = 0.55
DISTRIBUTIONS = {"speakers differ": (0.3, 0.4), "speakers alike": (0.0, 0.5)}
SILENCES_MS = tuple(range(400, 2001, 100))
FIXED = replace(TurnSettings(), eagerness="fixed")
ADAPTIVE = TurnSettings()

Pauses = list[list[float]]  #: of one conversation: of each turn, seconds


@dataclass(frozen=True)
class Outcome:
    """Of some conversations: how many pauses ended the turn, and the delay of every real end."""

    pauses: int
    cut_off: int
    delays_ms: list[float]

    @property
    def rate(self) -> float:
        return self.cut_off / max(1, self.pauses)

    def at(self) -> dict[str, float]:
        return {
            "cut_off": round(self.rate, 4),
            "median_ms": round(float(np.median(self.delays_ms)), 1),
            "mean_ms": round(float(np.mean(self.delays_ms)), 1),
        }


class Bench:
    """Moments to draw from, by recording: a conversation is held by one speaker."""

    def __init__(
        self,
        found: Sequence[Moment],
        *,
        check_ms: float = CHECK_MS,
        judged: Judged = as_shipped,
    ) -> None:
        ends, splits = _by_recording(found, "end"), _by_recording(found, "split")
        self.speakers = [(ends[name], splits[name]) for name in sorted(ends.keys() & splits.keys())]
        self._check_ms, self._judged = check_ms, judged

    def resampled(self, random: np.random.Generator) -> Bench:
        """The same with recordings drawn with replacement."""
        other = Bench((), check_ms=self._check_ms, judged=self._judged)
        drawn = random.integers(len(self.speakers), size=len(self.speakers))
        other.speakers = [self.speakers[place] for place in drawn]
        return other

    def merged(self) -> Bench:
        """The same with every moment drawn from all recordings alike: those with many word
        boundaries count for more, and nobody speaks like himself."""
        other = Bench((), check_ms=self._check_ms, judged=self._judged)
        ends = [moment for one, _ in self.speakers for moment in one]
        other.speakers = [(ends, [moment for _, some in self.speakers for moment in some])]
        return other

    def run(self, conversations: Sequence[Pauses], settings: TurnSettings, seed: int) -> Outcome:
        """What becomes of the conversations. The moments depend on ``seed`` alone."""
        random = np.random.default_rng(seed)
        cut_off, pauses, delays = 0, 0, []
        policy = EndOfTurn(settings)
        for conversation in conversations:
            ends, splits = self.speakers[random.integers(len(self.speakers))]
            policy.new_conversation()
            for turn in conversation:
                policy.new_turn()
                for pause_s in turn:
                    pauses += 1
                    moment = splits[random.integers(len(splits))]
                    cut_off += self.paused(policy, moment, pause_s) is not None
                ended_ms = self.paused(policy, ends[random.integers(len(ends))], None)
                assert ended_ms is not None
                delays.append(ended_ms)
        return Outcome(pauses, cut_off, delays)

    def paused(self, policy: EndOfTurn, moment: Moment, pause_s: float | None) -> float | None:
        """When the turn was ended, in ms from the last sample of speech; None: speech went on
        before. Time 0 of the policy is that sample."""
        hangover_ms, onset_ms = float(VadSettings().hangover_ms), float(VadSettings().onset_ms)
        told_ms = math.inf if pause_s is None else 1000 * pause_s + moment.onset_ms
        heard_ms = moment.vad_end_ms + hangover_ms
        if heard_ms > told_ms - onset_ms:
            return None  # the detector heard no pause at all
        wait = policy.speech_ended(moment.vad_end_ms / 1000)
        end_ms = max(1000 * wait.end_at, heard_ms)
        asked_ms = moment.vad_end_ms + max(hangover_ms, JUDGED_SILENCE_MS)
        answered_ms = asked_ms + self._check_ms
        if wait.judge and answered_ms < min(end_ms, told_ms):
            judged = policy.judged(self._judged(moment))
            assert judged is not None
            end_ms = max(1000 * judged.end_at, answered_ms)
        if end_ms < told_ms:
            # Whether the policy is told that it cut somebody off is not counted upon.
            policy.new_turn()
            return end_ms
        policy.speech_started((told_ms - onset_ms) / 1000)
        return None


def _by_recording(found: Sequence[Moment], kind: str) -> dict[str, list[Moment]]:
    """Those of ``kind``; a split after which the detector never heard speech again is left out."""
    moments_of: dict[str, list[Moment]] = {}
    for moment in found:
        if moment.kind == kind and not (kind == "split" and math.isnan(moment.onset_ms)):
            moments_of.setdefault(moment.recording, []).append(moment)
    return moments_of


def conversations(kind: str, count: int, seed: int) -> list[Pauses]:
    between, within = DISTRIBUTIONS[kind]
    random = np.random.default_rng(seed)

    def pause(median_s: float) -> float:
        while True:
            drawn = median_s * math.exp(within * random.normal())
            if 0.3 <= drawn <= 1.5:
                return drawn

    found = []
    for _ in range(count):
        median_s = MEDIAN_PAUSE_S * math.exp(between * random.normal())
        found.append(
            [
                [pause(median_s) for _ in range(random.integers(MOST_PAUSES + 1))]
                for _ in range(TURNS)
            ]
        )
    return found


def at_most_cut(
    bench: Bench, talk: Sequence[Pauses], settings: TurnSettings, seed: int, most: float = MOST_CUT
) -> tuple[int, Outcome]:
    """The smallest ``silence_ms`` that cuts off no more than ``most``, and its outcome."""
    low, high = 200, 4000
    while high - low > 8:
        middle = (low + high) // 2
        if bench.run(talk, replace(settings, silence_ms=middle), seed).rate > most:
            low = middle
        else:
            high = middle
    return high, bench.run(talk, replace(settings, silence_ms=high), seed)


def gains(fixed: Outcome, other: Outcome) -> tuple[float, float]:
    """How much sooner, median and mean, as a part of the fixed silence's delay."""
    before, after = fixed.at(), other.at()
    return (
        1 - after["median_ms"] / before["median_ms"],
        1 - after["mean_ms"] / before["mean_ms"],
    )


def compared(
    bench: Bench, kind: str, *, merged: bool = False, bootstraps: int = BOOTSTRAPS
) -> dict[str, object]:
    """Fixed against adaptive at 5 % cut off, with the interval of the gain."""
    talk = conversations(kind, 4 * CONVERSATIONS, seed=0)
    drawn_from = bench.merged() if merged else bench
    silence_ms, fixed = at_most_cut(drawn_from, talk, FIXED, seed=1)
    start_ms, adaptive = at_most_cut(drawn_from, talk, ADAPTIVE, seed=1)
    median, mean = gains(fixed, adaptive)
    drawn = []
    for number in range(bootstraps):
        random = np.random.default_rng(1000 + number)
        other, some = bench.resampled(random), conversations(kind, CONVERSATIONS, 1000 + number)
        other = other.merged() if merged else other
        drawn.append(
            gains(
                at_most_cut(other, some, FIXED, number)[1],
                at_most_cut(other, some, ADAPTIVE, number)[1],
            )
        )
    result: dict[str, object] = {
        "pauses": fixed.pauses,
        "turns": len(fixed.delays_ms),
        "fixed": {"silence_ms": silence_ms, **fixed.at()},
        "adaptive": {"silence_ms": start_ms, **adaptive.at()},
        "sooner_median": round(median, 3),
        "sooner_mean": round(mean, 3),
    }
    if drawn:
        for place, name in enumerate(("median", "mean")):
            values = [gain[place] for gain in drawn]
            result[f"sooner_{name}_95"] = [
                round(float(np.percentile(values, part)), 3) for part in (2.5, 97.5)
            ]
    return result


def curves(bench: Bench, kind: str) -> dict[str, dict[str, list[float]]]:
    """Cut-off rate and delay over ``silence_ms``, for the figure."""
    talk = conversations(kind, 2 * CONVERSATIONS, seed=0)
    drawn: dict[str, dict[str, list[float]]] = {}
    for name, settings in (("fixed", FIXED), ("adaptive", ADAPTIVE)):
        points = [
            bench.run(talk, replace(settings, silence_ms=silence), 1).at()
            for silence in SILENCES_MS
        ]
        drawn[name] = {
            "silence_ms": [float(silence) for silence in SILENCES_MS],
            **{key: [point[key] for point in points] for key in points[0]},
        }
    return drawn


def real_pauses(bench: Bench, found: Sequence[Moment], fixed_ms: int, start_ms: int) -> object:
    """What the two settings make of the pauses that nobody made: one conversation each."""
    real = [moment for moment in found if moment.kind in ("real", "boundary")]
    answers: dict[str, object] = {
        "pauses": len(real),
        "between_sentences": sum(moment.kind == "boundary" for moment in real),
        "recordings": len({moment.speaker for moment in real}),
    }
    for name, settings in (
        ("fixed", replace(FIXED, silence_ms=fixed_ms)),
        ("adaptive", replace(ADAPTIVE, silence_ms=start_ms)),
    ):
        policy, speaker, cut_off = EndOfTurn(settings), "", 0
        for moment in real:
            if moment.speaker != speaker:
                policy.new_conversation()
                speaker = moment.speaker
            cut_off += bench.paused(policy, moment, moment.pause_s) is not None
        answers[name] = Proportion.of(cut_off, len(real)).as_dict()
    return answers


def measure(half: Half = "report", *, bootstraps: int = BOOTSTRAPS) -> dict[str, object]:
    """Everything, as JSON. Raises ``ModelError`` where Smart Turn is not installed."""
    corpus = load(CATEGORIES)
    found = moments(corpus, half)
    bench = Bench(found)
    result: dict[str, object] = {
        "half": half,
        "generated": corpus.generated,
        "recordings": len(bench.speakers),
        "ends": sum(len(ends) for ends, _ in bench.speakers),
        "splits": sum(len(splits) for _, splits in bench.speakers),
    }
    for kind in DISTRIBUTIONS:
        result[kind] = compared(bench, kind, bootstraps=bootstraps)
    result["moments of all recordings alike"] = compared(
        bench, "speakers differ", merged=True, bootstraps=bootstraps
    )
    differ = result["speakers differ"]
    assert isinstance(differ, dict)
    variants = {
        "verdict after 400 ms": Bench(found, check_ms=SLOW_CHECK_MS),
        "without the melody": Bench(found, judged=lambda moment: moment.judged_by_model),
        "without a verdict": Bench(found, check_ms=math.inf),
    }
    for name, variant in variants.items():
        result[name] = compared(variant, "speakers differ", bootstraps=0)
    result["told apart"] = told_apart(found)
    talk = conversations("speakers differ", 4 * CONVERSATIONS, 0)
    result["as shipped"] = {
        "adaptive": bench.run(talk, ADAPTIVE, 1).at(),
        "fixed": bench.run(talk, FIXED, 1).at(),
    }
    result["real pauses"] = real_pauses(
        bench, found, differ["fixed"]["silence_ms"], differ["adaptive"]["silence_ms"]
    )
    result["curves"] = curves(bench, "speakers differ")
    return result


def rows(result: dict[str, object]) -> Iterator[Row]:
    """The table's row; judged by the median, the mean beside it."""
    differ, alike = result["speakers differ"], result["speakers alike"]
    assert isinstance(differ, dict)
    assert isinstance(alike, dict)
    low, high = differ["sooner_median_95"]
    voices = "synthetic" if result["generated"] else "real"
    after_ms, before_ms = differ["adaptive"]["median_ms"], differ["fixed"]["median_ms"]
    yield Row(
        "last word to turn committed, at 5 % of mid-sentence pauses cut off "
        f"({result['ends']} ends and {result['splits']} word boundaries of "
        f"{result['recordings']} {voices} recordings, n = {differ['turns']} turns)",
        "25 % sooner than the best fixed silence",
        f"{100 * differ['sooner_median']:.0f} % (95 %: {100 * low:.0f}-{100 * high:.0f}); "
        f"mean {100 * differ['sooner_mean']:.0f} %; "
        f"median {after_ms:.0f} ms against {before_ms:.0f} ms; speakers alike "
        f"{100 * alike['sooner_median']:.0f} %",
        differ["sooner_median"] >= LEAST_GAIN,
    )
    real = result["real pauses"]
    assert isinstance(real, dict)
    adaptive, fixed = real["adaptive"], real["fixed"]
    yield Row(
        "last word to turn committed: pauses that are real in full length, cut off with the same "
        f"settings (n = {real['pauses']} of {real['recordings']} recordings)",
        REPORTED,
        f"{adaptive['found']} (95 %: {100 * adaptive['low']:.0f}-{100 * adaptive['high']:.0f} %) "
        f"against {fixed['found']} by the fixed silence",
        True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--half", choices=("tune", "report"), default="report")
    parser.add_argument("--bootstraps", type=int, default=BOOTSTRAPS)
    options = parser.parse_args()
    result = measure(options.half, bootstraps=options.bootstraps)
    print(json.dumps(result, indent=2))
    for row in rows(result):
        print(f"{'met   ' if row.met else 'MISSED'}  {row.what}: {row.value}", file=sys.stderr)


if __name__ == "__main__":
    main()
