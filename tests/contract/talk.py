"""A conversation through the real link: what the core would do, as far as the service sees it."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from device.adapters.link import WebSocketLink
from device.adapters.link_tuning import LinkTuning
from device.commands import AppendAudio, ClearInput, CommitTurn, SendToolResult, ServiceCommand
from device.events import (
    Event,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    ServiceTrouble,
    ToolCalled,
    TurnCommitted,
    UserTranscript,
)
from device.providers.base import Codec, SessionSpec, ToolSpec
from device.settings import ServiceSettings
from device.simulator.services.brain import RATE_HZ, converted
from device.simulator.services.line import Trouble
from device.simulator.services.stand_in import StandIn
from tests.contract import laws
from tests.contract.cases import KEY, Case
from tests.contract.voices import RESULT, TOOL, Brain, Question
from tests.contract.wrapped import Watched

E = TypeVar("E")
PIECE_MS = 40
PIECE = 2 * RATE_HZ * PIECE_MS // 1000
#: What a service must hear behind a turn that it is to end itself.
PAUSE_S = 0.8


def tuning(patience_s: float) -> LinkTuning:
    """One attempt is looked at, and a dead line noticed within the patience."""
    return LinkTuning(
        backoff_base_s=30.0,
        backoff_cap_s=60.0,
        slow_retry_s=60.0,
        close_timeout_s=0.3 if patience_s < 5 else 2.0,
        ping_interval_s=0.2 * patience_s,
        # Where nothing is meant to die, a machine that stands still must not look like a death.
        silence_limit_s=0.5 * patience_s if patience_s < 5 else 2 * patience_s,
        blind_fence_s=0.3,
    )


TOOLS = (
    ToolSpec(
        TOOL,
        "Tells the time.",
        {"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]},
    ),
)

Wrap = Callable[[Codec], Codec]


def as_it_is(codec: Codec) -> Codec:
    return codec


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()


@dataclass
class Reply:
    """As it was emitted."""

    reply_id: str
    pcm: bytes = field(default=b"", repr=False)
    parts: str = ""
    whole: str = ""  #: the final text, where one came
    status: str = ""
    item_id: str = ""


class Talk:
    """The appliance's side of one conversation. Tools are answered at once; where the service
    took a turn, the rest of the sound is taken back, as the core does."""

    def __init__(
        self,
        case: Case,
        service: StandIn,
        brain: Brain,
        *,
        device_ends: bool,
        wrap: Wrap = as_it_is,
        patience_s: float = 20.0,
        **changes: Any,
    ) -> None:
        self.case, self.service, self.brain = case, service, brain
        self.device_ends, self.patience_s = device_ends, patience_s
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        spec = SessionSpec(
            url=case.url(service),
            key=KEY,
            instructions="Be brief.",
            transcription_model=case.transcription_model,
            device_ends_turn=device_ends,
            tools=TOOLS if case.able.calls_tools else (),
            model=case.model,
            options=case.options(service),
            handshake_timeout_s=patience_s / 2,
        )
        self._spec, self._wrap = replace(spec, **changes), wrap
        self.codecs: list[Watched] = []
        self._clock = SystemClock()
        self.link = WebSocketLink(
            codec_factory=self._codec,
            post=self._post,
            clock=self._clock,
            rng=random.Random(1),
            settings=ServiceSettings(),
            uplink_rate_hz=case.rates_hz[0],
            downlink_rate_hz=case.rates_hz[1],
            tuning=tuning(patience_s),
        )

    def _codec(self) -> Codec:
        self.codecs.append(Watched(self._wrap(self.case.make(self._spec))))
        return self.codecs[-1]

    def hurry(self, rate: float) -> None:
        """The time of the codec passes so many times as fast, from what it is told next on."""
        self.codecs[-1].hurry(rate, self._clock.monotonic())

    def _post(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()
        if isinstance(event, ToolCalled):
            self.soon(SendToolResult(event.call_id, RESULT))
        elif isinstance(event, TurnCommitted) and not self.device_ends:
            self.soon(ClearInput())

    def soon(self, command: ServiceCommand) -> None:
        asyncio.get_running_loop().call_soon(self.link.send, command)

    # --- what was emitted ---------------------------------------------------------------

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, kind: type[E], count: int = 1) -> E:
        """The ``count``-th event of ``kind``."""
        try:
            async with asyncio.timeout(self.patience_s):
                while len(self.of(kind)) < count:
                    self._changed.clear()
                    await self._changed.wait()
                    self._must_go_on(kind, count)
        except TimeoutError:
            words = f"no {kind.__name__} number {count}"
            raise laws.BrokenError(f"{words}:\n  {laws.shown(self.events)}") from None
        return self.of(kind)[count - 1]

    def _must_go_on(self, kind: type[Event], count: int) -> None:
        over = self.of(LinkClosed) or self.of(LinkFailed)
        if over and kind not in (LinkClosed, LinkFailed) and len(self.of(kind)) < count:
            raise laws.BrokenError(f"over, and no {kind.__name__}: {over[0]}")

    def replies(self) -> list[Reply]:
        found: dict[str, Reply] = {}
        for event in self.events:
            match event:
                case ReplyStarted(reply_id):
                    found[reply_id] = Reply(reply_id)
                case ReplyAudio(reply_id, item_id, pcm):
                    found[reply_id].pcm += pcm
                    found[reply_id].item_id = item_id
                case ReplyTranscript(reply_id, _, text, True):
                    found[reply_id].whole = text
                case ReplyTranscript(reply_id, _, text, _):
                    found[reply_id].parts += text
                case ReplyDone(reply_id, status):
                    found[reply_id].status = status
        return list(found.values())

    def understood(self) -> list[str]:
        """What the service understood, in its final words."""
        return [event.text for event in self.of(UserTranscript) if event.final]

    # --- what is said -------------------------------------------------------------------

    def send(self, *commands: ServiceCommand) -> None:
        for command in commands:
            self.link.send(command)

    def sound(self, pcm: bytes) -> None:
        """``pcm`` at RATE_HZ."""
        pcm = converted(pcm, RATE_HZ, self.case.rates_hz[0])
        self.send(*(AppendAudio(pcm[at : at + PIECE]) for at in range(0, len(pcm), PIECE)))

    def say(self, question: Question, seconds: float = 0.3) -> None:
        """A turn, and its end by whom it is up to."""
        self.sound(question.spoken(seconds))
        self.end_turn()

    def end_turn(self) -> None:
        if self.device_ends:
            self.send(CommitTurn())
        else:
            self.sound(bytes(2 * round(PAUSE_S * RATE_HZ)))

    async def done(self, count: int) -> Reply:
        """The ``count``-th reply, complete."""
        await self.until(ReplyDone, count)
        return self.replies()[count - 1]

    async def answer(self, question: Question) -> Reply:
        """Ask, and hear the reply to its end."""
        before = len(self.of(ReplyDone))
        self.say(question)
        return await self.done(before + 1)


@dataclass(frozen=True, slots=True)
class Room:
    """Where scenarios are played: a case, who ends the turns, and how patient they are."""

    case: Case
    device_ends: bool
    wrap: Wrap = as_it_is
    patience_s: float = 20.0

    @asynccontextmanager
    async def service(self, brain: Brain, **options: Any) -> AsyncIterator[StandIn]:
        stand_in = self.case.stand_in(lambda: brain, **options)
        async with stand_in:
            yield stand_in

    @asynccontextmanager
    async def talking(
        self, *, open_it: bool = True, options: Mapping[str, Any] | None = None, **changes: Any
    ) -> AsyncIterator[Talk]:
        """A talk whose session is open. The laws hold of all that it emitted, and nothing went
        wrong inside the link. ``options`` are the stand-in's, ``changes`` the session's."""
        brain = Brain()
        async with self.service(brain, **(options or {})) as stand_in:
            talk = self.talk(stand_in, brain, **changes)
            try:
                talk.link.open()
                if open_it:
                    await talk.until(LinkOpened)
                yield talk
            finally:
                await talk.link.stop()
            check(talk)

    def talk(self, stand_in: StandIn, brain: Brain, **changes: Any) -> Talk:
        return Talk(
            self.case,
            stand_in,
            brain,
            device_ends=self.device_ends,
            wrap=self.wrap,
            patience_s=self.patience_s,
            **changes,
        )


def check(talk: Talk) -> None:
    """What holds whatever was played."""
    laws.check(talk.events)
    said: Sequence[str] = [
        event.reason if isinstance(event, LinkClosed) else event.detail
        for event in talk.events
        if isinstance(event, LinkClosed | LinkFailed | ServiceTrouble)
    ]
    for words in said:
        if "internal error" in words:
            raise laws.BrokenError(f"it raised: {words}")
        if KEY in words:
            raise laws.BrokenError("the key is told")
    lost = [e for e in talk.events if isinstance(e, LinkClosed | LinkFailed) and e.kind]
    troubled = lost or talk.service.trouble != Trouble()  # then it may well complain
    if troubled:
        return
    if heard := complaints(talk):
        raise laws.BrokenError(f"the service did not understand it all: {heard}")
    if not took_leave(talk):
        raise laws.BrokenError("no farewell was sent and answered, and the service has one")


def took_leave(talk: Talk) -> bool:
    """Whether the session was ended by the codec, or by the service, rather than by a link that
    had waited in vain for either."""
    service = talk.service.lines[-1].socket.protocol
    service_closed = service.close_sent is not None and not service.close_rcvd_then_sent
    return talk.codecs[-1].left or service_closed


#: Nobody's mistake: what was to be cancelled had ended meanwhile.
RACES = ("response_cancel_not_active",)


def complaints(talk: Talk) -> list[str]:
    """What the service says, or keeps to itself, of having been told nonsense."""
    sent = [data for line in talk.service.lines for data in line.sent if isinstance(data, str)]
    said = [one for one in sent if one.replace(" ", "").lower().startswith('{"type":"error"')]
    kept = [getattr(talk.service, name, ()) for name in ("faults", "ignored")]
    found = [one for some in kept if isinstance(some, list) for one in some]
    heard = said + [one for one in found if isinstance(one, str)]
    return [one for one in heard if not any(race in one for race in RACES)]


logging.getLogger("websockets").setLevel(logging.CRITICAL)
