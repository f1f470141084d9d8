"""Replies that have not begun: which of them begins now, and does anybody want it?

A service answers late. Its answer to a turn that was given up must not be taken for the
answer to the next one, so every request of ours carries a name, which the service repeats
when the reply to it begins (``metadata``, see :data:`device.providers.openai_frames.REQUEST`).
What begins without a name is the service's own answer to a turn that it took. A server that
turns out to repeat no names is understood by the order of things, the best that is left.

Pure; part of :class:`device.providers.openai_responses.Responses`.
"""

from __future__ import annotations

from dataclasses import dataclass

#: The service's own answer to a turn begins within this time, if at all ...
ANSWER_WITHIN_S = 10.0
#: ... and when it has taken another turn since, what begins later than this answers that one.
OVERTAKEN_AFTER_S = 3.0
#: A reply that was asked for comes, or is refused, unless the request was lost. Matters only
#: for servers that repeat no names: longer than a link lives that brings nothing.
REQUEST_WITHIN_S = 30.0
_MOST = 64
"""Replies that may begin. A service that owes more owes nothing that can be told apart."""


@dataclass(slots=True)
class Promise:
    """One reply that may begin. ``name``: of our request; empty: the service answers a turn
    by itself. ``item_id``: the turn, when its words are to be answered and it is known.
    ``disowned_at``: since then nobody waits for it."""

    name: str = ""
    instructions: str = ""
    item_id: str = ""
    disowned_at: float | None = None

    @property
    def wanted(self) -> bool:
        return self.disowned_at is None

    def disown(self, now: float) -> None:
        if self.disowned_at is None:
            self.disowned_at = now

    def may_begin(self, now: float, own_within_s: float = ANSWER_WITHIN_S) -> bool:
        """One that is wanted always may. ``own_within_s``: for the service's own answers."""
        within_s = REQUEST_WITHIN_S if self.name else own_within_s
        return self.disowned_at is None or now < self.disowned_at + within_s


class Promises:
    """All of a session, in the order of what caused them."""

    def __init__(self) -> None:
        self._promises: list[Promise] = []  # `_MOST` of them, see `_promise`
        self._repeats_names: bool | None = None  # not known before a request of ours is answered
        self._presumed: Promise | None = None  # asked for, and taken to have begun: it had no name

    def __bool__(self) -> bool:
        """Something may still begin."""
        return bool(self._promises)

    @property
    def awaited(self) -> bool:
        """A reply that is wanted has not begun."""
        return any(promise.wanted for promise in self._promises)

    def asked(self, name: str, instructions: str, item_id: str = "") -> None:
        """We asked for a reply."""
        self._promise(Promise(name, instructions, item_id))
        self._presumed = None

    def is_about(self, item_id: str) -> bool:
        """The turn of our last request is this item of the conversation. False: there is none."""
        asked = [p for p in self._promises if p.name and p.wanted]
        if asked:
            asked[-1].item_id = item_id
        return bool(asked)

    def turn_taken(self, item_id: str, now: float) -> None:
        """The service took a turn that is wanted, and answers it by itself.

        What we asked for before is about a state of the conversation that is over. The
        answers to turns that were given up may still come, before this one's.
        """
        self._promises = [
            p
            for p in self._promises
            if p.name or (not p.wanted and p.may_begin(now, OVERTAKEN_AFTER_S))
        ]
        self.disown(now)
        self._promise(Promise(item_id=item_id))

    def stray_turn_taken(self, now: float) -> None:
        """The service took a turn that had been given up; it answers by itself all the same."""
        stray = Promise()
        stray.disown(now)
        self._promise(stray)

    def wait_for_unknown(self) -> None:
        """Something of the service's own is about to begin, we do not know what."""
        self._promise(Promise())

    def disown(self, now: float) -> list[str]:
        """Nobody wants any of them any more; the turns that will go without an answer."""
        wanted = [promise for promise in self._promises if promise.wanted]
        for promise in wanted:
            promise.disown(now)
        return [promise.item_id for promise in wanted if promise.item_id]

    def begins(self, name: str | None, now: float) -> bool:
        """A reply begins, which repeats ``name`` (empty: none; None: whether it does was not
        said). False: nobody wants it.

        One that is named and not known was given up long ago. One without a name that nobody
        told of is the service's own affair: whether it is wanted, others decide.
        """
        if name:
            self._repeats_names = True
        self._promises = [p for p in self._promises if p.may_begin(now)]
        promise = self._find(name)
        if promise is None:
            return not name
        self._forget(promise)
        if promise.name != name:
            self._presumed = promise
        return promise.wanted

    def is_unasked(self, name: str | None) -> bool:
        """It is certain that a reply which repeats this answers neither a request nor a turn."""
        return name == "" and self._repeats_names is True and all(p.name for p in self._promises)

    def refused(self, name: str) -> Promise | None:
        """The service will not let one begin: the one we asked for under ``name``. Without a
        name it is an answer of its own, or, where there is none, the only one asked for."""
        promise = self._find(name) if name else self._most_likely_refused()
        if promise is not None:
            self._forget(promise)
        return promise

    def clear(self) -> None:
        """Nothing is waited for any more."""
        self._promises.clear()

    def _promise(self, promise: Promise) -> None:
        """One more. Of too many the oldest goes that nobody waits for."""
        self._promises.append(promise)
        if len(self._promises) > _MOST:
            oldest = next((p for p in self._promises if not p.wanted), self._promises[0])
            self._promises.remove(oldest)

    def _forget(self, promise: Promise) -> None:
        if promise is self._presumed:
            self._presumed = None
        else:
            self._promises.remove(promise)

    def _find(self, name: str | None) -> Promise | None:
        """The promise that is kept now."""
        if name is None:
            return self._promises[0] if self._promises else None
        if name:
            known = [*self._promises, *([self._presumed] if self._presumed else [])]
            return next((p for p in known if p.name == name), None)
        own = next((p for p in self._promises if not p.name), None)
        if self._repeats_names or (own is not None and self._repeats_names is None):
            return own
        if not self._promises:
            return None
        self._repeats_names = False
        return self._promises[0]

    def _most_likely_refused(self) -> Promise | None:
        own = sorted((p for p in self._promises if not p.name), key=lambda p: p.wanted)
        if own:
            return own[0]  # an abandoned turn's before the one that is waited for
        return self._promises[0] if len(self._promises) == 1 else self._presumed
