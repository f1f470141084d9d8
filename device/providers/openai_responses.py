"""Replies of the OpenAI Realtime protocol, as they are received.

The other half of what is between ``response.create`` and ``response.done``; the first is
:class:`device.providers.openai_requests.Requests`. Pure; driven by
:class:`device.providers.openai_realtime.OpenAIRealtime`.

A response that somebody else asked for outside the conversation is no reply of ours: nothing of
it is told but what it took.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from device.events import (
    ErrorKind,
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ReplyTranscript,
    ServiceTrouble,
    ToolCalled,
)
from device.providers import openai_frames as frames
from device.providers import openai_usage
from device.providers.base import Emit, Note, Output, SendFrame, SessionSpec
from device.providers.faults import Explainer
from device.providers.openai_barrier import Barrier
from device.providers.openai_dialects import Dialect
from device.providers.openai_replies import Item, Reply
from device.providers.openai_requests import Requests
from device.providers.openai_wire import Message
from device.providers.wire import flatten_numbers, mapping, objects, text

_STATUSES = ("completed", "cancelled", "failed", "incomplete")


class Responses(Requests):
    """All replies of a session."""

    def __init__(
        self,
        spec: SessionSpec,
        dialect: Dialect,
        explain: Explainer,
        next_id: Callable[[], str],
        tidy_id: Callable[[], str],
        barrier: Barrier,
    ) -> None:
        super().__init__(spec, dialect, explain, next_id, tidy_id, barrier)
        self._unnamed = 0
        self._tells_conversation = False  # of a response, whether it is of the conversation
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
            "conversation.item.added": self._on_conversation_item,
            "conversation.item.done": self._on_conversation_item,
            "response.mcp_call_arguments.delta": self._on_server_life,
            "response.mcp_call_arguments.done": self._on_server_life,
            "response.mcp_call.in_progress": self._on_server_call,
            "response.mcp_call.completed": self._on_server_call,
            "response.mcp_call.failed": self._on_server_call,
            "mcp_list_tools.in_progress": self._on_server_life,
            "mcp_list_tools.completed": self._on_server_life,
            "mcp_list_tools.failed": self._on_list_failed,
        }

    def unanswerable(self, why: str) -> list[Output]:
        """The reply to a turn that the service does not take: nobody is to wait for another."""
        if self._paused is not None or any(not reply.disowned for reply in self.ledger.active):
            return [Emit(ServiceTrouble(ErrorKind.PROTOCOL, why))]
        name = self._invent_id()
        return [Emit(ReplyStarted(name)), Emit(ReplyDone(name, "failed", why))]

    # --- receiving -----------------------------------------------------------------------------

    def _on_created(self, message: Message, now: float) -> list[Output]:
        response = message.object("response")
        reply = self.ledger.entry(text(response, "id") or self._invent_id())
        self._judge(reply, response)
        return self._begin(reply, now, _request_of(response))

    def _judge(self, reply: Reply, response: Mapping[str, object]) -> None:
        """Is it of the conversation? Some servers never say, others say null of every one; so
        null counts where others were told otherwise, or where it bears somebody else's mark."""
        if text(response, "conversation_id"):
            self._tells_conversation = True
        elif not (reply.announced or reply.foreign or _request_of(response)):
            says_no = "conversation_id" in response and response["conversation_id"] is None
            sure = self._tells_conversation or bool(mapping(response, "metadata"))
            reply.foreign = text(response, "conversation") == "none" or (says_no and sure)
            reply.cancelled |= reply.foreign  # nothing of it is told

    def _begin(self, reply: Reply, now: float, request: str | None = None) -> list[Output]:
        """``request``: the name of the request that it answers, where the service repeats it;
        None: it began without a ``response.created``, which would have said so."""
        if reply.announced or reply.foreign:
            return []
        reply.announced = True
        unwanted = self._paused is None and self._goes_on_unwanted(request, now)
        if unwanted or not self._promises.begins(request, now):
            reply.disowned = reply.cancelled = True
            self._watch(now)
            return [SendFrame(frames.cancel(self._next_id(), reply.reply_id))]
        follows = self._takes_over(reply, now)
        outputs: list[Output] = [] if follows else [Emit(ReplyStarted(reply.name))]
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
        reply.asks_servers = False
        pcm = item.take(message.audio or b"")
        if pcm:
            outputs.append(Emit(ReplyAudio(reply.name, item.item_id, pcm)))
        return outputs

    def _on_audio_done(self, message: Message, now: float) -> list[Output]:
        reply, outputs = self._reply_of(message, now)
        if reply.done or reply.cancelled:
            return outputs
        return [*outputs, *_odd_end(self.ledger.item(reply, message.text("item_id")))]

    def _on_words(self, message: Message, now: float) -> list[Output]:
        return self._words(message, message.text("delta"), now, final=False)

    def _on_transcript(self, message: Message, now: float) -> list[Output]:
        return self._words(message, message.fields.get("transcript"), now, final=True)

    def _on_text(self, message: Message, now: float) -> list[Output]:
        return self._words(message, message.fields.get("text"), now, final=True)

    def _words(self, message: Message, said: object, now: float, *, final: bool) -> list[Output]:
        reply, outputs = self._reply_of(message, now)
        if reply.done or reply.cancelled or not (said or final):
            return outputs
        item = self.ledger.item(reply, message.text("item_id"))
        reply.asks_servers &= final
        if final:
            words = text({"said": said}, "said", item.words)  # not everybody repeats them
            item.said()
        else:
            words = text({"said": said}, "said")
            if not item.say(words):
                return outputs
        return [*outputs, Emit(ReplyTranscript(reply.name, item.item_id, words, final))]

    def _on_item_added(self, message: Message, now: float) -> list[Output]:
        """A call is announced with its name; later events may lack it."""
        reply, outputs = self._reply_of(message, now)
        announced = message.object("item")
        if text(announced, "type") == "function_call":
            item = self.ledger.item(reply, text(announced, "id"))
            item.call_id, item.call_name = text(announced, "call_id"), text(announced, "name")
        return [*outputs, *self._server_item(reply, announced, now)]

    def _on_item_done(self, message: Message, now: float) -> list[Output]:
        reply, outputs = self._reply_of(message, now)
        item = message.object("item")
        if text(item, "type") == "function_call":
            outputs += self._call(reply, item, text(item, "id"))
        return [*outputs, *self._server_item(reply, item, now)]

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
        return [Emit(ToolCalled(reply.name, call_id, name, text(fields, "arguments")))]

    def _on_done(self, message: Message, now: float) -> list[Output]:
        response = message.object("response")
        reply_id = text(response, "id") or message.text("response_id")
        if not reply_id and self.ledger.active:
            reply_id = self.ledger.active[-1].reply_id
        if not reply_id:
            return [Note("response.done for no known response: ignored")]
        reply = self.ledger.entry(reply_id)
        metered = self._meter(reply, message)
        if reply.done:
            return metered
        self._judge(reply, response)
        if reply.foreign:
            reply.done = True
            return metered
        outputs = self._begin(reply, now, _request_of(response))
        for item in objects(response, "output"):
            if text(item, "type") == "function_call" and text(item, "status") != "incomplete":
                outputs += self._call(reply, item, text(item, "id"))
            outputs += self._server_item(reply, item, now)
            reply.asks_servers = self._servers.concerns(item)
        if not reply.cancelled:
            for received in self.ledger.items_of(reply):
                outputs += _odd_end(received)
        outputs += [*metered, *self._close(reply, response, now)]
        if reply.disowned:
            heard_by_nobody = [text(item, "id") for item in objects(response, "output")]
            outputs += [self.delete(item_id) for item_id in heard_by_nobody if item_id]
        self._watch(now)
        return [*outputs, *self._continue(reply, now), *self.ask(now)]

    def _meter(self, reply: Reply, message: Message) -> list[Output]:
        """What it took, whoever wanted it; xAI says so beside the response."""
        usage = mapping(message.object("response"), "usage") or message.object("usage")
        report = openai_usage.of_response(usage)
        if report is None or reply.metered or not self._metered:
            return []
        reply.metered = True
        return [Emit(report)]

    def _close(self, reply: Reply, response: Mapping[str, object], now: float) -> list[Output]:
        status = text(response, "status")
        details = mapping(response, "status_details")
        error = mapping(details, "error")
        reply.done = True
        reply.status = status if status in _STATUSES else ("failed" if error else "completed")
        if reply.cancelled:
            reply.status = "cancelled"
        if reply.disowned:
            return []
        if reply.asks_servers and reply.status == "completed" and not reply.called:
            self._pause(reply, now)
            return []
        outputs: list[Output] = []
        reason = text(details, "reason")
        detail = self._explain.clean(reason, 80)
        if reply.status == "failed":
            fault = self._explain.error(error)
            detail = fault.detail
            outputs.append(Emit(ServiceTrouble(fault.kind, fault.detail)))
        elif reply.status == "cancelled" and not reply.cancelled and reason == "turn_detected":
            outputs.append(Emit(ReplyInterrupted(reply.name)))
        usage = flatten_numbers(mapping(response, "usage")) or None
        return [*outputs, Emit(ReplyDone(reply.name, reply.status, detail, usage))]

    # --- tool servers ---------------------------------------------------------------------------

    def _on_conversation_item(self, message: Message, now: float) -> list[Output]:
        item = message.object("item")
        if not text(item, "type").startswith("mcp_"):
            return []
        wanted = self._paused is not None or any(not r.cancelled for r in self.ledger.active)
        return self._servers_told(self._servers.item(item, now, wanted=wanted), now)

    def _server_item(self, reply: Reply, item: Mapping[str, object], now: float) -> list[Output]:
        """An item of a reply; of one that nobody wants no call is allowed."""
        if reply.done or reply.foreign or not text(item, "type").startswith("mcp_"):
            return []
        reply.asks_servers = self._servers.concerns(item)
        wanted = not reply.cancelled
        if reply.asks_servers and not wanted:
            self._may_go_on_unwanted(now)
        return self._servers_told(self._servers.item(item, now, wanted=wanted), now)

    def _on_server_life(self, _message: Message, now: float) -> list[Output]:
        return self._servers_told([], now)

    def _on_server_call(self, message: Message, now: float) -> list[Output]:
        item_id, outputs = message.text("item_id"), list[Output]()
        if message.type.endswith(".in_progress"):
            self._servers.in_progress(item_id, now)
        elif message.type.endswith(".completed"):
            self._servers.completed(item_id)
        else:
            outputs = self._servers.failed(item_id)
        return self._servers_told(outputs, now)

    def _on_list_failed(self, message: Message, now: float) -> list[Output]:
        return self._servers_told(self._servers.failed(message.text("item_id")), now)

    def _servers_told(self, outputs: list[Output], now: float) -> list[Output]:
        """Something of a tool server is a sign of life, and may be what was waited for."""
        self._servers_changed(now)
        return [*outputs, *self._tell_of_work(now), *self.ask(now)]


def _request_of(response: Mapping[str, object]) -> str:
    return text(mapping(response, "metadata"), frames.REQUEST)


def _odd_end(item: Item) -> list[Output]:
    if not item.odd:
        return []
    item.odd = b""
    words = "the reply's audio ended in half a sample, which was dropped"
    return [Emit(ServiceTrouble(ErrorKind.PROTOCOL, words))]
