"""Wiro's realtime model run, on loopback: HTTP on ``http_port``, the socket on ``port``.

From the service's published documents only; nothing of it was checked against the live service.
The parts: :mod:`wiro_account` (who may ask), :mod:`wiro_models` (parameters), :mod:`wiro_desk`
(HTTP), :mod:`wiro_run` (a session), :mod:`wiro_mouth` (its events and its bill),
:mod:`wiro_talk` (frames and turns), :mod:`wiro_manners` (what is open). The other product, the
agent's web channel, is :mod:`wiro_agent`.

Not known of the service and decided here: what it answers to a wrong registration (an ``error``
message, then close code 1008), whether two sockets may share a token (they may not), what becomes
of a run whose client goes away (it ends, and cannot be joined again), pings and idle time-outs
(those of the WebSocket library).
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from websockets.http11 import Request

from device.simulator.services.brain import Brain
from device.simulator.services.line import Data, Line, Trouble
from device.simulator.services.stand_in import HttpAnswer, StandIn
from device.simulator.services.wiro_account import Account
from device.simulator.services.wiro_desk import Desk
from device.simulator.services.wiro_manners import Manners
from device.simulator.services.wiro_run import Session

PATH = "/v1"


class Wiro(StandIn):
    """Product A. ``secret`` makes it a project with signatures. ``faults`` is what clients did
    wrong on the socket, in their order."""

    unknown = '{"type": "task_unheard_of", "id": "0", "tasktoken": "", "result": true}'

    def __init__(
        self,
        brain: Callable[[], Brain],
        *,
        key: str = "stand-in-key",
        secret: str | None = None,
        balance_usd: float = 100.0,
        manners: Manners | None = None,
        trouble: Trouble | None = None,
        cap_s: float | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(brain, key=key, trouble=trouble, cap_s=cap_s, tls=tls)
        self.manners = manners or Manners()
        self.account = Account(key, secret, balance_usd, self.manners.text_codes)
        self.desk = Desk(
            self.account, self.manners.nested, self.manners.flags, self.manners.unclaimed_s
        )
        self.faults: list[str] = []

    @property
    def url(self) -> str:
        """The socket's; :attr:`api_url` is where runs are started."""
        return f"{self.origin}{PATH}"

    @property
    def api_url(self) -> str:
        return f"{self.http_origin}/v1"

    def answer_post(
        self, path: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> HttpAnswer:
        return self.desk.answer(path, headers, body)

    def refuse(self, request: Request) -> HttpAnswer | None:
        if request.path != PATH:
            return HttpAnswer(404, {"result": False, "errors": []})
        shown = {name.lower() for name in request.headers}
        self.faults += [
            f"{name} was sent to the socket, which asks for none"
            for name in ("authorization", "x-api-key", "x-signature")
            if name in shown
        ]
        return None

    async def converse(self, line: Line, request: Request) -> None:
        messages = aiter(line)
        first = await anext(messages, None)
        if first is None:
            return
        token = _registered(first)
        task = "the first message must be task_info" if token is None else self.desk.claim(token)
        if isinstance(task, str):
            self.faults.append(task)
            await line.send(json.dumps({"type": "error", "message": task, "result": False}))
            await line.close(1008, task)
            return
        session = Session(
            self.desk, task, line, self.brain(), self.manners, self.cap_s, self.faults
        )
        await session.live(messages)


def _registered(data: Data) -> str | None:
    """The token of a ``task_info``; None: it is something else."""
    try:
        message = json.loads(data) if isinstance(data, str) else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("type") != "task_info":
        return None
    token = message.get("tasktoken")
    return token if isinstance(token, str) else None
