"""The owner's limits on cost are reached: how a conversation ends then.

What is being answered is answered to its end: it is paid for. Then a service that costs nothing
takes over where one is configured; otherwise the device says why it stops, in its own voice, and
closes the session. Until services may cost something again no other is opened, and who speaks to
the device is told the same.
"""

from __future__ import annotations

from device.commands import CloseLink, Cue, OpenLink, PlayCue
from device.core.linking import Linking
from device.core.phases import Phase
from device.core.phrasebook import Phrase
from device.events import BudgetNeared, BudgetReached, BudgetRestored, StopReason

ANSWERED_EACH_S = 0.5


class Budget(Linking):
    """Handlers of what the meter tells."""

    _free: tuple[str, ...] = ()  #: services that may be used when no other may

    def _on_budget_neared(self, event: BudgetNeared, _now: float) -> None:
        self._report("budget", state="near", detail=event.detail)

    def _on_budget_reached(self, event: BudgetReached, now: float) -> None:
        self._report("budget", state="reached", detail=event.detail)
        self._free = event.free
        if event.lasting:
            self._failover.bar_all_but(event.free)
        if self._failover.current not in event.free:
            self._due_no_budget(now, answered=False)

    def _on_budget_restored(self, _event: BudgetRestored, now: float) -> None:
        self._report("budget", state="restored")
        self._failover.bar_all_but(None)
        self.deadlines.drop("no_budget")
        self._set_go_back(now)
        if self._connects.connect == "always" and not self._link_open:
            self._out.append(OpenLink())

    def _want_link(self, now: float) -> None:
        """Nothing is opened that costs while nothing may be spent."""
        if self._failover.barred and not self._leave_for_free(now, reopen=False):
            self.deadlines.set("no_budget", now, lasting=True)
        else:
            super()._want_link(now)

    def _due_no_budget(self, now: float, *, answered: bool = True) -> None:
        """As soon as nothing is being answered any more. ``answered``: something was."""
        if self.phase in (Phase.THINKING, Phase.SPEAKING):
            self.deadlines.set("no_budget", now + ANSWERED_EACH_S, lasting=True)
        elif self._failover.current in self._free:
            return
        elif not self._leave_for_free(now, reopen=True if self.phase is Phase.LISTENING else None):
            self._end_for_budget(now, answered=answered)

    def _leave_for_free(self, now: float, *, reopen: bool | None) -> bool:
        paid = self._failover.current
        name = self._failover.leave_for(self._free, now)
        if name is None:
            return False
        why = "what services may cost is used up"
        self._report("failover", service=name, instead_of=paid, detail=why)
        self._go_over_to(name, now, reopen=reopen)
        return True

    def _end_for_budget(self, now: float, *, answered: bool) -> None:
        spoken_to = answered or self.phase in (Phase.LISTENING, Phase.FOLLOW_UP)
        self._abandon(now, StopReason.ERROR)
        self._link_open = False
        self._rollover.closed()
        self._out.append(CloseLink("the budget is used up"))
        if spoken_to and self._say(Phrase.NO_BUDGET, now):
            self._ends_conversation = True
            return
        if spoken_to:
            self._out.append(PlayCue(Cue.ERROR))
        self._become_idle(now)
