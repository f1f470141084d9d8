"""Replies of the OpenAI Realtime protocol: asking for them, receiving, calling off.

The part of the codec between ``response.create`` and ``response.done``. Pure;
driven by :class:`device.providers.openai_realtime.OpenAIRealtime`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from device.events import (
    ErrorKind,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    ServiceTrouble,
    ToolCalled,
)
from device.providers import openai_frames as frames
from device.providers.base import Emit, Note, Output, SendFrame, SessionSpec
from device.providers.faults import Explainer, Fault
from device.providers.openai_barrier import Barrier
from device.providers.openai_promises import Promises
from device.providers.openai_replies import Item, Reply, ReplyLedger
from device.providers.openai_wire import Message
from device.providers.wire import flatten_numbers, mapping, objects, text

_STATUSES = ("completed", "cancelled", "failed", "incomplete")
_BUSY = "conversation_already_has_active_response"


class Responses:
    """All replies of a session, and the requests for more.

    ``tidy_id`` gives ids to events whose refusal is of no consequence. While ``barrier`` is up
    nothing is asked for: the service may yet take a turn that was taken back, and whoever
    answers then would see it.
    """

    def __init__(
        self,
        spec: SessionSpec,
        explain: Explainer,
        next_id: Callable[[], str],
        tidy_id: Callable[[], str],
        barrier: Barrier,
    ) -> None:
        self._spec = spec
        self._explain = explain
        self._next_id = next_id
        self._tidy_id = tidy_id
        self._barrier = barrier
        self.ledger = ReplyLedger()
        self._silent_at: float | None = None  # when the service's silence becomes a trouble
        self._promises = Promises()
        self._held: deque[str] = deque()  # instructions of requests that wait their turn
        self._unasked_turn = ""  # the item that the first of them is about, if that is known
        self._unnamed = 0
        self.handlers: dict[str, Callable[[Message, float], list[Output]]] = {
            "response.created": self._on_created,
            "response.done": self._on_done,
            "response.output_audio.delta": self._on_audio,
            "response.output_audio.done": self._on_audio_done,
            "response.output_audio_transcript.delta": self._on_words,
            "response.output_audio_transcript.done": self._on_transcript,
            "response.output_text.delta": self._on_words,
            "response.output_text.done": self._on_text,
            "response.output_item.added": self._on_item_added,
            "response.output_item.done": self._on_item_done,
            "response.function_call_arguments.done": self._on_call,
            "response.function_call_arguments.delta": self._on_progress,
            "response.content_part.added": self._on_progress,
            "response.content_part.done": self._on_progress,
        }

    @property
    def due(self) -> float | None:
        """When `time_out` wants to be called."""
        times = [self._silent_at]
        if self._held and not self._must_wait:
            times.append(self._barrier.due)
        return min((time for time in times if time is not None), default=None)

    @property
    def _must_wait(self) -> bool:
        """A reply is under way, or is about to begin: nothing can be asked for."""
        return self._promises.awaited or bool(self.ledger.active)

    # --- asking ---------------------------------------------------------------------

    def request(self, instructions: str, now: float) -> list[Output]:
        """Ask for a reply, now or as soon as none is under way."""
        if instructions not in self._held:
            self._held.append(instructions)
        return self.ask(now)

    def ask(self, now: float) -> list[Output]:
        """Make the next request, if nothing stands in its way any more."""
        if not self._held or self._must_wait or self._barrier.is_up(now):
            return []
        instructions = self._held.popleft()
        event_id = self._next_id()
        self._promises.asked(event_id, instructions, self._unasked_turn)
        self._unasked_turn = ""
        self._watch(now)
        return [SendFrame(frames.create_response(event_id, instructions))]

    def is_about(self, item_id: str) -> None:
        """The turn that we asked a reply to, or are about to, is this item."""
        if not self._promises.is_about(item_id) and self._held:
            self._unasked_turn = item_id

    def expect(self, item_id: str, now: float) -> None:
        """The service took a turn and answers it by itself.

        That answer also covers tool results which wait to be asked about.
        """
        if "" in self._held:
            self._held.remove("")
        self._promises.turn_taken(item_id, now)
        self._watch(now)

    def expect_stray(self, now: float) -> None:
        """The service took a turn that we had given up, and answers it by itself: that
        reply is cancelled when it begins, and nobody is told of it."""
        self._promises.stray_turn_taken(now)

    def refused(self, event_id: str, fault: Fault, now: float) -> list[Output] | None:
        """An error about one of our requests; None when it is about something else."""
        busy = fault.code == _BUSY
        promise = self._promises.refused(event_id) if event_id or busy else None
        if promise is None:
            return [] if busy else None
        if not promise.wanted:
            return [Note(f"a reply that nobody waits for was refused: {fault.detail}")]
        if busy:
            # A reply of the service's own came first. Ask again when it is done;
            # until it shows itself nothing else is asked for either.
            self._held.appendleft(promise.instructions)
            if not (self.ledger.active or self._promises):
                self._promises.wait_for_unknown()
            return []
        self._watch(now)
        return [Emit(ServiceTrouble(fault.kind, fault.detail)), *self.ask(now)]

    # --- calling off -------------------------------------------------------------------

    def cancel(self, reply_id: str) -> list[Output]:
        """Stop generating; a reply that has not begun is cancelled when it does."""
        reply = self.ledger.entry(reply_id)
        was_cancelled, reply.cancelled = reply.cancelled, True
        if was_cancelled or not reply.active:
            return []
        return [SendFrame(frames.cancel(self._next_id(), reply_id))]

    def disown(self, now: float) -> list[Output]:
        """Whatever was asked for or promised, and has not begun, is not wanted any more: it
        is cancelled when it begins, and nobody is told of it. The turn it would have answered
        goes from the conversation, so that no later reply answers it."""
        self._held.clear()
        turns = [*self._promises.disown(now), self._unasked_turn]
        self._unasked_turn = ""
        self._watch(now)
        return [self.delete(item_id) for item_id in turns if item_id]

    def delete(self, item_id: str) -> Output:
        """Nothing of the kind was said, as far as the conversation is concerned."""
        return SendFrame(frames.delete_item(self._tidy_id(), item_id))

    def user_speaks(self) -> None:
        """What was promised may never come; the next commit promises again."""
        if not self.ledger.active:
            self._silent_at = None

    def time_out(self, now: float) -> list[Output]:
        """Ask for what had to wait. No sign of life from the service: report it and give up
        what is under way."""
        if self._silent_at is None or now < self._silent_at:
            return self.ask(now)
        words = f"no sign of a reply for {self._spec.reply_timeout_s:g} s"
        outputs: list[Output] = []
        if self._promises.awaited or not all(reply.disowned for reply in self.ledger.active):
            outputs.append(Emit(ServiceTrouble(ErrorKind.SERVICE, words)))
        for reply in self.ledger.active:
            outputs += self.cancel(reply.reply_id)
            reply.done, reply.status = True, "failed"
            if not reply.disowned:
                outputs.append(Emit(ReplyDone(reply.reply_id, "failed", words)))
        self._promises.clear()
        self._silent_at = None
        return [*outputs, *self.ask(now)]  # who had to wait for it has waited long enough

    def _watch(self, now: float) -> None:
        waiting = self._promises.awaited or self.ledger.active
        self._silent_at = now + self._spec.reply_timeout_s if waiting else None

    # --- tools ------------------------------------------------------------------------------

    def answer_call(self, call_id: str, output: str, now: float) -> list[Output]:
        reply = self.ledger.answer(call_id)
        if reply is None:
            return [Note("a tool result was not sent: this session has no such open call")]
        result: Output = SendFrame(frames.tool_result(self._next_id(), call_id, output))
        return [result, *self._continue(reply, now)]

    def _continue(self, reply: Reply, now: float) -> list[Output]:
        if not self.ledger.wants_continuation(reply):
            return []
        reply.called = False  # once
        return self.request("", now)

    # --- receiving -----------------------------------------------------------------------------

    def _on_created(self, message: Message, now: float) -> list[Output]:
        response = message.object("response")
        reply_id = text(response, "id") or self._invent_id()
        return self._begin(self.ledger.entry(reply_id), now, _request_of(response))

    def _begin(self, reply: Reply, now: float, request: str | None = None) -> list[Output]:
        """``request``: the name of the request that it answers, where the service repeats it;
        None: it began without a ``response.created``, which would have said so."""
        if reply.announced:
            return []
        reply.announced = True
        if not self._promises.begins(request, now):
            reply.disowned = reply.cancelled = True
            self._watch(now)
            return [SendFrame(frames.cancel(self._next_id(), reply.reply_id))]
        outputs: list[Output] = [Emit(ReplyStarted(reply.reply_id))]
        if reply.cancelled:
            outputs.append(SendFrame(frames.cancel(self._next_id(), reply.reply_id)))
        self._watch(now)
        return outputs

    def _reply_of(self, message: Message, now: float) -> tuple[Reply, list[Output]]:
        """The reply a message belongs to; it may begin with this message."""
        reply_id = message.text("response_id")
        if not reply_id:
            active = self.ledger.active
            reply_id = active[-1].reply_id if active else self._invent_id()
        reply = self.ledger.entry(reply_id)
        outputs = self._begin(reply, now) if not reply.done else []
        if reply.active:
            self._watch(now)
        return reply, outputs

    def _invent_id(self) -> str:
        self._unnamed += 1
        return f"unnamed_{self._unnamed}"

    def _on_progress(self, message: Message, now: float) -> list[Output]:
        return self._reply_of(message, now)[1]

    def _on_audio(self, message: Message, now: float) -> list[Output]:
        reply, outputs = self._reply_of(message, now)
        if reply.done or reply.cancelled:
            return outputs
        item = self.ledger.item(reply, message.text("item_id"))
        if not item.received_bytes:
            item.content_index = max(0, message.whole("content_index"))
        pcm = item.take(message.audio or b"")
        if pcm:
            outputs.append(Emit(ReplyAudio(reply.reply_id, item.item_id, pcm)))
        return outputs

    def _on_audio_done(self, message: Message, now: float) -> list[Output]:
        reply, outputs = self._reply_of(message, now)
        if reply.done or reply.cancelled:
            return outputs
        return [*outputs, *_odd_end(self.ledger.item(reply, message.text("item_id")))]

    def _on_words(self, message: Message, now: float) -> list[Output]:
        return self._words(message, message.text("delta"), now, final=False)

    def _on_transcript(self, message: Message, now: float) -> list[Output]:
        return self._words(message, message.text("transcript"), now, final=True)

    def _on_text(self, message: Message, now: float) -> list[Output]:
        return self._words(message, message.text("text"), now, final=True)

    def _words(self, message: Message, words: str, now: float, *, final: bool) -> list[Output]:
        reply, outputs = self._reply_of(message, now)
        if reply.done or reply.cancelled or not (words or final):
            return outputs
        item_id = self.ledger.item(reply, message.text("item_id")).item_id
        return [*outputs, Emit(ReplyTranscript(reply.reply_id, item_id, words, final))]

    def _on_item_added(self, message: Message, now: float) -> list[Output]:
        """A call is announced with its name; later events may lack it."""
        reply, outputs = self._reply_of(message, now)
        announced = message.object("item")
        if text(announced, "type") == "function_call":
            item = self.ledger.item(reply, text(announced, "id"))
            item.call_id, item.call_name = text(announced, "call_id"), text(announced, "name")
        return outputs

    def _on_item_done(self, message: Message, now: float) -> list[Output]:
        reply, outputs = self._reply_of(message, now)
        item = message.object("item")
        if text(item, "type") == "function_call":
            outputs += self._call(reply, item, text(item, "id"))
        return outputs

    def _on_call(self, message: Message, now: float) -> list[Output]:
        reply, outputs = self._reply_of(message, now)
        return [*outputs, *self._call(reply, message.fields, message.text("item_id"))]

    def _call(self, reply: Reply, fields: Mapping[str, object], item_id: str) -> list[Output]:
        """Several events tell of one call; the first that is complete counts."""
        if reply.done or reply.cancelled:
            return []
        known = self.ledger.find_item(item_id) if item_id else None
        call_id = text(fields, "call_id") or (known.call_id if known else "")
        name = text(fields, "name") or (known.call_name if known else "")
        arguments = fields.get("arguments")
        if not call_id or not name or not isinstance(arguments, str):
            return []  # ``response.output_item.done`` or ``response.done`` may say more
        if not self.ledger.call(reply, call_id):
            return []
        return [Emit(ToolCalled(reply.reply_id, call_id, name, text(fields, "arguments")))]

    def _on_done(self, message: Message, now: float) -> list[Output]:
        response = message.object("response")
        reply_id = text(response, "id") or message.text("response_id")
        if not reply_id and self.ledger.active:
            reply_id = self.ledger.active[-1].reply_id
        if not reply_id:
            return [Note("response.done for no known response: ignored")]
        reply = self.ledger.entry(reply_id)
        if reply.done:
            return []
        outputs = self._begin(reply, now, _request_of(response))
        for item in objects(response, "output"):
            if text(item, "type") == "function_call" and text(item, "status") != "incomplete":
                outputs += self._call(reply, item, text(item, "id"))
        if not reply.cancelled:
            for received in self.ledger.items_of(reply):
                outputs += _odd_end(received)
        outputs += self._close(reply, response)
        if reply.disowned:
            heard_by_nobody = [text(item, "id") for item in objects(response, "output")]
            outputs += [self.delete(item_id) for item_id in heard_by_nobody if item_id]
        self._watch(now)
        return [*outputs, *self._continue(reply, now), *self.ask(now)]

    def _close(self, reply: Reply, response: Mapping[str, object]) -> list[Output]:
        status = text(response, "status")
        details = mapping(response, "status_details")
        error = mapping(details, "error")
        reply.done = True
        reply.status = status if status in _STATUSES else ("failed" if error else "completed")
        if reply.cancelled:
            reply.status = "cancelled"
        if reply.disowned:
            return []
        outputs: list[Output] = []
        detail = self._explain.clean(text(details, "reason"), 80)
        if reply.status == "failed":
            fault = self._explain.error(error)
            detail = fault.detail
            outputs.append(Emit(ServiceTrouble(fault.kind, fault.detail)))
        usage = flatten_numbers(mapping(response, "usage")) or None
        return [*outputs, Emit(ReplyDone(reply.reply_id, reply.status, detail, usage))]


def _request_of(response: Mapping[str, object]) -> str:
    return text(mapping(response, "metadata"), frames.REQUEST)


def _odd_end(item: Item) -> list[Output]:
    if not item.odd:
        return []
    item.odd = b""
    words = "the reply's audio ended in half a sample, which was dropped"
    return [Emit(ServiceTrouble(ErrorKind.PROTOCOL, words))]
