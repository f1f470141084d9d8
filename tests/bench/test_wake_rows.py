"""The wake rows, the short way: fewer recordings, of both halves alike."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.bench_parts.acoustics.corpus import Corpus
from scripts.bench_parts.acoustics.wake_rows import thinned
from tests.hearing.clips import Clip


@pytest.mark.parametrize(("count", "left"), [(120, 10), (7, 1), (1, 1)])
def test_every_category_keeps_some_recordings_of_the_half_that_is_reported(
    count: int, left: int
) -> None:
    clips = tuple(Clip(f"{n}", "alexa", np.zeros(1, np.int16)) for n in range(count))
    few = thinned(Corpus({"wake_alexa": clips}, generated=False), 6)
    assert len(few.half("wake_alexa", "tune")) == left
    whole = Corpus({"wake_alexa": clips}, generated=False)
    for half in ("tune", "report"):
        names = {clip.name for clip in whole.half("wake_alexa", half)}
        assert {clip.name for clip in few.half("wake_alexa", half)} <= names
    assert bool(few.half("wake_alexa", "report")) is (count > 1)
