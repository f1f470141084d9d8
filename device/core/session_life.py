"""The life of sessions: who serves, when the next session takes over, what it is told.

Three policies meet the state machine here: :class:`device.core.failover.Failover` (which
service), :class:`device.core.rollover.Rollover` (before the service ends the session) and
:class:`device.core.history.History` (what was said so far).
"""

from __future__ import annotations

from device.capabilities import Capabilities
from device.commands import (
    ChooseService,
    CloseLink,
    Command,
    OpenLink,
    PrepareSuccessor,
    SwitchLink,
    TakeOver,
)
from device.core.answering import Answering
from device.core.phases import Phase
from device.core.rollover import Rollover
from device.core.tools import Toolbox
from device.events import (
    ErrorKind,
    LinkOpened,
    ReplyAudioReceived,
    ReplyStarted,
    SessionExpiring,
    SuccessorFailed,
    SuccessorReady,
)
from device.settings import Settings

#: No sign of an answer for so long, and another service is asked.
SLOW_S = 5.0
#: While somebody is spoken to, a better service is not tried; it is thought of again.
BUSY_S = 5.0
#: A quiet moment has lasted so long: nobody is just about to speak.
QUIET_S = 0.5


class SessionLife(Answering):
    """Handlers of what concerns sessions beyond the turn under way."""

    def __init__(self, settings: Settings, toolbox: Toolbox, able: Capabilities) -> None:
        self._rollover = Rollover()
        self._successor_knows: int | None = None  # of the history's changes
        super().__init__(settings, toolbox, able)

    @property
    def service(self) -> str:
        """Whom the next session is opened with."""
        return self._failover.current

    def said(self, now: float) -> list[tuple[str, str]]:
        """(by, text): what a session that is opened now is to know of the conversation."""
        return self._history.said(now)

    def begin(self) -> list[Command]:
        """The first commands after start."""
        return [OpenLink()] if self._connects.connect == "always" else []

    @property
    def wants_link(self) -> bool:
        """A session is needed now, or is there always."""
        return self.phase is not Phase.IDLE or self._connects.connect == "always"

    # --- which service -----------------------------------------------------------------

    def _serves(self, event: LinkOpened, now: float) -> None:
        """A session is open: whose, and what that one can do."""
        self._serving = event.service
        if event.able is not None:
            self._able = event.able
            self._phrases.service_can = event.able.says_on_request
            self._understood.service_says_so = event.able.answers_nonsense
        self._set_go_back(now)
        self._rollover.opened(self._able.session_cap_s, now)
        if self._successor_knows not in (None, self._history.changes):
            self._rollover.renew(now)  # it took over from one that died, and knows too little
        self._successor_knows = None
        self._set_rollover()

    def _fail_over(self, kind: ErrorKind, detail: str, now: float, *, reopen: bool | None) -> bool:
        """The service that is used failed. Whether another takes over; ``reopen``: at once,
        with all that was kept of the turn; None: if a session with that one is wanted."""
        failed = self._failover.current
        name = self._failover.failed(kind, now)
        if name is None:
            return False
        self._report("failover", service=name, instead_of=failed, kind=kind.value, detail=detail)
        self._go_over_to(name, now, reopen=reopen)
        return True

    def _go_over_to(self, name: str, now: float, *, reopen: bool | None) -> None:
        self._out.append(ChooseService(name))
        self._link_open = False
        self._rollover.closed()
        wanted = self.wants_link if reopen is None else reopen
        self._out.append(SwitchLink() if wanted else CloseLink("another service takes over"))
        self._set_go_back(now)  # though this one should never open a session

    @property
    def _first_sign_within_s(self) -> float:
        """Of an answer. Where another service could take over, a slow one is not waited for
        until the ear has forgotten the turn."""
        patience_s = self._service.reply_timeout_s
        return min(patience_s, SLOW_S) if self._failover.has_others else patience_s

    def _on_reply_started(self, event: ReplyStarted, now: float) -> None:
        """That a reply has begun is no sign of an answer yet, some services say so at once:
        where another could answer, the first sign stays due when it was."""
        due = self.deadlines.at("no_reply")
        super()._on_reply_started(event, now)
        if due is not None and self._failover.has_others:
            self.deadlines.set("no_reply", due)

    def _on_reply_audio(self, event: ReplyAudioReceived, now: float) -> None:
        super()._on_reply_audio(event, now)
        if self._replies.is_current(event.reply_id):
            self._failover.answered()

    def _set_go_back(self, now: float) -> None:
        """While nobody is spoken to, a service that is preferred is tried again."""
        at = self._failover.back_at
        if at is not None:
            self.deadlines.set("go_back", max(at, now), lasting=True)

    def _due_go_back(self, now: float) -> None:
        if self.phase is not Phase.IDLE:
            self.deadlines.set("go_back", now + BUSY_S, lasting=True)
            return
        instead_of = self._failover.current
        name = self._failover.go_back(now)
        if name is None:
            self._set_go_back(now)
            return
        self._report("failover", service=name, instead_of=instead_of, detail="trying it again")
        self._link_open = False
        self._rollover.closed()
        self._out += [ChooseService(name), CloseLink("trying a better service"), OpenLink()]

    # --- the next session ----------------------------------------------------------------

    def _set_rollover(self) -> None:
        if self._rollover.ready:
            return
        if self._rollover.due is None:
            self.deadlines.drop("rollover")
        else:
            self.deadlines.set("rollover", self._rollover.due, lasting=True)

    def _due_rollover(self, now: float) -> None:
        """Prepare the successor, or let it take over if nobody speaks."""
        if not self._link_open:
            self._rollover.closed()
        elif self._rollover.ready:
            self._take_over(now)
        elif self._able.parallel_sessions:
            self._prepare()
        elif self._is_quiet:
            self._reopen_in_place(now)
        else:
            self.deadlines.set("rollover", now + QUIET_S, lasting=True)

    def _prepare(self) -> None:
        self._rollover.prepared()
        self._successor_knows = self._history.changes
        self._out.append(PrepareSuccessor())

    def _reopen_in_place(self, now: float) -> None:
        """Of a service that gives one session at a time: closed, and opened if it is kept."""
        self._rollover.closed()
        self._link_open = False
        self._report("rollover", detail="one session at a time: closed")
        self._out.append(CloseLink("before its time is up"))
        if self._connects.connect == "always" or self.phase is Phase.FOLLOW_UP:
            self._out.append(OpenLink())

    def _take_over(self, now: float) -> None:
        if not self._is_quiet:
            self.deadlines.set("rollover", now + QUIET_S, lasting=True)
            return
        if self._successor_knows != self._history.changes and self._rollover.leaves_time(now):
            self._prepare()  # what was said since it was prepared, it was not told
            return
        self._report("rollover", detail="the next session takes over")
        self._rollover.closed()
        self._out.append(TakeOver())

    @property
    def _is_quiet(self) -> bool:
        """Nobody speaks, and nothing is under way."""
        return self.phase is Phase.IDLE or (
            self.phase is Phase.FOLLOW_UP and self._speech_from is None
        )

    def _on_successor_ready(self, _event: SuccessorReady, now: float) -> None:
        self._rollover.succeeded()
        self._take_over(now)

    def _on_successor_failed(self, event: SuccessorFailed, now: float) -> None:
        self._report("rollover", detail=f"no next session yet: {event.detail}")
        self._successor_knows = None
        self._rollover.failed(now)
        self._set_rollover()

    def _on_session_expiring(self, event: SessionExpiring, now: float) -> None:
        self._report("session_expiring", in_s=round(event.in_s, 1))
        self._rollover.expiring(event.in_s, now)
        self._set_rollover()
