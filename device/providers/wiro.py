"""Wiro's realtime models (GPT Realtime, ElevenLabs, PersonaPlex) as a sans-I/O codec.

A session is a task: started over HTTP, which gives a token, registered with that token on a
socket, and usable when it has come out of the queue. See ``wiro_talk.py`` for the conversation
and ``wiro_models.py`` for what each model is told.

Rulings where the protocol leaves room:

- ``task_stream_end`` ends a reply, never the session. One that comes for no reply means nothing.
- A reply that is called off while it comes is answered by a ``task_stream_end``; should there be
  none, it has ended when its sound stays away. One whose end had come already is not interrupted
  at the service, which need not answer that.
- ``task_end`` is not the end: the cost may be behind it. ``task_postprocess_end``,
  ``task_cancel`` and the closing of the socket are, and :data:`POSTPROCESS_S` after the first.
- ``task_error`` is a line of the model's log, told as trouble, each once.
- Fields of events are looked for beside the type and within ``message``; numbers may be text.

Not verified with the live service: any of its behaviour; chunks other than 200 ms (so
``chunk_ms`` is a setting); whether transcripts are final (what comes while the person still
speaks is kept, what grows or repeats is put together); whether an answer in which a tool of the
model's own is asked has several ends; whether PersonaPlex wants sound while it speaks (it is given
silence), sends silence between its replies (it begins none) and marks their ends (a pause ends
them as well); the name of ElevenLabs' model (``model`` is a setting); the caps of sessions other
than ElevenLabs' own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from device.capabilities import Capabilities
from device.events import ErrorKind
from device.providers.base import Connect, Emit, Output, SendFrame, Service, SessionSpec
from device.providers.faults import Fault
from device.providers.machine import Stage
from device.providers.wire import frame, text
from device.providers.wiro_costs import Costs
from device.providers.wiro_models import DEFAULT_MODEL, family_of
from device.providers.wiro_talk import ABLE as TALK
from device.providers.wiro_talk import Manner, Talk
from device.providers.wiro_wire import field

API_URL = "https://api.wiro.ai/v1"
SOCKET_URL = "wss://socket.wiro.ai/v1"
#: In the queue, since the last event.
PATIENCE_S = 60.0
POSTPROCESS_S = 3.0
#: Silence that ends a reply of a model that hears and speaks all the time.
DUPLEX_PAUSE_S = 1.5
#: Lines of the model's log that are told, at most.
_TROUBLES = 32

ABLE = replace(TALK, tells_usage=True)

_PROGRESS = frozenset(
    {
        "task_queue",
        "task_accept",
        "task_preprocess_start",
        "task_preprocess_end",
        "task_assign",
        "task_start",
    }
)
_OF_NO_USE = frozenset({"task_output_full", "task_error_full", "task_postprocess_start"})
_USER, _AI = "TRANSCRIPT_USER:", "TRANSCRIPT_AI:"


class Wiro(Talk):
    """One session. See :class:`device.providers.base.Codec` for the contract."""

    def __init__(self, spec: SessionSpec, wall_ahead_s: float | None = None) -> None:
        self._model = spec.model or DEFAULT_MODEL
        family = family_of(self._model)
        manner = Manner(
            PATIENCE_S,
            pause_s=DUPLEX_PAUSE_S if family.feeds_on_sound else None,
            feeds_on_sound=family.feeds_on_sound,
            greets=bool(family.parameters(spec).get("first_message")),
            may_greet=family.may_greet,
        )
        super().__init__(spec, _able(spec, family.cap_s), manner, wall_ahead_s)
        if spec.options.get("server_tools"):  # each part of an answer may have an end of its own
            self._able = replace(self._able, tells_ends=False)
        self._parameters = family.parameters
        self._task_id = ""
        self._costs = Costs()
        self._troubles: set[str] = set()
        self._over_at: float | None = None  # the model has ended, and something may be behind it
        self._over = ""
        self._handlers: Mapping[str, Callable[[Mapping[str, object], float], list[Output]]] = {
            "task_stream_ready": self._on_stream_ready,
            "task_stream_end": lambda _message, now: self._said_all(now),
            "task_output": self._on_output,
            "task_cost": self._on_cost,
            "task_error": self._on_error,
            "error": self._on_error,
            "task_end": self._on_task_end,
            "task_postprocess_end": self._on_end,
            "task_cancel": self._on_end,
        }

    # --- the hand-shake -----------------------------------------------------------------

    def _begin(self, now: float) -> list[Output]:
        if not self._socket_url():
            words = "wiro.socket_url must be set where wiro.url is not Wiro's own"
            return self._end(ErrorKind.PROTOCOL, words)
        return self._post(f"Run/{self._model}", self._parameters(self._spec), now)

    def _socket_url(self) -> str:
        """The owner's, or Wiro's own where the HTTP interface is: nothing is guessed."""
        configured = self._spec.options.get("socket_url", "")
        if isinstance(configured, str) and configured:
            return configured
        own = urlsplit(self._spec.url).hostname == urlsplit(API_URL).hostname
        return SOCKET_URL if own else ""

    def _answered(self, token: str, status: int, body: bytes, now: float) -> list[Output]:
        answer = self._explain.answer(status, body)
        if isinstance(answer, Fault):
            return self._end_with(answer)
        self._token = field(answer, "socketaccesstoken")
        self._explain.hide(self._token)
        self._task_id = field(answer, "taskid")
        if not self._token:
            return self._end(ErrorKind.PROTOCOL, "Wiro has started a task and gave no token")
        return [*self._opens(), Connect(self._socket_url())]

    def _give_back(self, now: float) -> list[Output]:
        """It counts against what may run at once. Whether it queues yet is not known: it is
        cancelled if it does, and killed if not."""
        if not self._token:
            return []
        queued = self._post("Task/Cancel", {"taskid": self._task_id}, now)
        return [*queued, *self._post("Task/Kill", {"socketaccesstoken": self._token}, now)]

    def _greet(self, now: float) -> list[Output]:
        return [SendFrame(frame(self._says_to_task("task_info")))]

    def _says_to_task(self, kind: str) -> dict[str, object]:
        return {"type": kind, "tasktoken": self._token}

    def _interrupt(self) -> Mapping[str, object]:
        return self._says_to_task("task_session_interrupt")

    def _bye(self) -> Mapping[str, object]:
        return self._says_to_task("task_session_end")

    # --- events -------------------------------------------------------------------------

    def _on_text(self, message: Mapping[str, object], now: float) -> list[Output]:
        token = text(message, "tasktoken")
        if token and token != self._token:
            return []  # of another task
        kind = text(message, "type")
        if self._over_at is None:
            self._lives(now)
        if kind in _PROGRESS or kind in _OF_NO_USE:
            return self._opens() if kind in _PROGRESS else []
        handler = self._handlers.get(kind)
        return handler(message, now) if handler else self._on_unknown(kind)

    def _on_stream_ready(self, _message: Mapping[str, object], now: float) -> list[Output]:
        return self._begin_talk(self._task_id, now) if self._over_at is None else []

    def _on_output(self, message: Mapping[str, object], now: float) -> list[Output]:
        if self._stage is not Stage.READY or self._over_at is not None:
            return []
        said = text(message, "message")
        if said.startswith(_USER):
            return self._understood(said[len(_USER) :], now)
        if said.startswith(_AI):
            return self._says(said[len(_AI) :], now)
        return []  # what the model writes besides

    def _on_cost(self, message: Mapping[str, object], _now: float) -> list[Output]:
        report = self._costs.report(message)
        return [] if report is None else [Emit(report)]

    def _on_error(self, message: Mapping[str, object], _now: float) -> list[Output]:
        fault = self._explain.errors(message)
        if fault is not None and self._stage is Stage.GREETING:
            return self._end_with(fault)
        said = text(message, "message")
        kind = fault.kind if fault else ErrorKind.SERVICE
        words = fault.detail if fault else self._explain.clean(said)
        if not words or words in self._troubles or len(self._troubles) >= _TROUBLES:
            return []
        self._troubles.add(words)
        return self._trouble(kind, f"the model reports: {words}")

    def _on_task_end(self, message: Mapping[str, object], now: float) -> list[Output]:
        """The model has ended."""
        if self._over_at is None:
            self._over_at, self._over = now + POSTPROCESS_S, _ended(message)
        if self._stage is Stage.GREETING:
            self._greeting_due = self._over_at
        self._uplink.stop()
        return []

    def _on_end(self, message: Mapping[str, object], _now: float) -> list[Output]:
        """The task has ended."""
        if self._stage is Stage.LEAVING:
            return self._leave()
        cancelled = text(message, "type") == "task_cancel"
        words = "the session was cancelled at Wiro" if cancelled else self._over or _ended(message)
        return self._end(ErrorKind.SERVICE, words)

    def _reply_began(self) -> None:
        self._costs.replied()

    def _hear(self, pcm: bytes, now: float) -> list[Output]:
        return super()._hear(pcm, now) if self._over_at is None else []

    def _append(self, pcm: bytes, now: float) -> list[Output]:
        return super()._append(pcm, now) if self._over_at is None else []

    # --- time -----------------------------------------------------------------------------

    def _due(self) -> float | None:
        return self._over_at if self._over_at is not None else super()._due()

    def _time_out(self, now: float) -> list[Output]:
        if self._over_at is None:
            return super()._time_out(now)
        return self._end(ErrorKind.SERVICE, self._over)

    def timeout(self, now: float) -> list[Output]:
        ended = self._over_at is not None and now >= self._over_at
        if ended and self._stage is Stage.GREETING:
            return self._end(ErrorKind.SERVICE, self._over)
        return super().timeout(now)


def _able(spec: SessionSpec, cap_s: Callable[[SessionSpec], float | None]) -> Capabilities:
    return replace(ABLE, session_cap_s=cap_s(spec))


def _ended(message: Mapping[str, object]) -> str:
    """``pexit`` or ``exitCode``, as text or number; 0 is a good end, as none at all is."""
    for name in ("exitCode", "pexit"):
        value = message.get(name)
        if isinstance(value, int | str) and not isinstance(value, bool):
            code = str(value)[:12].strip()
            if code.lstrip("-").isdigit() and int(code):
                return f"the model at Wiro failed (exit code {int(code)})"
    return "Wiro has ended the session"


SERVICE = Service(lambda spec: Wiro(spec, spec.wall_ahead_s), ABLE, API_URL, model=DEFAULT_MODEL)
