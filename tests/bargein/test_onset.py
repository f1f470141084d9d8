"""The first sign of somebody over a reply: levels in, "this stands out" out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from device.audio.onset import DOUBT_S, EchoLevels, NoiseFloor, Onset

NOISE_DB = -75.0


def levels(
    microphone_db: float = -25.0,
    linear_db: float | None = -62.0,
    residual_db: float | None = -70.0,
    *,
    certain: bool = True,
) -> EchoLevels:
    return EchoLevels(microphone_db, linear_db, residual_db, certain)


def after_a_reply(seconds: float = 20.0, seed: int = 1) -> Onset:
    """Has heard a reply's echo, from which the filter leaves some 37 dB less."""
    onset, random = Onset(), np.random.default_rng(seed)
    for _ in range(round(seconds * 100)):
        microphone = random.uniform(-35, -20)
        linear = microphone - 37 + random.uniform(-4, 4)
        onset.update(NOISE_DB + random.uniform(-2, 2), levels(microphone, linear))
    return onset


def blocks_until(onset: Onset, blocks: Iterable[tuple[float, EchoLevels]]) -> int | None:
    for number, (level_db, echo) in enumerate(blocks, 1):
        if onset.update(level_db, echo):
            return number
    return None


def test_a_person_behind_the_canceller_is_noticed_within_20_ms() -> None:
    assert blocks_until(after_a_reply(), [(-35.0, levels())] * 5) == 2


def test_a_person_whom_the_suppressor_still_holds_back_is_seen_behind_the_filter() -> None:
    held_back = [(NOISE_DB, levels(linear_db=-33.0))] * 5
    assert blocks_until(after_a_reply(), held_back) == 2


def test_the_echo_itself_is_no_onset() -> None:
    onset, random = after_a_reply(), np.random.default_rng(7)
    for _ in range(3000):
        microphone = random.uniform(-35, -20)
        linear = microphone - 37 + random.uniform(-4, 4)
        assert not onset.update(NOISE_DB + random.uniform(-2, 2), levels(microphone, linear))


def test_one_block_alone_is_a_click() -> None:
    assert blocks_until(after_a_reply(), [(-30.0, levels()), (NOISE_DB, levels())] * 5) is None


def test_what_the_canceller_says_it_leaves_is_no_onset() -> None:
    left = [(-50.0, levels(residual_db=-50.0))] * 20
    assert blocks_until(after_a_reply(), left) is None


def test_an_unconverged_canceller_is_believed_less() -> None:
    soft = -25.0 - 30.0 + 8.0
    sure = [(soft, levels(linear_db=None, residual_db=None))] * 10
    unsure = [(soft, levels(linear_db=None, residual_db=None, certain=False))] * 10
    assert blocks_until(after_a_reply(), sure) is not None
    assert blocks_until(after_a_reply(), unsure) is None


def test_onsets_that_were_nobody_ask_for_more_next_time_and_are_forgotten() -> None:
    soft = [(-25.0 - 30.0 + 9.0, levels(linear_db=None, residual_db=None))] * 10
    onset = after_a_reply()
    for _ in range(3):
        onset.was_nobody()
    assert blocks_until(onset, soft) is None
    quiet = [(NOISE_DB, levels())] * round(3 * DOUBT_S * 100)
    assert blocks_until(onset, quiet) is None
    assert blocks_until(onset, soft) is not None


def test_somebody_who_talks_for_long_does_not_raise_what_the_filter_is_thought_to_leave() -> None:
    onset = after_a_reply()
    for _ in range(3000):
        onset.update(-35.0, levels(linear_db=-30.0), speech=True)
    for _ in range(100):
        onset.update(NOISE_DB, levels())
    held_back = [(NOISE_DB, levels(linear_db=-33.0))] * 5
    assert blocks_until(onset, held_back) == 2


def test_the_floor_is_the_rooms_noise_whoever_speaks() -> None:
    floor, random = NoiseFloor(), np.random.default_rng(2)
    for block in range(1000):
        speaks = block % 60 < 45
        floor.update((-30.0 if speaks else -60.0) + random.uniform(-2, 2))
    assert -64.0 < floor.db < -56.0


def test_a_room_that_becomes_louder_is_a_new_floor_after_two_seconds() -> None:
    floor = NoiseFloor()
    for level_db in (*[-75.0] * 500, *[-50.0] * 260):
        floor.update(level_db)
    assert -51.0 < floor.db < -45.0


def test_nothing_is_said_before_the_noise_is_known() -> None:
    assert blocks_until(Onset(), [(-20.0, levels())] * 9) is None
