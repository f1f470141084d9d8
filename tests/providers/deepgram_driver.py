"""Plays the link and the service for the Deepgram codec: a clock that is told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from device.commands import AppendAudio, ClearInput, CommitTurn, ServiceCommand
from device.events import Event
from device.providers.base import AskFence, Emit, Output, SendFrame, SessionSpec
from device.providers.deepgram import DeepgramVoiceAgent

URL = "wss://agent.deepgram.com/v1/agent/converse"
KEY = "dg-secret-of-the-test"
PCM = bytes(range(1, 241)) * 4
AUDIO = AppendAudio(PCM)


class Driver:
    """Collects everything that the codec puts out."""

    def __init__(self, **spec: Any) -> None:
        self.codec = DeepgramVoiceAgent(SessionSpec(**{"url": URL, "key": KEY, **spec}))
        self.now = 100.0
        self.outputs: list[Output] = []
        self._passed = 0

    def take(self, outputs: Sequence[Output]) -> list[Output]:
        self.outputs += outputs
        return list(outputs)

    def ready(self) -> Driver:
        self.take(self.codec.start(self.now))
        self.take(self.codec.opened(self.now))
        self.says("Welcome", request_id="req_1")
        self.says("SettingsApplied")
        return self

    def says(self, kind: str, **fields: Any) -> list[Output]:
        return self.raw(json.dumps({"type": kind, **fields}))

    def raw(self, data: str | bytes) -> list[Output]:
        return self.take(self.codec.received(data, self.now))

    def does(self, *commands: ServiceCommand) -> list[Output]:
        done = [o for c in commands for o in self.codec.command(c, self.now)]
        return self.take(done)

    def fences_pass(self) -> None:
        asked = [o.token for o in self.outputs if isinstance(o, AskFence)]
        for token in asked[self._passed :]:
            assert self.take(self.codec.fence_passed(token, self.now)) == []
        self._passed = len(asked)

    def waits(self, seconds: float) -> list[Output]:
        """Time passes, with every deadline on its way."""
        done: list[Output] = []
        until = self.now + seconds
        while self.codec.deadline is not None and self.codec.deadline <= until:
            self.now = max(self.now, self.codec.deadline)
            done += self.take(self.codec.timeout(self.now))
        self.now = until
        return done

    # --- a service that speaks ---------------------------------------------------------

    def user_speaks(self) -> list[Output]:
        return self.says("UserStartedSpeaking")

    def understood(self, text: str = "what time is it") -> list[Output]:
        return self.says("ConversationText", role="user", content=text)

    def answers(self, text: str = "It is noon.", sound: bytes = PCM) -> list[Output]:
        """Words and the first sound of a reply."""
        first = self.says("ConversationText", role="assistant", content=text)
        return [*first, *self.raw(sound)]

    def asks(self, *calls: tuple[str, str], client_side: object = True) -> list[Output]:
        functions = [
            {"id": i, "name": name, "arguments": "{}", "client_side": client_side}
            for i, name in calls
        ]
        return self.says("FunctionCallRequest", functions=functions)

    def done(self) -> list[Output]:
        return self.says("AgentAudioDone")

    # --- turns -------------------------------------------------------------------------------

    def turn(self) -> list[Output]:
        """Said, ended by whom it is up to, and understood."""
        self.does(AUDIO)
        done = self.user_speaks()
        if self.codec._spec.device_ends_turn:
            done += self.does(CommitTurn())
        return [*done, *self.understood()]

    def reply_under_way(self) -> str:
        self.turn()
        self.does(ClearInput())
        self.answers()
        return "reply_1"


def device_ends(**spec: Any) -> Driver:
    return Driver(device_ends_turn=True, **spec).ready()


def service_ends(**spec: Any) -> Driver:
    return Driver(**spec).ready()


def sent(outputs: Sequence[Output]) -> list[dict[str, Any]]:
    """The JSON frames among ``outputs``."""
    found = (o.data for o in outputs if isinstance(o, SendFrame))
    return [json.loads(data) for data in found if isinstance(data, str)]


def kinds(outputs: Sequence[Output]) -> list[str]:
    return [frame["type"] for frame in sent(outputs)]


def sound(outputs: Sequence[Output]) -> bytes:
    """What was sent in binary frames."""
    found = (o.data for o in outputs if isinstance(o, SendFrame))
    return b"".join(data for data in found if isinstance(data, bytes))


def events(outputs: Sequence[Output]) -> list[Event]:
    return [o.event for o in outputs if isinstance(o, Emit)]


def names(outputs: Sequence[Output]) -> list[str]:
    return [type(event).__name__ for event in events(outputs)]
