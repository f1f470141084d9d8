"""What the bench counts of barge-in: onsets, reactions, and the words for them."""

from __future__ import annotations

import numpy as np
import pytest

from device.core.bargein import Act
from scripts.bench_parts.acoustics.bargein_rows import histogram, own
from scripts.bench_parts.acoustics.duplex_rows import outcome, television, turned_away
from scripts.bench_parts.acoustics.overlap import sound
from scripts.bench_parts.acoustics.overlap_run import (
    CUT_MS,
    DUCKED_MS,
    Reaction,
    Scene,
    Trial,
    reactions,
    verdicts,
)
from tests.bargein.sounds import RATE_HZ, STEP_MS, spoken

ONSET_S = 20.0


def a_scene(said_ms: int, then_quiet_ms: int = 512) -> Scene:
    """Somebody speaks after 20 s; the ear tells of it 32 ms later than it happens."""
    begin = round(ONSET_S * RATE_HZ)
    end = begin + said_ms * RATE_HZ // 1000
    news = tuple(
        (begin + (number + 1) * STEP_MS * RATE_HZ // 1000, one)
        for number, one in enumerate(spoken(said_ms, then_quiet_ms, since_frame=begin))
    )
    return Scene((Trial("somebody", 0.0, begin, end),), news, 30.0)


def test_an_onset_is_found_where_the_sound_begins_and_not_in_the_noise_before() -> None:
    random = np.random.default_rng(1)
    noise = random.standard_normal(2 * RATE_HZ) * 20
    voice = random.standard_normal(RATE_HZ) * 3000
    noise[RATE_HZ // 2 : RATE_HZ // 2 + RATE_HZ] += voice
    noise[RATE_HZ // 4] += 20_000  # a click
    one = sound("voice", noise.astype(np.int16))
    assert one.onset == RATE_HZ // 10  # what lies before is cut to 100 ms
    assert abs(one.end - one.onset - RATE_HZ) <= RATE_HZ // 100


def test_a_sentence_is_ducked_first_and_cut_later_with_the_fixed_times_on_top() -> None:
    [found] = reactions(a_scene(2000), "normal")
    assert found.duck_ms == pytest.approx(STEP_MS + DUCKED_MS)
    assert found.cut_ms is not None
    assert 632 <= found.cut_ms - CUT_MS <= 632 + 2 * STEP_MS
    assert found.up_ms is None


def test_an_acknowledgement_is_not_cut_and_comes_up_again() -> None:
    [found] = reactions(a_scene(400), "normal")
    assert found.cut_ms is None
    assert found.up_ms is not None
    assert 400 < found.up_ms - DUCKED_MS < 400 + 400


def test_a_reply_that_nobody_lets_up_comes_up_by_itself() -> None:
    acts = verdicts(a_scene(320, then_quiet_ms=0).news, "normal")
    assert [act for _, act in acts] == [Act.DUCK]
    later = (*a_scene(320, then_quiet_ms=0).news, (25 * RATE_HZ, spoken(0)[0]))
    assert [act for _, act in verdicts(later, "normal")][:2] == [Act.DUCK, Act.RESTORE]


def test_what_the_own_reply_does_to_itself_is_counted_by_the_minute() -> None:
    counted = own(a_scene(2000), "normal")
    assert counted["cuts"] == 1
    assert counted["ducks_a_minute"] == pytest.approx(3.0)
    assert counted["cuts_in_first_10_s"] == 0


def test_the_three_words_are_told_apart() -> None:
    trial = Trial("somebody", 0.0, 0, RATE_HZ // 2)
    found = [
        Reaction(trial, 70.0, 650.0, None),
        Reaction(trial, 70.0, None, 900.0),
        Reaction(trial, None, None, None),
        Reaction(trial, 70.0, None, None),
    ]
    told = outcome(found)
    assert [told[word]["found"] for word in ("responded", "resumed", "uncertain")] == [1, 2, 1]  # type: ignore[index]
    assert told["stop_latency_ms"] == {"n": 1, "p50": 650.0, "p90": 650.0}
    assert told["response_latency_ms"] == {"n": 1, "p50": 400.0, "p90": 400.0}


def test_the_histogram_holds_every_reaction() -> None:
    trial = Trial("somebody", 0.0, 0, RATE_HZ)
    made = histogram([Reaction(trial, 70.0, 650.0, None), Reaction(trial, -5.0, None, 900.0)])
    assert sum(made["ducked"]) == 2
    assert sum(made["cut"]) == 1
    assert len(made["edges"]) == len(made["cut"]) + 1


def test_a_television_is_dull_and_who_turns_away_is_a_little() -> None:
    hiss = np.random.default_rng(2).standard_normal(RATE_HZ)
    high = np.fft.rfftfreq(RATE_HZ, 1 / RATE_HZ) > 4500

    def above(made: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        power = np.abs(np.fft.rfft(made)) ** 2
        return float(10 * np.log10(power[high].sum() / power[~high].sum()))

    assert above(television(hiss)) < -40
    assert above(hiss) - 8 < above(turned_away(hiss)) < above(hiss) - 2
