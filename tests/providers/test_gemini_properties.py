"""Laws of the Gemini codec, held against arbitrary, broken and reordered messages."""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    ClearInput,
    CommitTurn,
    RequestReply,
    SendToolResult,
    ServiceCommand,
    ShowImage,
    TruncateReply,
)
from device.events import (
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ReplyTranscript,
    ToolCalled,
    TurnCommitted,
)
from device.providers.base import Disconnect, Emit, Said, SendFrame
from tests.providers.driver import events
from tests.providers.gemini_driver import Driver, device_ends, heard, service_ends, sound

REPLIES = tuple(f"reply_{n}" for n in range(1, 6))
CALLS = ("c1", "c2")

leaf = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["AUDIO", "10s", 10**400, 1e308])
)
rubbish = st.recursive(
    leaf,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
yes = st.just(True)
words = st.fixed_dictionaries(
    {"text": st.text(max_size=4)},
    optional={"finished": st.booleans(), "languageCode": st.just("en")},
)
part = st.one_of(
    st.binary(max_size=9).map(lambda pcm: sound(pcm)["parts"][0]),
    st.just({"text": "thinking"}),
    st.just({"inlineData": {"mimeType": "audio/pcm;rate=24000", "data": "?"}}),
)
content_fields: dict[str, st.SearchStrategy[Any]] = {
    "modelTurn": st.fixed_dictionaries({"parts": st.lists(part, max_size=3)}),
    "generationComplete": yes,
    "interrupted": yes,
    "turnComplete": yes,
    "turnCompleteReason": st.just("REJECTED"),
    "inputTranscription": words,
    "outputTranscription": words,
    "interimInputTranscription": words,
}
content = st.fixed_dictionaries({}, optional=content_fields)
call = st.fixed_dictionaries(
    {"name": st.just("help")},
    optional={"id": st.sampled_from(CALLS), "args": st.just({"a": 1}) | rubbish},
)
top: dict[str, st.SearchStrategy[Any]] = {
    "serverContent": content,
    "toolCall": st.fixed_dictionaries({"functionCalls": st.lists(call, max_size=3)}),
    "toolCallCancellation": st.fixed_dictionaries({"ids": st.lists(st.sampled_from(CALLS))}),
    "goAway": st.fixed_dictionaries({"timeLeft": st.sampled_from(["10s", "0.5s", "x"])}),
    "sessionResumptionUpdate": st.fixed_dictionaries(
        {"newHandle": st.text(max_size=4), "resumable": st.booleans()}
    ),
    "usageMetadata": st.fixed_dictionaries(
        {"promptTokenCount": st.integers(), "responseTokenCount": leaf},
        optional={
            "promptTokensDetails": st.lists(
                st.fixed_dictionaries({"modality": leaf, "tokenCount": leaf}), max_size=2
            )
        },
    ),
    "setupComplete": st.just({}),
    "voiceActivity": st.just({}),
}
sane = st.one_of(*(value.map(lambda v, n=name: {n: v}) for name, value in top.items()))
several = st.fixed_dictionaries({}, optional=top)
mutated = st.one_of(
    st.dictionaries(st.sampled_from([*top, "somethingNew"]), rubbish, max_size=3),
    st.dictionaries(st.sampled_from([*content_fields]), rubbish, max_size=4).map(
        lambda fields: {"serverContent": fields}
    ),
)
messages = (content.map(lambda c: {"serverContent": c}) | sane | several | mutated | rubbish).map(
    json.dumps
)
cut_off = st.tuples(messages, st.integers(1, 60)).map(lambda pair: pair[0][: -pair[1]])
ids = st.sampled_from(REPLIES)
commands: st.SearchStrategy[ServiceCommand] = st.one_of(
    st.sampled_from([b"", b"\x01\x00", bytes(32000)]).map(AppendAudio),
    st.sampled_from([CommitTurn(), ClearInput(), AbandonTurn(), RequestReply("say")]),
    st.sampled_from(["data:image/jpeg;base64,AAAA", "data:"]).map(ShowImage),
    ids.map(CancelReply),
    st.builds(TruncateReply, ids, st.integers(-5, 5000)),
    st.sampled_from([*CALLS, "call_1"]).map(lambda call: SendToolResult(call, "{}")),
)
steps = st.lists(messages | cut_off | st.binary(max_size=20) | commands | st.floats(0, 20))


def play(driver: Driver, step: Any) -> list[Any]:
    if isinstance(step, str | bytes):
        return driver.raw(step)
    return driver.wait(step) if isinstance(step, float) else driver.command(step)


@given(steps, st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=200)
def test_laws_that_hold_whatever_happens(
    script: list[Any], through_hand_shake: bool, device_ends_turn: bool, has_history: bool
) -> None:
    history = (Said("user", "hello"),) if has_history else ()
    driver = Driver(device_ends_turn=device_ends_turn, history=history).connect()
    if through_hand_shake:
        driver.says(setupComplete={})
    begun: set[str] = set()
    cancelled: set[str] = set()
    under_way = ""
    calls: Counter[str] = Counter()
    for step in script:
        outputs = play(driver, step)
        if isinstance(step, float):  # a deadline that stays in the past would be met for ever
            assert driver.codec.deadline is None or driver.codec.deadline > driver.now
        for event in events(outputs):
            match event:
                case ReplyStarted(reply_id):
                    assert not under_way
                    under_way = reply_id
                case ReplyDone(reply_id):
                    assert under_way == reply_id
                    under_way = ""
                case ReplyAudio(reply_id, _, pcm):
                    assert pcm
                    assert len(pcm) % 2 == 0
                    assert under_way == reply_id
                case ReplyTranscript(reply_id) | ReplyInterrupted(reply_id):
                    assert under_way == reply_id
                case ToolCalled(reply_id, call_id):
                    assert under_way == reply_id
                    calls[call_id] += 1
                case _:
                    pass
            if isinstance(event, ReplyAudio | ReplyTranscript | ToolCalled):
                assert event.reply_id not in cancelled
            if isinstance(event, ReplyStarted):
                begun.add(event.reply_id)
        if isinstance(step, CancelReply) and step.reply_id in begun:
            cancelled.add(step.reply_id)
            assert under_way != step.reply_id
    assert all(count == 1 for count in calls.values())
    assert sum(isinstance(o, Disconnect) for o in driver.outputs) <= 1
    assert sum(isinstance(e, LinkOpened) for e in events(driver.outputs)) <= 1
    activity = 0
    for output in driver.outputs:
        if not isinstance(output, SendFrame):
            continue
        frame = json.loads(output.data)
        assert len(frame) == 1
        json.dumps(frame, allow_nan=False)
        said = frame.get("realtimeInput", {})
        activity += ("activityStart" in said) - ("activityEnd" in said)
        assert activity in (0, 1)
        assert not (device_ends_turn and "audio" in said) or activity == 1
    if any(isinstance(o, Disconnect) for o in driver.outputs):
        assert driver.command(AppendAudio(b"\0\0")) == []


@given(steps)
@settings(max_examples=150)
def test_no_reply_to_speech_comes_before_word_that_it_was_taken(script: list[Any]) -> None:
    """The service ends the turns. A reply to speech begins only behind its TurnCommitted; what
    follows tool results, and what is said before any speech, is not about speech."""
    driver = service_ends()
    spoken = owed = False
    for step in script:
        if isinstance(step, AppendAudio) and step.pcm:
            spoken = True
        for event in events(play(driver, step)):
            if isinstance(event, TurnCommitted):
                assert spoken
                owed = True
            elif isinstance(event, ToolCalled):
                owed = True
            elif isinstance(event, ReplyStarted):
                assert owed or not spoken
                owed = False


class Service:
    """Behaves as documented, with its words on a line that may be slow. A reply is its turn's
    number, over and over. ``late``: pieces of what was interrupted come behind that mark."""

    def __init__(self, late: int = 0) -> None:
        self._late = late
        self.said: list[dict[str, Any]] = []
        self._turn = 0
        self._generating = self._playing = False

    def hears(self, frame: dict[str, Any], number: int) -> None:
        """``number``: of the turn that is spoken."""
        said = frame.get("realtimeInput", {})
        if "activityStart" in said and (self._generating or self._playing):
            pieces = self._late if self._generating else 0
            self._generating = self._playing = False
            late = {"modelTurn": sound(bytes([self._turn % 256, 0]))}
            self.said += [{"interrupted": True}, *[late] * pieces, {"turnComplete": True}]
        if "activityEnd" in said:
            self._turn, self._generating = number, True

    def works(self) -> None:
        if self._generating:
            pcm = bytes([self._turn % 256, 0])
            self._playing = True
            self.said.append({"modelTurn": sound(pcm)})

    def finishes(self) -> None:
        if self._generating and self._playing:
            self._generating = False
            self.said.append({"generationComplete": True})

    def has_played(self) -> None:
        if self._playing and not self._generating:
            self._playing = False
            self.said.append({"turnComplete": True})


ACTS = ["say", "commit", "abandon", "cancel", "work", "work", "finish", "play", "hear", "hear"]


@given(st.lists(st.sampled_from(ACTS), max_size=80), st.integers(0, 2))
@settings(max_examples=200)
def test_in_every_order_only_the_answer_to_the_last_turn_is_heard(
    acts: list[str], late: int
) -> None:
    """The device ends the turns, as the core does it: a turn begins only when the reply under
    way was cancelled. The line may be slower than a person's next turn."""
    driver, service = device_ends(), Service(late)
    turn, waits, under_way = 0, False, ""
    speaking = False

    def sends(outputs: list[Any]) -> None:
        for output in outputs:
            if isinstance(output, SendFrame):
                service.hears(json.loads(output.data), turn)

    def hears() -> None:
        nonlocal waits, under_way
        if not service.said:
            return
        outputs = driver.content(**service.said.pop(0))
        sends(outputs)
        for output in outputs:
            match output:
                case Emit(ReplyStarted(reply_id)):
                    assert waits
                    waits, under_way = False, reply_id
                case Emit(ReplyAudio(_, _, pcm)):
                    assert pcm[0] == turn % 256
                case Emit(ReplyDone()):
                    under_way = ""
                case _:
                    pass

    def gives_up(*, and_turn: bool) -> None:
        nonlocal waits, under_way, speaking
        if and_turn:
            sends(driver.command(AbandonTurn()))
            waits = speaking = False
        if under_way:
            sends(driver.command(CancelReply(under_way)))
            under_way = ""

    for act in acts:
        match act:
            case "say":
                if not speaking:
                    gives_up(and_turn=waits)
                    turn += 1
                speaking = True
                sends(driver.command(AppendAudio(bytes(3200))))
            case "commit" if speaking:
                speaking, waits = False, True
                sends(driver.command(CommitTurn()))
            case "abandon":
                gives_up(and_turn=waits or speaking)
            case "cancel":
                gives_up(and_turn=False)
            case "work":
                service.works()
            case "finish":
                service.finishes()
            case "play":
                service.has_played()
            case "hear":
                hears()
            case _:
                pass
    if waits:
        service.works()
        while service.said:
            hears()
        assert not waits  # it came


@given(st.lists(st.binary(min_size=1, max_size=500), max_size=20), st.integers(0, 20))
def test_every_byte_of_the_person_goes_out_in_order(pieces: list[bytes], opened_after: int) -> None:
    driver = Driver(device_ends_turn=True).connect()
    for index, piece in enumerate(pieces):
        if index == opened_after:
            driver.says(setupComplete={})
        driver.command(AppendAudio(piece))
    driver.says(setupComplete={})
    sent = b""
    for output in driver.outputs:
        if isinstance(output, SendFrame):
            said = json.loads(output.data).get("realtimeInput", {})
            sent += base64.b64decode(said.get("audio", {}).get("data", ""))
    assert sent == b"".join(pieces)


@given(st.lists(st.binary(max_size=700), max_size=20))
def test_audio_out_is_audio_in(pieces: list[bytes]) -> None:
    driver = device_ends()
    driver.speaks()
    for piece in pieces:
        driver.audio(piece)
    sent = b"".join(pieces)
    assert heard(driver.outputs) == sent[: len(sent) - len(sent) % 2]
