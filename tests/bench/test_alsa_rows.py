"""The run over ALSA: when the reply became softer is found in the recording of the speaker."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.bench_parts.acoustics.alsa_rows import DUCKED_DB, ROOM_HZ, STEP_S, gain_db
from tests.array.sounds import babble

ANSWER_S = 8.0
LAG_S = 0.2  #: from coming to sounding


def at(seconds: float) -> int:
    return round(seconds * ROOM_HZ)


def answer() -> np.ndarray:
    """With a pause at its third second."""
    said = babble(ANSWER_S, 3000.0, 5, ROOM_HZ).copy()
    said[at(3.0) : at(3.4)] = 0
    return said


def run(times: list[tuple[float, float]], ducked_at: float, db: float) -> tuple[np.ndarray, ...]:
    """(speaker, what was sent): the same answer at each of ``times``, of which so much came;
    from ``ducked_at`` on the speaker is ``db`` softer."""
    sent, speaker = np.zeros(at(40.0)), np.zeros(at(40.0))
    for came, lasts in times:
        said = answer()[: at(lasts)]
        sent[at(came) : at(came) + len(said)] = said
        speaker[at(came + LAG_S) : at(came + LAG_S) + len(said)] = said * 0.4
    speaker[at(ducked_at) :] *= 10 ** (db / 20)
    return speaker, sent


@pytest.mark.parametrize("onset", [13.9, 13.3, 13.65, 15.0])
def test_the_reply_is_found_though_others_with_the_same_words_were_cut(onset: float) -> None:
    """In a pause, behind one, and where the answers before it had ended already."""
    ducked_at = onset + 0.08
    times = [(1.0, 4.0), (10.0, ANSWER_S), (20.0, 5.0), (30.0, 4.0)]
    speaker, sent = run(times, ducked_at, -18.0)
    gains = gain_db(speaker, sent, onset, 10.0 + LAG_S)
    low = np.flatnonzero(gains <= -DUCKED_DB)
    assert len(low), "it was measured"
    sounds = np.flatnonzero(np.isfinite(gains) & (np.arange(len(gains)) * STEP_S >= 0.08))
    assert low[0] == pytest.approx(sounds[0], abs=1)
    assert np.nanmedian(gains[low[0] + 1 :]) == pytest.approx(-18.0, abs=0.5)


def test_a_reply_that_was_not_softened_shows_none() -> None:
    speaker, sent = run([(1.0, ANSWER_S), (10.0, ANSWER_S)], 40.0, -18.0)
    gains = gain_db(speaker, sent, 14.2, 10.0 + LAG_S)
    assert np.nanmin(gains) > -1.0


def test_a_sound_that_is_not_the_reply_is_not_measured() -> None:
    speaker, sent = run([(10.0, ANSWER_S)], 40.0, -18.0)
    other = np.random.default_rng(1).normal(0, 800.0, len(speaker))
    assert len(gain_db(other, sent, 14.2, 10.0 + LAG_S)) == 0
