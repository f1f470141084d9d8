"""A conversation on tape is said again, and what it costs and holds is measured."""

from __future__ import annotations

from typing import Any

import pytest

from device.providers.openai_realtime import OpenAIRealtime
from scripts.bench_parts.services import codec_part, footprint, memory_part, sizes
from scripts.bench_parts.services.replay import Replay
from scripts.bench_parts.services.tape import Tape
from tests.bench.services_tape import PIECES, SOUND, tape


def test_a_part_is_answered_as_on_the_tape_each_time_it_is_said() -> None:
    one = tape()
    replay = Replay(one)
    for number in range(5):
        replay.play(one.part("duplex"), number)
    assert (replay.replies, replay.odd, replay.ended) == (5, 0, None)


def test_each_time_the_service_gives_other_names() -> None:
    one = tape()
    replay = Replay(one)
    said = []
    for number in range(2):
        said += [what[0] for step, what in replay.steps(one.part("duplex"), number)]
    created = [data for data in said if isinstance(data, str) and "response.created" in data]
    assert '"resp_1.0"' in created[0]
    assert '"resp_1.1"' in created[1]


def test_a_codec_that_drops_an_event_is_not_as_on_the_tape(monkeypatch: pytest.MonkeyPatch) -> None:
    one = tape()
    received = OpenAIRealtime.received

    def deaf(self: OpenAIRealtime, data: str | bytes, now: float) -> Any:
        return [] if "response.done" in str(data) else received(self, data, now)

    monkeypatch.setattr(OpenAIRealtime, "received", deaf)
    replay = Replay(one)
    replay.play(one.part("duplex"), 0)
    assert (replay.replies, replay.odd) == (0, 1)


def test_a_tape_that_was_kept_is_the_same_one(tmp_path: Any) -> None:
    tape().save(tmp_path / "tape")
    assert Tape.load(tmp_path / "tape") == tape()


def test_the_cost_is_that_of_what_was_heard_and_said() -> None:
    found = codec_part.measured(tape(), 2, 3)
    assert found["chunks"] == 2 * (PIECES + 1)
    assert found["decoded"] == 3
    assert found["heard_whole"]
    assert found["message_bytes"] > 64_000
    assert 0 < found["encode_ms"] < found["decode_ms"]
    assert found["percent"] == pytest.approx(found["up_percent"] + found["down_percent"], rel=0.5)


def test_a_codec_that_tells_no_sound_has_no_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    one = tape()
    monkeypatch.setattr(sizes, "sound_of", lambda outputs: len(SOUND) * isinstance(outputs, tuple))
    with pytest.raises(RuntimeError, match="0 bytes heard"):
        codec_part.measured(one, 1, 1)


def test_a_codec_that_keeps_what_it_heard_is_seen_to_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = memory_part.measured(tape(), 40)
    received = OpenAIRealtime.received

    def hoards(self: Any, data: str | bytes, now: float) -> Any:
        self._unknown.add(f"{now} {data!r}")
        return received(self, data, now)

    monkeypatch.setattr(OpenAIRealtime, "received", hoards)
    grown = memory_part.measured(tape(), 40)
    assert grown["held_growth_bytes"] > kept["held_growth_bytes"] + 30 * len(SOUND)
    assert (kept["replies"], kept["replies_on_tape"], kept["sessions"]) == (40, 40, 1)


def test_all_that_an_object_holds_is_counted_once() -> None:
    inner = bytearray(10_000)
    one, kinds = footprint.reachable({"a": inner, "b": [inner, inner]})
    assert 10_000 < one < 12_000
    assert kinds["bytearray"] == 1


def test_the_fitted_line_has_the_slope_of_the_points() -> None:
    assert footprint.slope([(0, 5.0), (1, 7.0), (2, 9.0)]) == pytest.approx(2.0)
