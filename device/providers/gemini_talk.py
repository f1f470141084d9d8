"""The conversation of one Gemini Live session: commands to frames, contents to events.

Whose content is, :mod:`device.providers.gemini_turns` knows; the life of the session is
:mod:`device.providers.gemini`'s. Loop thread only.
"""

from __future__ import annotations

from device.events import ReplyInterrupted, ToolCalled, TurnCommitted, UserTranscript
from device.providers import gemini_frames as frames
from device.providers.base import Emit, Note, Output, SendFrame, SessionSpec
from device.providers.faults import Explainer
from device.providers.gemini_calls import Calls
from device.providers.gemini_doubt import Held
from device.providers.gemini_turns import Ended, Phase, Turns, Verdict
from device.providers.gemini_wire import Message
from device.providers.speech import Speech
from device.providers.wire import mapping, text

PAUSE_S = 1.0
"""After so long without sound the service wants to be told that there is none."""

LEAST_SPEECH_MS = 200
"""What is shorter is no turn, whatever silence follows it."""

MOST_CHARACTERS = 20_000
"""Of a transcript."""


class Talk:
    """Who speaks, and what becomes of it. Every method returns what is to be put out."""

    def __init__(self, spec: SessionSpec, explain: Explainer) -> None:
        self._device_ends = spec.device_ends_turn
        self._explain = explain
        bytes_per_ms = 2 * frames.UPLINK_HZ // 1000
        self._turns = Turns(
            device_ends=spec.device_ends_turn,
            least=(spec.vad_silence_ms + LEAST_SPEECH_MS) * bytes_per_ms,
        )
        self._speech = Speech()
        self._calls = Calls()
        self._held = Held()
        self._said = ""  # by the person, of the turn under way
        self._words = ""  # of the reply under way
        self._early = ""  # words that came before the sound of theirs
        self._streaming = False
        self._picture = ""  # the frame of one that waits for an activity
        self._noted: set[str] = set()
        self._pause_due: float | None = None

    @property
    def due(self) -> float | None:
        """When `time_out` wants to be called."""
        if not self._held:
            return self._pause_due
        doubted_until = self._turns.doubted_until
        return doubted_until if self._pause_due is None else min(self._pause_due, doubted_until)

    # --- commands -------------------------------------------------------------------------

    def append(self, pcm: bytes, now: float) -> list[Output]:
        if not pcm:
            return []
        outputs = self._finish_old_turn()
        if self._device_ends:
            outputs += self._open(now)
        else:
            self._streaming, self._pause_due = True, now + PAUSE_S
        self._turns.sounded(len(pcm))
        picture, self._picture = self._picture, ""
        shown: list[Output] = [SendFrame(picture)] if picture else []
        return [*outputs, *shown, SendFrame(frames.audio(pcm))]

    def commit(self) -> list[Output]:
        if not self._device_ends:
            return self.pause()
        if not (self._turns.open and self._turns.heard):
            return self.note("there is nothing to commit")
        self._turns.closes()
        self._turns.taken()
        return [SendFrame(frames.ACTIVITY_END), Emit(TurnCommitted())]

    def clear(self, now: float) -> list[Output]:
        """What was sent since the last turn is of none."""
        if self._turns.heard and not self._turns.awaited:
            self._said = ""
        if self._device_ends:
            return self._break_off(now) if self._turns.heard else []
        self._turns.clear()
        return self.pause()

    def abandon(self, now: float) -> list[Output]:
        promised = self._turns.awaited
        if promised:
            self._calls.forget()
            self._held.take()
        if promised or self._turns.heard:
            self._said = self._early = ""
        if self._device_ends:
            return self._break_off(now) if promised or self._turns.heard else []
        self._turns.abandon()
        return self.pause()

    def cancel(self, reply_id: str, now: float) -> list[Output]:
        if not self._speech.cancel(reply_id):
            return []
        outputs = self._end_reply("cancelled")
        self._turns.cancel()
        return [*outputs, *(self._open(now) if self._device_ends else [])]

    def answer(self, call_id: str, output: str) -> list[Output]:
        frame = self._calls.answer(call_id, output)
        return [] if frame is None else [SendFrame(frame)]

    def show(self, data_url: str) -> list[Output]:
        """The newest picture counts, where several wait."""
        picture = frames.image(data_url)
        if picture is None:
            return self.note("a picture was no data URL of an image")
        if not self._device_ends or (self._turns.open and self._turns.heard):
            return [SendFrame(picture)]
        self._picture = picture
        return []

    def pause(self) -> list[Output]:
        """The device sends nothing for now: what the service holds of its sound is complete."""
        streaming, self._streaming, self._pause_due = self._streaming, False, None
        return [SendFrame(frames.STREAM_END)] if streaming else []

    def time_out(self, now: float) -> list[Output]:
        paused = self._pause_due is not None and now >= self._pause_due
        outputs = self.pause() if paused else []
        return outputs if self._turns.in_doubt(now) else [*outputs, *self._release(now)]

    def tell_history(self, spec: SessionSpec) -> list[Output]:
        self._turns.told_history()
        return [SendFrame(frames.history(spec))]

    def note(self, words: str) -> list[Output]:
        """Once a session."""
        if words in self._noted:
            return []
        self._noted.add(words)
        return [Note(words)]

    def _break_off(self, now: float) -> list[Output]:
        """Nothing is to come of what the service has of the person's turn."""
        outputs: list[Output] = []
        if self._turns.open:
            self._turns.closes()
            outputs.append(SendFrame(frames.ACTIVITY_END))
        self._turns.abandon()
        return [*outputs, *self._open(now)]

    def _open(self, now: float) -> list[Output]:
        """``activityStart``, once; it ends what the service says or is about to say."""
        if self._turns.open:
            return []
        outputs = self._end_reply("cancelled") if self._turns.phase is Phase.SPEAKING else []
        if self._turns.awaited:
            self._calls.forget()
        self._turns.opens(now)
        self._held.take()
        self._early = ""
        return [*outputs, SendFrame(frames.ACTIVITY_START)]

    # --- messages -------------------------------------------------------------------------

    def hear(self, message: Message, now: float) -> list[Output]:
        """What the service says of the conversation."""
        if self._turns.in_doubt(now):
            return self._doubt(message, now)
        outputs = self._release(now)  # the doubt may just have ended
        return [*outputs, *self._take(message, now)]

    def _doubt(self, message: Message, now: float) -> list[Output]:
        """Whose it is, is open: a mark tells that it is of what was broken off."""
        content = message.content
        broken = content.get("interrupted") is True
        over = content.get("turnComplete") is True
        if broken or over:
            self._held.take()
            if broken:
                self._turns.interrupted(now)
            if over:
                self._turns.completed()
            return []
        if "inputTranscription" in content and not self._turns.unmarked:
            self._held.take()  # the service hears the next turn, so this was of the one before
            return self._take(message, now)
        return [] if self._held.keep(message) else self._release(now)

    def _release(self, now: float) -> list[Output]:
        """No mark has come: it is what is waited for."""
        if not self._held:
            return []
        self._turns.settle()
        return [output for message in self._held.take() for output in self._take(message, now)]

    def _take(self, message: Message, now: float) -> list[Output]:
        fields = message.fields
        outputs: list[Output] = []
        if "serverContent" in fields:
            outputs += self._on_content(message, now)
        if "toolCall" in fields:
            outputs += self._on_calls(message)
        if "toolCallCancellation" in fields:
            outputs += self._on_calls_cancelled(message)
        return outputs

    def _on_content(self, message: Message, now: float) -> list[Output]:
        """Several fields may be in one message. Of one that was interrupted the rest is of what
        was interrupted; else content comes before the marks that end it."""
        content = message.content
        outputs = self._hear(message)
        if content.get("interrupted") is True:
            outputs += self._on_interrupted(now)
        else:
            outputs += self._speak(message)
        if content.get("generationComplete") is True and self._turns.generated():
            outputs += self._end_reply("completed")
        if content.get("turnComplete") is True:
            outputs += self._on_completed(message)
        return outputs

    def _on_interrupted(self, now: float) -> list[Output]:
        ended = self._turns.interrupted(now)
        if ended is Ended.NOTHING:
            return []
        begun = self._speech.begin()
        broken = Emit(ReplyInterrupted(self._speech.reply_id))
        return [*begun, broken, *self._end_reply("cancelled")]

    def _on_calls(self, message: Message) -> list[Output]:
        """Tools are asked for, which ends this part of the answer."""
        outputs = self._begin_reply(sound=True)
        if self._turns.phase is not Phase.SPEAKING:
            self._turns.called()
            return outputs
        reply_id = self._speech.reply_id
        asked = self._calls.asked(mapping(message.fields, "toolCall"))
        if not asked:
            return outputs
        self._turns.called()
        outputs += [
            Emit(ToolCalled(reply_id, call.call_id, call.name, call.arguments)) for call in asked
        ]
        return [*outputs, *self._end_reply("completed")]

    def _on_calls_cancelled(self, message: Message) -> list[Output]:
        ids = mapping(message.fields, "toolCallCancellation").get("ids")
        waited = self._calls.waiting
        left = self._calls.cancel(ids if isinstance(ids, list) else [])
        if waited and not left and not self._calls.waiting:
            self._turns.called_off()
        return [SendFrame(frame) for frame in left]

    # --- what the person said ---------------------------------------------------------------

    def _hear(self, message: Message) -> list[Output]:
        if "inputTranscription" not in message.content or not self._turns.transcribed():
            return []
        transcription = mapping(message.content, "inputTranscription")
        outputs: list[Output] = []
        words = text(transcription, "text")
        if words:
            self._said = (self._said + words)[:MOST_CHARACTERS]
            outputs.append(Emit(UserTranscript(words, final=False)))
        if transcription.get("finished") is True:
            if self._turns.transcript_ended():
                self._turns.taken()
                outputs.append(Emit(TurnCommitted()))
            outputs += self._end_transcript()
        return outputs

    def _finish_old_turn(self) -> list[Output]:
        """Another turn begins: late words of the one before will not be followed by more."""
        fresh = not self._turns.heard and not self._turns.awaited
        return self._end_transcript() if fresh and not self._speech.reply_id else []

    def _end_transcript(self) -> list[Output]:
        said, self._said = self._said, ""
        return [Emit(UserTranscript(said, final=True))] if said.strip() else []

    # --- what the model says ------------------------------------------------------------------

    def _speak(self, message: Message) -> list[Output]:
        outputs: list[Output] = []
        if message.spoilt:
            outputs += self.note("sound that is not base64 was dropped")
        words = text(mapping(message.content, "outputTranscription"), "text")
        if message.speaks:
            outputs += self._begin_reply(sound=bool(message.pcm))
        if self._turns.phase is Phase.SPEAKING:
            outputs += self._speech.audio(message.pcm)
            outputs += self._say(words)
        elif self._turns.phase is Phase.QUIET and self._turns.awaited:
            self._early = (self._early + words)[:MOST_CHARACTERS]
        return outputs

    def _begin_reply(self, *, sound: bool) -> list[Output]:
        verdict = self._turns.content(sound=sound)
        if verdict not in (Verdict.BEGIN, Verdict.TAKE_AND_BEGIN):
            return []
        outputs: list[Output] = []
        if verdict is Verdict.TAKE_AND_BEGIN:
            outputs.append(Emit(TurnCommitted()))
        outputs += self._speech.begin()
        early, self._early, self._words = self._early, "", ""
        return [*outputs, *self._say(early)]

    def _say(self, words: str) -> list[Output]:
        self._words = (self._words + words)[:MOST_CHARACTERS]
        return self._speech.words(words, final=False) if words else []

    def _end_reply(self, status: str, detail: str = "") -> list[Output]:
        """The reply under way. Of a cancelled one nothing but its end is told."""
        words, self._words = self._words, ""
        outputs = self._end_transcript()
        if status == "completed" and words.strip():
            outputs += self._speech.words(words, final=True)
        return [*outputs, *self._speech.end(status, detail)]

    def _on_completed(self, message: Message) -> list[Output]:
        ended = self._turns.completed()
        detail = self._explain.clean(text(message.content, "turnCompleteReason"))
        if ended is Ended.NOTHING:
            return self._finish_old_turn()
        if ended is Ended.REPLY:
            return self._end_reply("completed", detail)
        outputs: list[Output] = [Emit(TurnCommitted())] if ended is Ended.TAKE_SILENT else []
        outputs += self._speech.begin()
        # With a reason it was kept from answering; without, or where it waits for more to be
        # said, it chose to stay silent.
        chose = not detail or message.content.get("waitingForInput") is True
        return [*outputs, *self._end_reply("completed" if chose else "failed", detail)]
