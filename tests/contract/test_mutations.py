"""A mistake in a codec must make the contract fail: a few of them here, the same each time.

All of them: ``python -m tests.contract.all_mutants``.
"""

from __future__ import annotations

import asyncio
import json

from device.events import ReplyDone, ReplyStarted
from device.providers.base import Emit, SendFrame
from tests.contract.all_mutants import sample
from tests.contract.cases import CASES
from tests.contract.hunt import hunts
from tests.contract.mutants import Mutant, Mutation, all_mutants, kind_of

OF_EACH = 5
SEED = "1"


def test_a_mistake_in_a_codec_is_noticed() -> None:
    verdicts = asyncio.run(hunts(sample(CASES, OF_EACH, SEED)))
    assert not [str(one) for one in verdicts if not one.is_right]
    assert sum(bool(one.killed_by) for one in verdicts) >= len(CASES)


def change(mutant: Mutant, *outputs: Emit | SendFrame) -> list[object]:
    """What a mutant makes of a codec's outputs."""

    class Fixed:
        def start(self, now: float) -> list[Emit | SendFrame]:
            return list(outputs)

    return list(Mutation(mutant).wrap(Fixed()).start(0.0))  # type: ignore[arg-type]


def test_mutants_make_the_mistake_that_they_are_named_for() -> None:
    began, done = Emit(ReplyStarted("r")), Emit(ReplyDone("r", "completed"))
    assert change(Mutant("drop", "ReplyDone"), began, done) == [began]
    assert change(Mutant("swap", "0"), began, done, began, done)[-2:] == [done, began]
    frame, other = SendFrame('{"type":"a","x":{"y":1}}'), SendFrame(b"sound")
    assert change(Mutant("unsent", "0"), frame, other) == [other]
    assert change(Mutant("unsent", "1"), frame, other) == [frame]
    (renamed,) = change(Mutant("renamed", "0"), frame)
    assert isinstance(renamed, SendFrame)
    fields = json.loads(renamed.data)
    assert fields["type"] == "a"
    assert "x_" in fields or "y_" in fields["x"]
    assert change(Mutant("renamed", "1"), frame) == [frame]


def test_kinds_of_frames_are_told_by_what_names_them() -> None:
    assert kind_of(b"\x00") == "binary"
    assert kind_of('{"type":"a","b":1}') == "a"
    assert kind_of('{"event":"start"}') == "start"
    assert kind_of('{"realtimeInput":{"audio":{}}}') == "realtimeInput.audio"
    assert kind_of("[1]") == "text"


def test_there_are_mutants_of_every_kind() -> None:
    assert {mutant.what for mutant in all_mutants()} == {"drop", "swap", "unsent", "renamed"}
