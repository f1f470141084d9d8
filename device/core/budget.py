"""The owner's limits on cost are reached: how a conversation ends then.

A service that costs nothing takes over where one is configured. Otherwise what is being heard is
heard to its end, the device says why it stops, in its own voice, and closes the session. Who
speaks to it later is told the same.
"""

from __future__ import annotations

from device.commands import CloseLink, Cue, PlayCue
from device.core.linking import Linking
from device.core.phases import Phase
from device.core.phrasebook import Phrase
from device.events import BudgetNeared, BudgetReached, ErrorKind, StopReason


class Budget(Linking):
    """Handlers of what the meter tells."""

    def _on_budget_neared(self, event: BudgetNeared, _now: float) -> None:
        self._report("budget", state="near", detail=event.detail)

    def _on_budget_reached(self, event: BudgetReached, now: float) -> None:
        self._report("budget", state="reached", detail=event.detail)
        wanted = self.phase is Phase.LISTENING
        if self._fail_over(ErrorKind.QUOTA, event.detail, now, reopen=wanted):
            return
        if self.phase is Phase.SPEAKING:
            self._ends_conversation = True  # what is being said is said to its end
            self.deadlines.set("no_budget", now, lasting=True)
            return
        self._end_for_budget(now)

    def _due_no_budget(self, now: float) -> None:
        """As soon as the reply was heard."""
        if self.phase is Phase.SPEAKING:
            self.deadlines.set("no_budget", now + 0.5, lasting=True)
        else:
            self._end_for_budget(now)

    def _end_for_budget(self, now: float) -> None:
        spoken_to = self.phase in (Phase.LISTENING, Phase.THINKING, Phase.FOLLOW_UP)
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
