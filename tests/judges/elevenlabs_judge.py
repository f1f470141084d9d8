"""A script for the ``elevenlabs`` judge's own environment: the official client at work.

    python elevenlabs_judge.py BASE_URL AGENT KEY SPEECH SCENARIO

``BASE_URL`` is http://127.0.0.1:PORT, ``SPEECH`` a file with a spoken turn, mono s16le at 16 kHz,
with the silence that ends it. Prints one line of JSON: everything the client's callbacks were
given. The client is lenient about fields; they are judged elsewhere, by its TypeScript types.
"""

from __future__ import annotations

import json
import queue
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from elevenlabs.client import ElevenLabs
from elevenlabs.conversational_ai.conversation import (
    AudioInterface,
    ClientTools,
    Conversation,
    ConversationInitiationData,
)

PATIENCE_S = 10.0
CHUNK_BYTES = 8000  # 250 ms, as the client's default interface sends
Happened = tuple[str, Any]


class Line(AudioInterface):
    """In place of a sound card. What is played, and what was interrupted."""

    def __init__(self, happened: queue.Queue[Happened]) -> None:
        self._happened = happened
        self.say: Callable[[bytes], None] = lambda _: None

    def start(self, input_callback: Callable[[bytes], None]) -> None:
        self.say = input_callback
        self._happened.put(("started", None))

    def stop(self) -> None:
        self._happened.put(("stopped", None))

    def output(self, audio: bytes) -> None:
        self._happened.put(("audio", len(audio)))

    def interrupt(self) -> None:
        self._happened.put(("interrupt", None))


class Judge:
    def __init__(self, base: str, agent: str, key: str, *, private: bool, **config: Any) -> None:
        self.happened: queue.Queue[Happened] = queue.Queue()
        self.record: list[Happened] = []
        self.line = Line(self.happened)
        tools = ClientTools()
        tools.register("get_time", self._get_time)

        def told(name: str) -> Callable[..., None]:
            return lambda *what: self.happened.put((name, what[0] if len(what) == 1 else what))

        self.conversation = Conversation(
            ElevenLabs(api_key=key, base_url=base),
            agent,
            user_id="judge",
            requires_auth=private,
            audio_interface=self.line,
            config=ConversationInitiationData(**config),
            client_tools=tools,
            callback_agent_response=told("response"),
            callback_agent_response_correction=told("correction"),
            callback_agent_chat_response_part=lambda text, kind: self.happened.put(
                ("part", [text, kind.value])
            ),
            callback_user_transcript=told("transcript"),
            callback_latency_measurement=told("latency"),
            callback_audio_alignment=lambda it: self.happened.put(
                (
                    "alignment",
                    [len(it.chars), len(it.char_start_times_ms), len(it.char_durations_ms)],
                )
            ),
            callback_disconnect=lambda it: self.happened.put(
                ("disconnect", [it.reason, it.close_code])
            ),
        )

    def _get_time(self, parameters: dict[str, Any]) -> str:
        self.happened.put(("tool", parameters))
        return "14:05"

    def begin(self) -> None:
        self.conversation.start_session()
        self.until("started")

    def say(self, audio: bytes) -> None:
        for at in range(0, len(audio), CHUNK_BYTES):
            self.line.say(audio[at : at + CHUNK_BYTES])

    def until(self, name: str) -> Any:
        """The next of its kind."""
        ends_at = time.monotonic() + PATIENCE_S
        while True:
            happened = self.happened.get(timeout=max(0.01, ends_at - time.monotonic()))
            self.record.append(happened)
            if happened[0] == name:
                return happened[1]

    def verdict(self) -> dict[str, Any]:
        conversation_id = self.conversation.wait_for_session_end()
        while not self.happened.empty():
            self.record.append(self.happened.get())
        return {"conversation_id": conversation_id, "record": self.record}


def spoken(judge: Judge, speech: bytes) -> None:
    """A turn with a tool, an interruption, the agent hangs up."""
    judge.begin()
    judge.say(speech)
    judge.until("tool")
    judge.until("response")
    judge.until("audio")
    judge.until("latency")
    judge.say(speech)
    judge.until("interrupt")
    judge.until("correction")
    judge.until("response")
    judge.until("audio")
    judge.conversation.send_user_message("Goodbye")
    judge.until("disconnect")


def written(judge: Judge, _speech: bytes) -> None:
    """By signed URL, the agent greets; everything that can be written; the client hangs up."""
    judge.begin()
    judge.until("response")
    judge.conversation.send_contextual_update("The kettle is on.")
    judge.conversation.register_user_activity()
    judge.conversation.send_user_message("Hello")
    judge.until("response")
    judge.conversation.send_multimodal_message(text="Look", file_ids=["file-1", "file-2"])
    judge.until("response")
    judge.conversation.end_session()
    judge.until("disconnect")


def main(base: str, agent: str, key: str, speech: str, scenario: str) -> None:
    private = scenario == "written"
    greeting = {"agent": {"first_message": "Good day."}} if private else {}
    judge = Judge(
        base,
        agent,
        key,
        private=private,
        conversation_config_override=greeting,
        dynamic_variables={"name": "Ada"},
        extra_body={"temperature": 0.5},
    )
    {"spoken": spoken, "written": written}[scenario](judge, Path(speech).read_bytes())
    print(json.dumps(judge.verdict()))


if __name__ == "__main__":
    main(*sys.argv[1:])
