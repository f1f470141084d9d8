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
#: named in its right order; ``*`` is any other event that is no bound of a session or a reply.
#: What the core does with each is the reason; what it does rely on, `judging.order` and its like
#: hold against every codec.
EQUIVALENT = {
    "ReplyTranscript ReplyAudio": "a chunk sooner or later a word stays within its bracket",
    "ReplyAudio ReplyTranscript": "a chunk sooner or later a word stays within its bracket",
    "ReplyStarted UserTranscript": "the core asks whether an answer sounds, not whether it began",
    "UserTranscript ReplyStarted": "the core asks whether an answer sounds, not whether it began",
    "UserTranscript ReplyTranscript": "the answer does not sound yet, nor are its words final",
    "UserTranscript TurnCommitted": "they are not the final words: those it only shows",
    "TurnCommitted UserTranscript": "they are not the final words: those it only shows",
    "openai_live: UserTranscript ReplyAudio": "words that come while it sounds call off nothing",
    "openai_live: ReplyAudio UserTranscript": "words that come while it sounds call off nothing",
    "openai_live: UserTranscript ReplyDone": "the answer's words are in the reply after the call",
    "UserTranscript ServiceWorking": "words do not move the time by which a reply must come",
    "ServiceWorking ReplyStarted": "both move the time by which the reply must come",
    "openai_live: ServiceWorking TurnCommitted": "both move the time by which the reply must come",
    "* SessionResumable": "the newest handle is for the next connection, and nothing else",
    "SessionResumable *": "the newest handle is for the next connection, and nothing else",
    "* UsageReported": "it goes to the meter alone, which counts until the reply is over",
    "UsageReported *": "it goes to the meter alone, which counts until the reply is over",
}
BOUNDS = frozenset({"LinkOpened", "ReplyDone"})


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
        known = [self.about, f"{self.case}: {self.about}"]
        first, _, second = self.about.partition(" ")
        if self.mutant.what == "swap" and not BOUNDS & {first, second}:
            known += [f"{first} *", f"* {second}"]
        return next((EQUIVALENT[one] for one in known if one in EQUIVALENT), "")

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
    chosen += [one for one in wanted if one not in chosen]
    played = 0
    while not mutation.about and played < len(chosen):
        killed_by = await _killed(chosen[played], room)
        played += 1
        if killed_by:
            return Verdict(str(case), mutant, device_ends, mutation.about, killed_by)
    # A pair is known when its second is there, and swapped from then on: also in what was played.
    again = chosen[:played] if mutant.what == "swap" else []
    for scenario in [*reversed(again), *chosen[played:]] if mutation.about else []:
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
