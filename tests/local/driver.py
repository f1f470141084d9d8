"""Drives a session of the offline service, without sockets, threads or time."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any

from device.local.effects import Effect, Hear, Send, Speak, Understand
from device.local.recognition.intents import understand
from device.local.respondent import Respondent
from device.local.session import Limits, Session
from tests.local.fakes import Json, LoudnessVad, heard, silence, tone


class Driver:
    """Feeds a session and sorts what comes out: ``events`` to the client, ``effects`` to engines.

    ``now`` is the session's clock in seconds; only a test moves it.
    """

    def __init__(self, *, chat: bool = False, verbatim: bool = False, cap_s: float = 3600) -> None:
        numbers = itertools.count()
        self.session = Session(
            "m",
            LoudnessVad(),
            Respondent(understand, chat=chat, verbatim=verbatim),
            limits=Limits(cap_s),
            new_id=lambda prefix: f"{prefix}_{next(numbers)}",
        )
        self.now = 100.0
        self.events: list[Json] = []
        self.effects: list[Effect] = []
        self.take(self.session.start(self.now))

    def take(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                json.dumps(effect.event)
                assert effect.event["event_id"].startswith("event_")
                self.events.append(effect.event)
            else:
                self.effects.append(effect)

    def send(self, kind: str, **fields: object) -> list[Json]:
        """Returns the events that came back."""
        return self.raw({"type": kind, **fields})

    def raw(self, message: object) -> list[Json]:
        before = len(self.events)
        for effects in self.session.receive(message, self.now):
            self.take(effects)
        return self.events[before:]

    def append(self, pcm: bytes) -> list[Json]:
        return self.send("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    def update(self, **session: object) -> Json:
        return self.send("session.update", session={"type": "realtime", **session})[-1]

    def manual(self) -> None:
        self.update(audio={"input": {"turn_detection": None}})

    def of(self, kind: type) -> list[Any]:
        return [effect for effect in self.effects if isinstance(effect, kind)]

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def last(self, kind: str) -> Json:
        return next(event for event in reversed(self.events) if event["type"] == kind)

    def heard_ms(self, item_id: str | None = None) -> float:
        """How much audio the recogniser was given, in all or for one item."""
        heard = [h for h in self.of(Hear) if item_id in (None, h.item_id)]
        return sum(len(h.pcm16k) for h in heard) / 32

    def reply(self) -> Json:
        """The last response that is done."""
        response: Json = self.last("response.done")["response"]
        return response

    def said(self) -> str:
        """The words of the last spoken reply."""
        words: str = self.last("response.output_audio_transcript.done")["transcript"]
        return words

    def recognise(self, text: str) -> None:
        """The first utterance that is waiting to be understood is recognised as ``text``."""
        item_id = self.of(Understand)[0].item_id
        self.take(self.session.recognised(item_id, heard(text), self.now))

    def speak(self, text: str, ms: int = 1000) -> str:
        """A spoken turn, recognised as ``text``. Returns the item's id."""
        self.append(tone(ms) + silence(800))
        item_id: str = self.of(Understand)[-1].item_id
        self.take(self.session.recognised(item_id, heard(text), self.now))
        return item_id

    def type(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        self.send(
            "conversation.item.create",
            item={"type": "message", "role": "user", "content": content},
        )
        self.send("response.create")

    def voice(self, ms: int = 100) -> None:
        """Let the synthesiser say everything that was asked for."""
        wanted, self.effects = self.of(Speak), [e for e in self.effects if type(e) is not Speak]
        for speak in wanted:
            if speak.text:
                self.take(self.session.spoke(speak.response_id, speak.text, tone(ms), self.now))
            if speak.last:
                self.take(self.session.spoken(speak.response_id, self.now))

    def answer_call(self, output: object) -> None:
        call = self.last("response.function_call_arguments.done")
        item = {
            "type": "function_call_output",
            "call_id": call["call_id"],
            "output": json.dumps(output),
        }
        self.send("conversation.item.create", item=item)
        self.send("response.create")


def the_error(events: list[Json]) -> Json:
    """The error that is all that ``events`` hold."""
    assert [event["type"] for event in events] == ["error"]
    error: Json = events[0]["error"]
    return error


def spoken_reply(driver: Driver, ms: int = 1000) -> str:
    """A turn that was answered aloud, ``ms`` a sentence. Returns the reply's item."""
    driver.speak("hello")
    driver.voice(ms)
    item_id: str = driver.reply()["output"][0]["id"]
    return item_id
