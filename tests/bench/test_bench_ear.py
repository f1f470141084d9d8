"""The bench's ear: every frame once, reports as the playback thread makes them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from device.audio.cancelling.far_end import FarEndReports, Played
from device.events import Event
from device.ports import Samples
from device.settings import AudioSettings, Settings
from scripts.bench_parts.acoustics import ear, music
from scripts.bench_parts.acoustics.corpus import Corpus

RATE_HZ = 16_000
PLAYBACK_HZ = 48_000
CHUNK = RATE_HZ * 80 // 1000


class FakeHearing:
    """Wants the next 80 ms; keeps what it is handed, and the reports of that moment."""

    def __init__(self, reports: FarEndReports) -> None:
        self.wanted_frame = CHUNK
        self.calls: list[tuple[int, Samples]] = []
        self.observed: list[int] = []
        self.reports: list[Played] = []
        self.told_by: list[int] = []  # stream frames, at each period
        self._waiting = reports

    def observe(self, end_frame: int, at: float) -> None:
        assert at == pytest.approx(ear.BOOT_S + end_frame / RATE_HZ)
        self.observed.append(end_frame)
        self.reports += [one for one in self._waiting.take() if isinstance(one, Played)]
        self.told_by += [one.position for one in self.reports[-1:]]

    def process(self, first_frame: int, samples: Samples) -> list[Event]:
        self.calls.append((first_frame, samples))
        self.wanted_frame = first_frame + len(samples) + CHUNK
        return []


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> tuple[ear.BenchEar, FakeHearing]:
    made: list[FakeHearing] = []

    def make(_settings: Settings, _rate_hz: int, reports: FarEndReports) -> Any:
        made.append(FakeHearing(reports))
        return made[0]

    monkeypatch.setattr(ear, "make_hearing", make)
    audio = AudioSettings(capture_rate_hz=RATE_HZ, playback_rate_hz=PLAYBACK_HZ)
    return ear.BenchEar(Settings(audio=audio)), made[0]


def test_every_whole_period_is_heard_once_in_the_pieces_that_are_wanted(
    heard: tuple[ear.BenchEar, FakeHearing],
) -> None:
    bench, hearing = heard
    near = np.arange(5 * CHUNK // 2 + 7, dtype=np.int16)
    assert list(bench.hear(near)) == []
    assert [(first, len(samples)) for first, samples in hearing.calls] == [
        (0, CHUNK),
        (CHUNK, CHUNK),
        (2 * CHUNK, CHUNK // 2),
    ]
    together = np.concatenate([samples[:, 0] for _, samples in hearing.calls])
    assert np.array_equal(together, near[: len(together)])
    assert hearing.observed == list(range(160, 5 * CHUNK // 2 + 1, 160))


def test_what_is_played_is_told_40_ms_before_it_sounds(
    heard: tuple[ear.BenchEar, FakeHearing],
) -> None:
    bench, hearing = heard
    list(bench.hear(np.zeros(CHUNK, np.int16), np.ones(3 * CHUNK, np.int16)))
    assert [one.position for one in hearing.reports] == list(range(480, 3 * CHUNK + 1, 480))
    assert {one.run for one in hearing.reports} == {1}
    assert hearing.told_by[:2] == [480 + 4 * 480, 960 + 4 * 480]
    for one in hearing.reports:
        assert one.leaves_at == pytest.approx(ear.BOOT_S + one.position / PLAYBACK_HZ)


def test_playback_runs_on_from_call_to_call_until_nothing_is_played(
    heard: tuple[ear.BenchEar, FakeHearing],
) -> None:
    bench, hearing = heard
    near, played = np.zeros(CHUNK, np.int16), np.ones(3 * CHUNK, np.int16)
    list(bench.hear(near, played))
    list(bench.hear(near, played))
    list(bench.hear(near))
    list(bench.hear(near, played))
    last = {one.run: one for one in hearing.reports}
    assert [(run, one.position) for run, one in last.items()] == [(1, 6 * CHUNK), (2, 3 * CHUNK)]
    assert last[2].leaves_at == pytest.approx(ear.BOOT_S + 4 * CHUNK / RATE_HZ)


def test_music_is_the_same_for_a_seed_and_as_long_as_asked() -> None:
    corpus = Corpus({}, generated=True)
    tune = music.music(1.5, corpus, seed=1)
    assert len(tune) == 24_000
    assert np.array_equal(tune, music.music(1.5, corpus, seed=1))
    assert not np.array_equal(tune, music.music(1.5, corpus, seed=2))
    assert 10_000 < np.abs(tune.astype(np.int32)).max() < 30_000
