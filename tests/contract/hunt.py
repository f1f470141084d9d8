"""Plays the scenarios with a mutant until one of them fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.contract import scenarios
from tests.contract.cases import Case
from tests.contract.mutants import Mutant, Mutation
from tests.contract.scenarios import Scenario, scenarios_of
from tests.contract.talk import Room

PATIENCE_S = 2.0
AT_ONCE = 8
#: Those that find most, and soonest, come first; what is left follows.
FIRST: tuple[Scenario, ...] = (
    scenarios.spoken_turns,
    scenarios.tool_call,
    scenarios.cut,
    scenarios.broken_off,
    scenarios.phrase,
    scenarios.history,
    scenarios.given_up_after_its_end,
)

#: Survivors that are no mistakes, by what they turned out to be, and why. A pair of events is
#: named in its right order.
FREE = frozenset({"UserTranscript", "UsageReported", "SessionResumable", "ServiceTrouble"})
EQUIVALENT = {
    "ReplyTranscript ReplyAudio": "the contract says nothing of the order of words and sound",
    "ReplyAudio ReplyTranscript": "the contract says nothing of the order of words and sound",
    "ReplyDone ServiceSpeechStarted": "both follow from one sign of the service",
    "ReplyInterrupted ServiceSpeechStarted": "both follow from one sign of the service",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """``killed_by``: the scenario and how; empty: it survived. ``about``: what the mutant was;
    empty: this codec has none such."""

    case: str
    mutant: Mutant
    device_ends: bool
    about: str
    killed_by: str

    @property
    def why_equivalent(self) -> str:
        """Why it is none; empty where it is one."""
        names = self.about.split(" ")
        if self.mutant.what == "swap" and FREE & set(names):
            return "it may come at any time around the others"
        return EQUIVALENT.get(self.about, "") or EQUIVALENT.get(f"{self.case}: {self.about}", "")

    @property
    def is_right(self) -> bool:
        return bool(self.killed_by or not self.about or self.why_equivalent)

    def __str__(self) -> str:
        ends = "device" if self.device_ends else "service"
        fate = self.killed_by or (self.why_equivalent and f"equivalent: {self.why_equivalent}")
        return f"{self.case} ({ends} ends) {self.mutant} [{self.about}]: {fate or 'SURVIVED'}"


async def hunt(case: Case, mutant: Mutant, *, device_ends: bool) -> Verdict:
    """Play until something fails."""
    mutation = Mutation(mutant)
    room = Room(case, device_ends, mutation.wrap, PATIENCE_S)
    wanted = scenarios_of(room)
    chosen = [one for one in FIRST if one in wanted]
    for scenario in [*chosen, *(one for one in wanted if one not in chosen)]:
        unknown = not mutation.about
        killed_by = await _killed(scenario, room)
        if not killed_by and unknown and mutation.about and mutant.what == "swap":
            # A pair is known when its second is there: it is swapped from then on.
            killed_by = await _killed(scenario, room)
        if killed_by:
            return Verdict(str(case), mutant, device_ends, mutation.about, killed_by)
    return Verdict(str(case), mutant, device_ends, mutation.about, "")


async def _killed(scenario: Scenario, room: Room) -> str:
    try:
        async with asyncio.timeout(4 * PATIENCE_S):
            await scenario(room)
    except Exception as error:  # noqa: BLE001 - whatever it is, it was noticed
        said = str(error).partition("\n")[0][:90]
        return f"{scenario.__name__}: {type(error).__name__} {said}"
    return ""


async def hunts(
    prey: Iterable[tuple[Case, Mutant, bool]], tell: Callable[[Verdict], None] = lambda _: None
) -> list[Verdict]:
    """Several at once: most of the time is spent waiting for what a mutant does not do."""
    places = asyncio.Semaphore(AT_ONCE)
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)

    async def one(case: Case, mutant: Mutant, device_ends: bool) -> Verdict:
        async with places:
            verdict = await hunt(case, mutant, device_ends=device_ends)
        tell(verdict)
        return verdict

    logging.disable(logging.CRITICAL)
    try:
        return await asyncio.gather(*(one(*wanted) for wanted in prey))
    finally:
        logging.disable(logging.NOTSET)
