"""The user's turn in the OpenAI Realtime protocol: audio up, the service's verdicts down.

The part of the codec around the service's input audio buffer. Pure; driven by
:class:`device.providers.openai_realtime.OpenAIRealtime`.

A turn that was given up is taken back with ``input_audio_buffer.clear``. The service may
have heard it already, and say so late: then its verdicts, its item's transcript and its
answer must not be taken for those of the turn that follows. A
:class:`device.providers.openai_barrier.Barrier` tells them apart by the order of the
answers; time counts only for a service that does not answer. What an abandoned turn caused is
dropped here; its item is deleted from the conversation, or the service's model would still see
it; and the answer to it is called off when it begins, be it the service's own
(`Responses.expect_stray`) or one that we had asked for (`Responses.disown`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace

from device.events import (
    ServiceSpeechStarted,
    ServiceSpeechStopped,
    TurnCommitted,
    UserTranscript,
)
from device.providers import openai_frames as frames
from device.providers import openai_usage
from device.providers.base import AskFence, Emit, Note, Output, SendFrame, SessionSpec
from device.providers.faults import Explainer, Fault
from device.providers.openai_barrier import Barrier
from device.providers.openai_responses import Responses
from device.providers.openai_wire import Message

#: The service takes no turn shorter than this.
SHORTEST_TURN_BYTES = 100 * frames.BYTES_PER_MS
#: Abandoned items whose late transcripts are still recognised, and which are still deleted.
_REMEMBERED_ITEMS = 64


class UserInput:
    """Sends, takes back and commits the user's audio, and hears the service's verdicts."""

    def __init__(
        self,
        spec: SessionSpec,
        explain: Explainer,
        next_id: Callable[[], str],
        responses: Responses,
        barrier: Barrier,
        *,
        metered: bool = True,
    ) -> None:
        self._spec = spec
        self._explain = explain
        self._next_id = next_id
        self._responses = responses
        self._uncommitted = 0
        self._commit_id = ""  # of the last turn that we ended
        self._barrier = barrier
        self._metered = metered
        self._so_far: dict[str, str] = {}  # item -> what of its words was told, for xAI
        self._open_item = ""  # speech of it was told, its commit not
        self._turn_taken = False  # by the service, and told: a clear will follow
        # Items that the service made of audio taken back.
        self._strays: deque[str] = deque(maxlen=_REMEMBERED_ITEMS)
        self._abandoned: deque[str] = deque(maxlen=_REMEMBERED_ITEMS)
        transcription = "conversation.item.input_audio_transcription"
        self.handlers: dict[str, Callable[[Message, float], list[Output]]] = {
            "input_audio_buffer.speech_started": self._on_speech_started,
            "input_audio_buffer.speech_stopped": self._on_speech_stopped,
            "input_audio_buffer.committed": self._on_committed,
            "input_audio_buffer.cleared": self._on_cleared,
            f"{transcription}.delta": self._on_words,
            f"{transcription}.updated": self._on_words_so_far,
            f"{transcription}.completed": self._on_transcript,
            f"{transcription}.failed": self._on_no_transcript,
        }

    # --- commands -----------------------------------------------------------------

    def append(self, pcm: bytes) -> list[Output]:
        self._uncommitted += len(pcm)
        return [SendFrame(frames.append(pcm))] if pcm else []

    def clear(self, now: float) -> list[Output]:
        """Take back what was sent since the last commit, whoever made that."""
        self._uncommitted = 0
        self._turn_taken = False
        self._remember_abandoned(self._open_item)
        self._open_item = ""
        event_id = self._next_id()
        self._barrier.cleared_by_us(event_id, now)
        return [SendFrame(frames.clear(event_id)), AskFence(event_id)]

    def abandon(self, now: float) -> list[Output]:
        """Take the turn back, committed or not, and whatever reply was to come of it."""
        unsaid = self._responses.disown(now)
        return [*self.clear(now), *unsaid]

    def fence_passed(self, token: str, now: float) -> None:
        """All that the service said before it had our clear ``token`` has been heard."""
        self._barrier.drained(token, now)

    def commit(self, now: float) -> list[Output]:
        # With the service's VAD the buffer may have been taken at any moment, so only
        # the device's own turns can be measured here.
        if self._spec.device_ends_turn and self._uncommitted < SHORTEST_TURN_BYTES:
            words = "the turn was too short for the service"
            return [*self.clear(now), *self._responses.unanswerable(words)]
        self._uncommitted = 0
        self._commit_id = self._next_id()
        commit = SendFrame(frames.commit(self._commit_id))
        return [commit, *self._responses.request("", now)]

    def refused(self, event_id: str, fault: Fault, now: float) -> list[Output] | None:
        """An error about one of our clears or turns; None when it is about something else."""
        if event_id and event_id == self._commit_id and self._spec.device_ends_turn:
            self._commit_id = ""
            over = self._responses.disown(now)  # nothing was said that the reply could be about
            return [*over, *self._responses.unanswerable(fault.detail)]
        if not self._barrier.refused(event_id):
            return None
        note = Note(f"the service did not take audio back: {fault.detail}")
        return [note, *self._responses.ask(now)]

    # --- verdicts -------------------------------------------------------------------

    def _is_late(self, now: float) -> bool:
        """Said of audio that we have taken back, or will: a turn was told, and what is sent
        behind it before the device has stopped belongs to none."""
        late = self._turn_taken or self._barrier.is_up(now)
        if not late:  # the service answers no clears: what it made of which audio is not certain
            self._strays.clear()
        return late

    def _remember_abandoned(self, item_id: str) -> None:
        if item_id and item_id not in self._abandoned:
            self._abandoned.append(item_id)

    def _own(self, item_id: str) -> None:
        """A service may go on with the item whose first part was taken back."""
        if item_id in self._abandoned:
            self._abandoned.remove(item_id)

    def _on_cleared(self, _message: Message, now: float) -> list[Output]:
        """Now it is certain what was made of audio taken back: it goes from the conversation,
        before anybody is asked to answer what is left."""
        self._barrier.answered(now)
        over = [self._responses.delete(item_id) for item_id in self._strays]
        self._strays.clear()
        return [*over, *self._responses.ask(now)]

    def _on_speech_started(self, message: Message, now: float) -> list[Output]:
        item_id = message.text("item_id")
        if self._is_late(now):
            self._remember_abandoned(item_id)
            return []
        self._responses.user_speaks()
        self._own(item_id)
        self._open_item = item_id
        return [Emit(ServiceSpeechStarted(message.whole("audio_start_ms")))]

    def _on_speech_stopped(self, message: Message, now: float) -> list[Output]:
        if self._is_late(now):
            self._remember_abandoned(message.text("item_id"))
            return []
        return [Emit(ServiceSpeechStopped(message.whole("audio_end_ms")))]

    def _on_committed(self, message: Message, now: float) -> list[Output]:
        item_id = message.text("item_id")
        if self._is_late(now):
            self._remember_abandoned(item_id)
            if not self._spec.device_ends_turn:
                self._responses.expect_stray(now)
            if item_id:
                self._strays.append(item_id)
            return []
        self._own(item_id)
        self._open_item = ""
        if self._spec.device_ends_turn:
            self._responses.is_about(item_id)
        else:
            self._turn_taken = True
            over = self._responses.expect(item_id, now)
            return [*over, Emit(TurnCommitted(item_id))]
        return [Emit(TurnCommitted(item_id))]

    # --- what was said ----------------------------------------------------------------

    def _on_words(self, message: Message, _now: float) -> list[Output]:
        return self._words(message, message.text("delta"), final=False)

    def _on_words_so_far(self, message: Message, _now: float) -> list[Output]:
        """xAI's: the whole transcript as it is by now. What is not a continuation of what was
        told waits for the final one."""
        item_id, words = message.text("item_id"), message.text("transcript")
        told = self._so_far.get(item_id, "")
        if not words.startswith(told):
            return []
        self._so_far[item_id] = words
        if len(self._so_far) > _REMEMBERED_ITEMS:
            del self._so_far[next(iter(self._so_far))]
        return self._words(message, words[len(told) :], final=False)

    def _on_transcript(self, message: Message, _now: float) -> list[Output]:
        self._so_far.pop(message.text("item_id"), None)
        words = self._words(message, message.text("transcript"), final=True)
        report = openai_usage.of_transcription(message.object("usage")) if self._metered else None
        model = self._spec.transcription_model
        return [*words, Emit(replace(report, model=model))] if report else words

    def _words(self, message: Message, words: str, *, final: bool) -> list[Output]:
        item_id = message.text("item_id")
        if item_id in self._abandoned or not (words or final):
            return []
        return [Emit(UserTranscript(words, final=final, item_id=item_id))]

    def _on_no_transcript(self, message: Message, _now: float) -> list[Output]:
        if message.text("item_id") in self._abandoned:
            return []
        fault = self._explain.error(message.object("error"))
        return [Note(f"the user's words were not transcribed: {fault.detail}")]
