"""Asking for replies of the OpenAI Realtime protocol, waiting for them, calling them off.

One half of :class:`device.providers.openai_responses.Responses`, which receives them. Pure.

A reply in which the service asked a tool server (MCP) ends before that has answered, and what
comes of it is another response. Nobody asked for two, so to the core both are one reply: its
``ReplyDone`` waits (:attr:`Requests._paused`), and the next response goes on under its name. The
service leaves it to the client to ask for that one; one that begins by itself is taken as well
(not verified: :data:`GOES_ON_WITHIN_S`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from device.events import ErrorKind, ReplyDone, ServiceTrouble
from device.providers import openai_frames as frames
from device.providers.at_work import AtWork
from device.providers.base import Emit, Note, Output, SendFrame, SessionSpec
from device.providers.faults import Explainer, Fault
from device.providers.openai_barrier import Barrier
from device.providers.openai_dialects import Dialect
from device.providers.openai_promises import Promises
from device.providers.openai_replies import Reply, ReplyLedger
from device.providers.openai_tool_servers import ToolServers

GOES_ON_WITHIN_S = 0.5
"""A service that speaks by itself of what a tool server answered begins within this time."""

_MOST_HELD = 64
_BUSY = "conversation_already_has_active_response"


class Requests:
    """What was asked for, what may yet begin, and how long is waited.

    ``tidy_id`` gives ids to events whose refusal is of no consequence. While ``barrier`` is up
    nothing is asked for: the service may yet take a turn that was taken back, and whoever
    answers then would see it.
    """

    def __init__(
        self,
        spec: SessionSpec,
        dialect: Dialect,
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
        self._named = dialect.names_requests
        self._metered = not dialect.free
        self.ledger = ReplyLedger()
        self._servers = ToolServers(spec, explain, next_id)
        self._at_work = AtWork(spec.reply_timeout_s)
        self._silent_at: float | None = None  # when the service's silence becomes a trouble ...
        self._patience_s = spec.reply_timeout_s  # ... which is so long
        self._promises = Promises()
        self._held: deque[str] = deque(
            maxlen=_MOST_HELD
        )  # instructions of requests that wait their turn
        self._unasked_turn = ""  # the item that the first of them is about, if that is known
        self._paused: Reply | None = None  # goes on when a tool server has answered
        self._goes_on_at: float | None = None  # when we ask for that
        self._goes_on_asked = False
        self._unwanted_until = float("-inf")  # the service may go on with what was called off

    @property
    def due(self) -> float | None:
        """When `time_out` wants to be called."""
        times = [self._silent_at, self._goes_on_at, self._at_work.due]
        if self._held and not self._must_wait:
            times.append(self._barrier.due)
        if self._held or self._pausing:
            times.append(self._servers.due)
        return min((time for time in times if time is not None), default=None)

    @property
    def _must_wait(self) -> bool:
        """A reply is under way, or is about to begin: nothing can be asked for."""
        return self._pausing or self._promises.awaited or bool(self.ledger.active)

    @property
    def _pausing(self) -> bool:
        """A reply is to go on, and that was not asked for."""
        return self._paused is not None and not self._goes_on_asked

    # --- asking ---------------------------------------------------------------------

    def request(self, instructions: str, now: float) -> list[Output]:
        """Ask for a reply, now or as soon as none is under way."""
        if instructions not in self._held:
            self._held.append(instructions)
        return self.ask(now)

    def ask(self, now: float) -> list[Output]:
        """Make the next request, if nothing stands in its way any more."""
        servers_work = self._servers.at_work(now)
        if not self._held or self._must_wait or self._barrier.is_up(now) or servers_work:
            return []
        instructions = self._held.popleft()
        event_id = self._next_id()
        self._promises.asked(event_id, instructions, self._unasked_turn)
        self._unasked_turn = ""
        self._watch(now)
        return [SendFrame(frames.create_response(event_id, instructions, named=self._named))]

    def is_about(self, item_id: str) -> None:
        """The turn that we asked a reply to, or are about to, is this item."""
        if not self._promises.is_about(item_id) and self._held:
            self._unasked_turn = item_id

    def expect(self, item_id: str, now: float) -> list[Output]:
        """The service took a turn and answers it by itself.

        That answer also covers tool results which wait to be asked about.
        """
        if "" in self._held:
            self._held.remove("")
        over = self._end_pause("completed", now)
        self._promises.turn_taken(item_id, now)
        self._watch(now)
        return over

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
        if self._named and "metadata" in fault.detail:
            self._named = False
            self._held.appendleft(promise.instructions)
            note = Note("the service takes no names of requests: replies are known by their order")
            return [note, *self.ask(now)]
        over = self._end_pause("failed", now, fault.detail) if self._goes_on_asked else []
        self._watch(now)
        return [Emit(ServiceTrouble(fault.kind, fault.detail)), *over, *self.ask(now)]

    # --- calling off -------------------------------------------------------------------

    def cancel(self, reply_id: str, now: float) -> list[Output]:
        """Stop generating; a reply that has not begun is cancelled when it does."""
        if self._paused is not None and self._paused.name == reply_id:
            self._ask_no_more(now)
            return [*self._end_pause("cancelled", now), *self.ask(now)]
        reply = self.ledger.carrier(reply_id)
        was_cancelled, reply.cancelled = reply.cancelled, True
        if was_cancelled or not reply.active:
            return []
        if reply.asks_servers or reply.told_as:
            self._may_go_on_unwanted(now)
        return [SendFrame(frames.cancel(self._next_id(), reply.reply_id))]

    def disown(self, now: float) -> list[Output]:
        """Whatever was asked for or promised, and has not begun, is not wanted any more: it
        is cancelled when it begins, and nobody is told of it. The turn it would have answered
        goes from the conversation, so that no later reply answers it."""
        self._held.clear()
        turns = [*self._promises.disown(now), self._unasked_turn]
        self._unasked_turn = ""
        over = self._end_pause("cancelled", now)
        self._watch(now)
        return [*over, *(self.delete(item_id) for item_id in turns if item_id)]

    def delete(self, item_id: str) -> Output:
        """Nothing of the kind was said, as far as the conversation is concerned."""
        return SendFrame(frames.delete_item(self._tidy_id(), item_id))

    # --- waiting -------------------------------------------------------------------------

    def user_speaks(self) -> None:
        """What was promised may never come; the next commit promises again."""
        if not self.ledger.active:
            self._silent_at = None

    def time_out(self, now: float) -> list[Output]:
        """Ask for what had to wait. No sign of life from the service: report it and give up
        what is under way."""
        if self._silent_at is None or now < self._silent_at:
            self._plan_to_go_on(now)
            return [*self._tell_of_work(now), *self._go_on(now), *self.ask(now)]
        words = f"no sign of a reply for {self._patience_s:g} s"
        self._servers.forget()
        self._at_work.over()
        outputs: list[Output] = []
        unheard = self._paused is not None or self._promises.awaited
        if unheard or not all(reply.disowned for reply in self.ledger.active):
            outputs.append(Emit(ServiceTrouble(ErrorKind.SERVICE, words)))
        for reply in self.ledger.active:
            outputs += self.cancel(reply.name, now)
            reply.done, reply.status = True, "failed"
            if not reply.disowned:
                outputs.append(Emit(ReplyDone(reply.name, "failed", words)))
        outputs += self._end_pause("failed", now, words)
        self._promises.clear()
        self._silent_at = None
        return [*outputs, *self.ask(now)]  # who had to wait for it has waited long enough

    def _watch(self, now: float) -> None:
        """From now on silence is a trouble, if anything is waited for."""
        waiting = self._paused is not None or self._promises.awaited or self.ledger.active
        self._patience_s = self._spec.reply_timeout_s
        if self._servers.at_work(now):
            self._patience_s = max(self._patience_s, self._spec.longest_work_s)
        self._silent_at = now + self._patience_s if waiting else None

    # --- going on after a tool server --------------------------------------------------------

    def _pause(self, reply: Reply, now: float) -> None:
        """It is over on the wire, and not for the core: what the tool server answers follows."""
        self._paused, self._goes_on_asked = reply, False
        self._servers_changed(now)

    def _servers_changed(self, now: float) -> None:
        """One of them began or ended, or showed life."""
        self._plan_to_go_on(now)
        if self._silent_at is not None or self._paused is not None:
            self._watch(now)

    def _tell_of_work(self, now: float) -> list[Output]:
        """While a tool server is asked for a reply that is wanted."""
        active = any(not reply.cancelled for reply in self.ledger.active)
        if self._servers.at_work(now) and (active or self._paused is not None):
            return self._at_work.tell(now)
        self._at_work.over()
        return []

    def _plan_to_go_on(self, now: float) -> None:
        if self._servers.at_work(now) or not self._pausing:
            self._goes_on_at = None
        elif self._goes_on_at is None:
            self._goes_on_at = now + GOES_ON_WITHIN_S

    def _go_on(self, now: float) -> list[Output]:
        """The service has not gone on by itself: ask it to."""
        if self._goes_on_at is None or now < self._goes_on_at:
            return []
        self._goes_on_at, self._goes_on_asked = None, True
        if "" in self._held:
            self._held.remove("")
        self._held.appendleft("")
        return []

    def _may_go_on_unwanted(self, now: float) -> None:
        """A tool server was asked for a reply that nobody wants any more."""
        self._unwanted_until = now + self._spec.longest_work_s

    def _goes_on_unwanted(self, request: str | None, now: float) -> bool:
        """Whether a reply that begins is the service's own going on with what was called off."""
        return now < self._unwanted_until and self._promises.is_unasked(request)

    def _takes_over(self, reply: Reply, now: float) -> bool:
        """Whether a reply that begins is what follows; nothing else is asked for then."""
        paused = self._paused
        if paused is None:
            return False
        reply.told_as = paused.name
        self._ask_no_more(now)
        self._paused, self._goes_on_at, self._goes_on_asked = None, None, False
        return True

    def _ask_no_more(self, now: float) -> None:
        """What was asked for, or would have been, so that it goes on, is not wanted."""
        if self._goes_on_asked:
            self._promises.disown(now)
            if "" in self._held:
                self._held.remove("")

    def _end_pause(self, status: str, now: float, detail: str = "") -> list[Output]:
        """Nothing follows."""
        paused, self._paused = self._paused, None
        self._goes_on_at, self._goes_on_asked = None, False
        if paused is None:
            return []
        self._may_go_on_unwanted(now)
        self._servers.forget()
        self._at_work.over()
        self._watch(now)
        return [Emit(ReplyDone(paused.name, status, detail))]

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
