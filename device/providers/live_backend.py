"""OpenAI Live: the work that the model leaves to its backend, and the device's tools in it.

The rulings stand in ``live.py``; what is under way is kept in ``live_work.py``.
"""

from __future__ import annotations

from collections.abc import Mapping

from device.capabilities import Capabilities
from device.events import ErrorKind, UsageReported
from device.providers import live_frames as frames
from device.providers.at_work import AtWork
from device.providers.base import Emit, Note, Output, SendFrame, SessionSpec
from device.providers.duplex import Duplex, Manner
from device.providers.live_work import Call, Work
from device.providers.wire import flatten_numbers, mapping, text

PATIENCE_S = 30.0
CANNOT = "Nothing can be looked up or done here: answer from what you know."
NOT_WANTED = '{"status":"not wanted any more"}'
_RESPONSE_ENDS = frozenset(
    {"response.completed", "response.failed", "response.incomplete", "response.cancelled"}
)


class Delegating(Duplex):
    """A session that delegates. What the service tells of it goes into :meth:`_on_delegation`
    and :meth:`_on_backend`."""

    def __init__(self, spec: SessionSpec, able: Capabilities, manner: Manner) -> None:
        super().__init__(spec, able, manner)
        self._work = Work()
        self._at_work = AtWork(spec.reply_timeout_s)
        self._patience = 0.0  # until then an answer is awaited
        self._go_ons = 0
        self._owes_go_on = False  # to a response that nobody wants any more

    def _begin_reply(self, pcm: bytes, now: float) -> list[Output]:
        self._work.owed = False
        return super()._begin_reply(pcm, now)

    def _sounded(self, now: float, *, anew: bool) -> None:
        self._patience = now + PATIENCE_S
        if anew:
            self._work.told()

    def _holds_reply(self) -> bool:
        return self._work.pending

    def _awaits_more(self) -> bool:
        return self._work.owed or self._work.pending

    def _gave_up(self, now: float) -> list[Output]:
        """The backend may wait for results, and would mix them up with those of later work."""
        left = self._work.call_off()
        outputs = [self._not_wanted(call_id) for call_id in left.unanswered]
        self._owes_go_on = self._owes_go_on or left.called
        return outputs + (self._settle() if left.response_over else [])

    def _not_wanted(self, call_id: str) -> Output:
        return SendFrame(frames.call_output(call_id, NOT_WANTED))

    def _settle(self) -> list[Output]:
        """Let the backend finish what nobody wants any more."""
        if not self._owes_go_on:
            return []
        self._owes_go_on = False
        self._go_ons += 1
        return [SendFrame(frames.go_on(self._go_on_id))]

    def _on_delegation(self, delegation: Mapping[str, object], now: float) -> list[Output]:
        delegation_id = text(delegation, "id")
        if text(delegation, "target") == "client":  # there is nobody here to do it
            return [SendFrame(frames.commentary(CANNOT, delegation_id))] if delegation_id else []
        if self._wanted(delegation_id):
            self._work.begins(delegation_id, now)
            self._patience = now + PATIENCE_S
            return self._tell_of_work(now)
        if not self._turn_open:
            self._work.refuse(delegation_id)
        return []

    def _wanted(self, delegation_id: str) -> bool:
        """Whether it is for what the person still wants to know."""
        if self._work.is_stale(delegation_id):
            return False
        return not self._called_off or (self._turn_open and self._speaker.may_have_finished)

    def _on_backend(
        self, event: Mapping[str, object], delegation_id: str, now: float
    ) -> list[Output]:
        wanted = self._wanted(delegation_id)
        if wanted:
            self._patience = now + PATIENCE_S
        outputs = self._on_backend_event(event, delegation_id, wanted, now)
        return outputs + (self._tell_of_work(now) if wanted else [])

    def _tell_of_work(self, now: float) -> list[Output]:
        awaited = self._turn_open or self._taken or self._speech.wanted
        if awaited and not self._called_off and self._work.pending:
            return self._at_work.tell(now)
        self._at_work.over()
        return []

    def _on_backend_event(
        self, event: Mapping[str, object], delegation_id: str, wanted: bool, now: float
    ) -> list[Output]:
        match kind := text(event, "type"):
            case "response.created" | "response.in_progress":
                if wanted:
                    self._work.responds(delegation_id, now)
                return []
            case "response.output_item.done":
                item = mapping(event, "item")
                if text(item, "type") != "function_call":
                    return []
                return self._on_call(item, delegation_id, wanted, now)
            case _ if kind in _RESPONSE_ENDS:
                return self._on_response_over(mapping(event, "response"), wanted, now)
            case _:
                return []  # its words are for the model

    def _on_call(
        self, item: Mapping[str, object], delegation_id: str, wanted: bool, now: float
    ) -> list[Output]:
        call = Call(text(item, "call_id"), text(item, "name"), text(item, "arguments"))
        if not call.call_id or not call.name:
            return self._trouble(ErrorKind.PROTOCOL, "a tool was called without a name")
        if not wanted:
            self._owes_go_on = True
            return [self._not_wanted(call.call_id)]
        if not self._work.asks(call, delegation_id, now):
            return []
        self._called_off = False
        outputs = self._take_turn(now)
        if not self._speech.reply_id:
            outputs += self._begin_reply(b"", now)
        return outputs + self._speech.call(call.call_id, call.name, call.arguments)

    def _answer_call(self, call_id: str, output: str, now: float) -> list[Output]:
        if not self._work.answered(call_id, now):
            return [Note("the result of a call that nobody waits for is not sent")]
        self._patience = now + PATIENCE_S
        return [SendFrame(frames.call_output(call_id, output)), *self._go_on(now)]

    def _on_response_over(
        self, response: Mapping[str, object], wanted: bool, now: float
    ) -> list[Output]:
        outputs = _usage_of(response, frames.backend_model(self._spec))
        error = mapping(response, "error")
        if error:
            fault = self._explain.error(error)
            outputs += self._trouble(fault.kind, fault.detail)
        if not wanted:
            return outputs + self._settle()
        self._work.response_over(now)
        return outputs + self._go_on(now)

    def _go_on(self, now: float) -> list[Output]:
        """All calls are answered: what sounds next is another reply."""
        if not self._work.may_go_on(now):
            return []
        self._work.goes_on(now)
        self._go_ons += 1
        outputs = self._end_reply("completed", now)
        return [*outputs, SendFrame(frames.go_on(self._go_on_id))]

    @property
    def _go_on_id(self) -> str:
        return f"parlor_{self._go_ons}"

    def _refused(self, about: str, detail: str, now: float) -> list[Output]:
        """The service refused to go on: there will be no answer."""
        if not about or about != self._go_on_id or not self._work.owed:
            return []
        self._work.call_off()
        outputs = self._begin_reply(b"", now)
        return outputs + self._end_reply("failed", now, detail)

    def _time_out(self, now: float) -> list[Output]:
        outputs = self._go_on(now)
        self._work.expire(now)
        if self._work.owed and not self._work.pending and not self._speech.reply_id:
            outputs += [*self._begin_reply(b"", now), *self._end_reply("completed", now)]
        self._feed_or_not()
        if self._at_work.due is not None:
            outputs += self._tell_of_work(now)
        return outputs + super()._time_out(now)


def _usage_of(response: Mapping[str, object], model: str) -> list[Output]:
    """The backend's tokens: they are billed by themselves, as those of ``model``."""
    told = flatten_numbers(mapping(response, "usage"))
    counts = {name: max(0, int(n)) for name, n in told.items()}
    tokens_in, tokens_out = counts.get("input_tokens", 0), counts.get("output_tokens", 0)
    cached = counts.get("input_tokens_details.cached_tokens", 0)
    if not (tokens_in or tokens_out):
        return []
    report = UsageReported(
        text_in=tokens_in, text_out=tokens_out, cached_text_in=cached, model=model
    )
    return [Emit(report)]
