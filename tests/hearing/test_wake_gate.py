from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device.audio.wake import CHUNK_SAMPLES, LateScores, WakeGate, warm_up_noise
from device.events import WakeDetected

CHUNK = 1280


def run(gate: WakeGate, scores: list[float], word: str = "word") -> list[WakeDetected]:
    found = []
    for number, score in enumerate(scores):
        found += gate.update({word: score}, (number + 1) * CHUNK)
    return found


def test_the_first_chunk_at_the_threshold_is_where_the_word_ended() -> None:
    gate = WakeGate(16_000, threshold=0.5)
    assert run(gate, [0.1, 0.5, 0.9]) == [WakeDetected("word", 0.5, 2 * CHUNK)]


def test_patience_reports_later_but_from_the_first_chunk() -> None:
    gate = WakeGate(16_000, threshold=0.5, patience=3)
    assert run(gate, [0.6, 0.4, 0.7, 0.9]) == []
    assert gate.update({"word": 0.8}, 5 * CHUNK) == [WakeDetected("word", 0.9, 3 * CHUNK)]


def test_a_word_that_goes_on_scoring_fires_once() -> None:
    gate = WakeGate(16_000, refractory_s=0.2)
    assert len(run(gate, [0.9] * 100)) == 1


def test_refractory_time_counts_from_the_detection() -> None:
    # 0.4 s = 5 chunks: chunk 1 fires, 2 to 5 are deaf, 6 is not.
    scores = [0.9, 0.0, 0.9, 0.0, 0.9]
    assert [f.at_frame for f in run(WakeGate(16_000, refractory_s=0.4), [*scores, 0.9])] == [
        CHUNK,
        6 * CHUNK,
    ]


def test_frames_are_of_the_given_rate() -> None:
    gate = WakeGate(48_000, refractory_s=0.1)
    assert gate.update({"word": 0.9}, 10_000)
    assert gate.update({"word": 0.0}, 12_000) == []
    assert gate.update({"word": 0.9}, 14_799) == []
    assert gate.update({"word": 0.9}, 14_800)


def test_words_do_not_disturb_each_other() -> None:
    gate = WakeGate(16_000)
    first = gate.update({"a": 0.9, "b": 0.1}, CHUNK)
    second = gate.update({"a": 0.9, "b": 0.8}, 2 * CHUNK)
    assert [f.word for f in first + second] == ["a", "b"]


def test_settings_change_while_it_runs() -> None:
    gate = WakeGate(16_000, threshold=0.9)
    assert run(gate, [0.6]) == []
    gate.tune(threshold=0.5, patience=1, refractory_s=1.5)
    assert gate.update({"word": 0.6}, 2 * CHUNK)


def test_an_engine_that_is_late_means_an_earlier_chunk() -> None:
    for rate_hz in (16_000, 48_000):
        gate, chunk = WakeGate(rate_hz), CHUNK * rate_hz // 16_000
        found = []
        for number, score in enumerate([0.0] * 5 + [0.7, 0.9]):
            found += gate.update(LateScores({"word": score}, 240), (number + 1) * chunk)
        assert found == [WakeDetected("word", 0.7, 3 * chunk)]


def test_no_word_ended_before_the_first_frame() -> None:
    [found] = WakeGate(16_000).update(LateScores({"word": 0.9}, 240), CHUNK)
    assert found.at_frame == 0


def test_reset_ends_the_refractory_time() -> None:
    gate = WakeGate(16_000)
    assert gate.update({"word": 0.9}, CHUNK)
    gate.reset()
    assert gate.update({"word": 0.9}, 2 * CHUNK)


@given(
    scores=st.lists(st.sampled_from([0.0, 0.4, 0.6, 1.0]), max_size=60),
    patience=st.integers(1, 4),
    refractory_chunks=st.integers(0, 6),
)
def test_detections_obey_all_three_settings(
    scores: list[float], patience: int, refractory_chunks: int
) -> None:
    gate = WakeGate(16_000, 0.5, patience, refractory_chunks * 0.08)
    fired_at: list[int] = []
    for number, score in enumerate(scores):
        for event in gate.update({"word": score}, (number + 1) * CHUNK):
            started = event.at_frame // CHUNK - 1
            assert number - started + 1 == patience
            assert all(s >= 0.5 for s in scores[started : number + 1])
            assert event.score == max(scores[started : number + 1])
            if fired_at:
                assert number - fired_at[-1] >= max(refractory_chunks, 1)
                assert min(scores[fired_at[-1] + 1 : number]) < 0.5
            fired_at.append(number)
    if any(
        scores[n : n + patience] and min(scores[n : n + patience]) >= 0.5
        for n in range(len(scores) - patience + 1)
    ):
        assert fired_at


def test_warm_up_noise_is_the_same_each_time_and_faint() -> None:
    noise = warm_up_noise()
    assert len(noise) % CHUNK_SAMPLES == 0
    assert abs(noise.astype(float).std() - 4) < 0.1
    assert (noise == warm_up_noise()).all()
