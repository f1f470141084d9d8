"""A turn that goes on, as the service gets to know of it: core and codec together."""

from __future__ import annotations

from typing import Any, get_args

from device.commands import AppendAudio, Command, ServiceCommand
from device.core.phases import Phase
from device.events import NearEndHeard, SpeechEnded, SpeechStarted, UplinkStopped
from device.providers.base import Output, SessionSpec
from tests.core.cut_off import AGAIN_AT, PAUSE_AT, SPEECH_AT, WAKE_AT
from tests.core.story import Story, wake
from tests.providers.driver import URL, Driver, events, frames

SECOND_OF_SOUND = AppendAudio(bytes(2 * 24_000))


class Wired:
    """What the core commands reaches the codec, what the codec tells reaches the core."""

    def __init__(self, detection: str) -> None:
        service = {"provider": "openai_realtime", "turn_detection": detection}
        self.story = Story(service=service, turn={"slow_reply_s": 0.0})
        spec = SessionSpec(URL, key="sk-test", device_ends_turn=detection == "device")
        self.driver = Driver(spec)
        self.driver.ready()
        self.obey(self.story.happens(wake(WAKE_AT)))
        self.hear(self.driver.outputs)
        self.obey([SECOND_OF_SOUND])
        self.obey(self.story.happens(SpeechStarted(SPEECH_AT)))
        self.passes(2.0)
        self.obey(self.story.happens(SpeechEnded(PAUSE_AT)))

    @property
    def sent(self) -> list[dict[str, Any]]:
        return frames(self.driver.outputs)

    def kinds(self) -> list[str]:
        """Of what was sent since the hand-shake."""
        return [f["type"] for f in self.sent if f["type"] != "session.update"]

    def obey(self, commands: list[Command]) -> None:
        for command in commands:
            if isinstance(command, get_args(ServiceCommand)):
                self.hear(self.driver.command(command))  # type: ignore[arg-type]

    def hear(self, outputs: list[Output]) -> None:
        for event in events(outputs):
            self.obey(self.story.happens(event))

    def tells(self, kind: str, **fields: Any) -> None:
        self.hear(self.driver.event(kind, **fields))

    def passes(self, seconds: float) -> None:
        self.driver.now += seconds
        self.obey(self.story.passes(seconds))

    def ends(self, to_frame: int) -> None:
        """The device takes the turn for over."""
        self.passes(1.2 - 0.256)
        self.obey(self.story.happens(UplinkStopped(to_frame)))

    def goes_on(self) -> None:
        for lasted in range(32, 801, 32):
            self.passes(0.032)
            heard = NearEndHeard(AGAIN_AT, lasted, lasted, lasted, 0, 30.0, True)
            self.obey(self.story.happens(heard))
        assert self.story.phase is Phase.LISTENING
        self.obey([SECOND_OF_SOUND])
        self.obey(self.story.happens(SpeechStarted(AGAIN_AT)))
        self.passes(1.0)
        self.obey(self.story.happens(SpeechEnded(AGAIN_AT + 20_000)))

    def requests(self) -> list[str]:
        """The names of the replies that were asked for."""
        asked = [f["response"] for f in self.sent if f["type"] == "response.create"]
        return [response["metadata"]["request"] for response in asked]

    def answers(self, reply: str, request: str = "") -> None:
        self.hear(self.driver.created(reply, request))

    def is_awaited(self, reply: str) -> bool:
        return self.story.core.wants_reply(reply)


def test_a_turn_that_was_not_answered_yet_is_taken_back_and_asked_about_once() -> None:
    talk = Wired("device")
    talk.ends(PAUSE_AT + 10_000)
    talk.tells("input_audio_buffer.committed", item_id="u1")
    talk.goes_on()
    talk.tells("input_audio_buffer.cleared")
    talk.ends(AGAIN_AT + 30_000)
    assert talk.kinds() == [
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "response.create",
        "input_audio_buffer.clear",
        "conversation.item.delete",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
        "response.create",
    ]
    first, second = talk.requests()
    talk.answers("late", first)
    assert talk.kinds()[-1] == "response.cancel"
    assert not talk.is_awaited("late")
    talk.answers("r2", second)
    assert talk.is_awaited("r2")


def test_a_reply_that_had_begun_is_broken_off_before_the_whole_is_asked_about() -> None:
    talk = Wired("device")
    talk.ends(PAUSE_AT + 10_000)
    talk.tells("input_audio_buffer.committed", item_id="u1")
    (first,) = talk.requests()
    talk.answers("r1", first)
    talk.goes_on()
    talk.ends(AGAIN_AT + 30_000)
    assert talk.kinds()[2:] == [
        "response.create",
        "response.cancel",
        "input_audio_buffer.append",
        "input_audio_buffer.commit",
    ]
    talk.hear(talk.driver.done("r1", "cancelled"))
    _, second = talk.requests()
    talk.answers("r2", second)
    assert talk.is_awaited("r2")
    assert not talk.is_awaited("r1")


def test_a_service_that_ends_the_turns_finds_both_parts_in_its_conversation() -> None:
    talk = Wired("service")
    talk.tells("input_audio_buffer.speech_started", item_id="u1", audio_start_ms=0)
    talk.tells("input_audio_buffer.committed", item_id="u1")
    talk.obey(talk.story.happens(UplinkStopped(PAUSE_AT + 10_000)))
    talk.tells("input_audio_buffer.cleared")
    talk.answers("r1")
    talk.passes(1.0)
    talk.goes_on()
    talk.tells("input_audio_buffer.speech_started", item_id="u2", audio_start_ms=3000)
    talk.hear(talk.driver.done("r1", "cancelled"))
    talk.tells("input_audio_buffer.committed", item_id="u2")
    assert "conversation.item.delete" not in talk.kinds()
    assert talk.kinds().count("response.cancel") == 1
    talk.answers("r2")
    assert talk.is_awaited("r2")
    assert talk.story.phase is Phase.THINKING
