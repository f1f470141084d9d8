"""A mistake in a codec must make the contract fail: a few of them here, the same each time.

All of them: ``python -m tests.contract.all_mutants``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

from device import events
from device.events import ReplyDone, ReplyStarted
from device.providers.base import Emit, SendFrame
from tests.contract.all_mutants import sample
from tests.contract.cases import CASES
from tests.contract.hunt import EQUIVALENT, Verdict, hunts
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


def test_every_field_of_a_frame_is_renamed_by_a_mutant_of_its_own() -> None:
    frame = SendFrame('{"type":"a","event_id":"e","x":{"y":1},"z":[{"v":1}]}')
    made = [json.loads(out.data) for out in renamed(frame, 4)]
    assert made == [
        {"type": "a", "event_id": "e", "x_": {"y": 1}, "z": [{"v": 1}]},
        {"type": "a", "event_id": "e", "x": {"y_": 1}, "z": [{"v": 1}]},
        {"type": "a", "event_id": "e", "x": {"y": 1}, "z_": [{"v": 1}]},
        {"type": "a", "event_id": "e", "x": {"y": 1}, "z": [{"v_": 1}]},
    ]
    assert list(renamed(frame, 5))[4] == frame, "there are no more"


def renamed(frame: SendFrame, count: int) -> Iterator[SendFrame]:
    for number in range(count):
        (made,) = change(Mutant("renamed", str(number)), frame)
        assert isinstance(made, SendFrame)
        yield made


def why(about: str, what: str = "swap", case: str = "a service") -> str:
    return Verdict(case, Mutant(what, "0"), True, about, "").why_equivalent


def test_what_counts_as_no_mistake_is_no_wider_than_its_reason() -> None:
    assert why("ReplyAudio UsageReported")
    assert not why("ReplyDone UsageReported"), "the meter tells of a turn when its reply is over"
    assert not why("UsageReported ReplyDone")
    assert not why("UsageReported", "drop")
    assert why("UserTranscript ReplyStarted")
    assert not why("UserTranscript ReplyAudio"), "what sounds is not called off any more"
    assert why("UserTranscript ReplyAudio", case="openai_live")
    assert not why("UserTranscript ToolCalled"), "a tool is not run for what was not understood"
    assert not why("LinkOpened SessionResumable"), "nothing comes before a session is open"
    assert not why("ReplyDone ServiceSpeechStarted")
    assert not why("frame", "unsent")


def test_what_counts_as_no_mistake_names_events() -> None:
    names = {name for pair in EQUIVALENT for name in pair.rpartition(": ")[2].split()}
    assert all(name == "*" or hasattr(events, name) for name in names)


def test_kinds_of_frames_are_told_by_what_names_them() -> None:
    assert kind_of(b"\x00") == "binary"
    assert kind_of('{"type":"a","b":1}') == "a"
    assert kind_of('{"event":"start"}') == "start"
    assert kind_of('{"realtimeInput":{"audio":{}}}') == "realtimeInput.audio"
    assert kind_of("[1]") == "text"


def test_there_are_mutants_of_every_kind() -> None:
    assert {mutant.what for mutant in all_mutants()} == {"drop", "swap", "unsent", "renamed"}
