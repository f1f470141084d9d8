"""Any interleaving of a person, the device, a slow line and the service."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from device.commands import AppendAudio, ClearInput
from device.events import (
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ServiceSpeechStarted,
    ServiceTrouble,
    TurnCommitted,
    UserTranscript,
)
from device.providers.base import AskFence
from device.providers.openai_barrier import CLEARED_AT_LAST_S
from tests.providers.driver import Driver, events

BUFFER = "input_audio_buffer"
TRANSCRIPT = "conversation.item.input_audio_transcription"
AUDIO = AppendAudio(bytes(9600))


class Service:
    """Takes what the device sends in order, whenever it gets to it, and answers in order."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.to_do: deque[str] = deque()
        self.said: deque[tuple[str, str, int]] = deque()  # event, item, clears before its audio
        self.clears_done = 0
        self.items = 0
        self.fences = 0
        self.speaking = ""

    def works(self) -> None:
        if not self.to_do:
            return
        match self.to_do.popleft():
            case "clear":
                self.clears_done += 1
                self.speaking = ""
                self._say("cleared", "")
                self._say("pong", "")
            case "speech" if not self.speaking:
                self.items += 1
                self.speaking = f"item{self.items}"
                self._say("speech_started", self.speaking)
            case "silence" if self.speaking:
                for what in ("speech_stopped", "committed", "created", "transcript"):
                    self._say(what, self.speaking)
                self.speaking = ""
            case _:
                pass

    def _say(self, what: str, item: str) -> None:
        self.said.append((what, item, self.clears_done))

    def is_heard(self) -> tuple[str, str, int, list[Any]] | None:
        """The next word arrives; what the codec makes of it."""
        if not self.said:
            return None
        what, item, generation = self.said.popleft()
        if what == "pong":
            self.fences += 1
            asked = [o.token for o in self.driver.outputs if isinstance(o, AskFence)]
            self.driver.fence_passes(asked[self.fences - 1])
            outputs = []
        elif what == "created":
            outputs = self.driver.created(f"reply to {item}")
            outputs += self.driver.audio(b"\1\0", reply_id=f"reply to {item}")
            outputs += self.driver.done(f"reply to {item}")
        elif what == "transcript":
            outputs = self.driver.event(f"{TRANSCRIPT}.completed", item_id=item, transcript="x")
        else:
            outputs = self.driver.event(f"{BUFFER}.{what}", item_id=item)
        return what, item, generation, outputs


STEPS = st.lists(
    st.sampled_from(["speech", "silence", "clear", "service", "service", "downlink", "downlink"]),
    max_size=80,
)


# However slow it all is, but for a line that is taken for broken; the pong is prompt.
@given(STEPS, st.floats(0, CLEARED_AT_LAST_S / 720))
@settings(max_examples=400)
def test_no_interleaving_takes_an_abandoned_turn_for_the_next(
    steps: list[str], pause_s: float
) -> None:
    """A turn is told of exactly when nothing has been taken back since it was said, and no
    other turn was taken since."""
    driver = Driver().ready()
    service = Service(driver)
    clears = 0
    told: set[str] = set()
    taken = False  # one turn, until the device takes back what it sent behind it

    def judge(heard: tuple[str, str, int, list[Any]] | None) -> None:
        nonlocal taken
        if heard is None:
            return
        what, item, generation, outputs = heard
        is_current = generation == clears and not taken
        seen = [type(e) for e in events(outputs)]
        if what == "committed":
            assert seen == ([TurnCommitted] if is_current else [])
            told.update([item] if is_current else [])
            taken = taken or is_current
        elif what == "speech_started":
            assert seen == ([ServiceSpeechStarted] if is_current else [])
        elif what == "created":
            assert seen == ([ReplyStarted, ReplyAudio, ReplyDone] if item in told else [])
        elif what == "transcript":
            assert seen == ([UserTranscript] if item in told else [])

    for step in [*steps, *["service"] * len(steps), *["downlink"] * 6 * len(steps)]:
        driver.wait(pause_s)
        if step == "service":
            service.works()
        elif step == "downlink":
            judge(service.is_heard())
        else:
            service.to_do.append(step)
            if step == "clear":
                clears += 1
                taken = False
                driver.command(ClearInput())
            else:
                driver.command(AUDIO)
    assert not service.said
    assert not [e for e in events(driver.outputs) if isinstance(e, ServiceTrouble)]
