"""Wiro's HTTP side of realtime runs: Run, Task/Detail, Task/Cancel, Task/Kill, Tool/Detail.

Not modelled: the webhook (``callbackUrl`` is accepted and never called) and projects. The bodies
of Task/Detail and Tool/Detail are not in the documents that this was written from, but for the
success flags; they are a guess at what the service's task and tool lists look like.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote

from device.simulator.services.stand_in import HttpAnswer
from device.simulator.services.wiro_account import LEAST_USD, Account, Code, yes
from device.simulator.services.wiro_models import MODELS, faults

Flags = Literal["old", "new", "both", "none"]
OVER = ("task_postprocess_end", "task_cancel")
QUEUED = ("task_queue", "task_accept", "task_preprocess_start", "task_preprocess_end")


@dataclass(slots=True)
class Task:
    """One run, from Run to its final event. ``stop`` ends the session that it has, if any."""

    id: str
    token: str = field(repr=False)
    model: str
    parameters: Mapping[str, Any]
    made_s: float
    status: str = "task_queue"
    claimed: bool = False
    cost_usd: float = 0.0
    exit_code: int | None = None
    stop: Callable[[], None] | None = None

    def flags(self, style: Flags) -> dict[str, Any]:
        """Whether it went well, as older and newer documents say it."""
        if self.exit_code is None:
            return {}
        old = {"pexit": str(self.exit_code)} if style in ("old", "both") else {}
        new = {"success": self.exit_code == 0, "exitCode": self.exit_code}
        return old | (new if style in ("new", "both") else {})


class Desk:
    """Any thread. ``nested``: Run's answer inside ``data``, as the service's samples read it.

    ``unclaimed_s``: a run that no socket registers for is given up after this time; that time
    is this stand-in's own.
    """

    def __init__(self, account: Account, nested: bool, flags: Flags, unclaimed_s: float) -> None:
        self.account, self._nested, self._flags = account, nested, flags
        self._unclaimed_s = unclaimed_s
        self.tasks: list[Task] = []
        self._lock = threading.Lock()

    def answer(self, path: str, headers: Mapping[str, str], body: object) -> HttpAnswer:
        refused = self.account.admit(headers)
        if refused is not None:
            return refused
        then: Callable[[str, dict[str, Any]], HttpAnswer]
        where = ""
        match path.split("/"):
            case ["", "v1", "Run", owner, model] if owner and model:
                then, where = self._run, f"{unquote(owner)}/{unquote(model)}"
            case ["", "v1", "Task", "Detail"]:
                then = self._detail
            case ["", "v1", "Task", "Cancel"]:
                then = self._cancel
            case ["", "v1", "Task", "Kill"]:
                then = self._kill
            case ["", "v1", "Tool", "Detail"]:
                then = self._tool
            case _:
                return self.account.no(Code.NOT_FOUND, f"no such address: {path}", 404)
        unreadable = self.account.unreadable(headers, body)
        if unreadable is not None:
            return unreadable
        assert isinstance(body, dict)
        with self._lock:
            return then(where, body)

    def claim(self, token: str) -> Task | str:
        """The run that a socket registers for, or why it may not."""
        with self._lock:
            self._give_up()
            found = [task for task in self.tasks if task.token == token]
            if not found:
                return "no task has this tasktoken"
            if found[0].status in OVER:
                return "the task is over"
            if found[0].claimed:
                return "the task has a socket already"
            found[0].claimed = True
            return found[0]

    @property
    def running(self) -> int:
        """Runs that count against the concurrency."""
        return sum(task.status not in OVER for task in self.tasks)

    def _run(self, model: str, body: dict[str, Any]) -> HttpAnswer:
        if model not in MODELS:
            return self.account.no(Code.NOT_FOUND, f"model {model} not found")
        wrong = faults(model, body)
        if wrong:
            return self.account.no(Code.GENERAL, "; ".join(wrong))
        if self.account.balance_usd < LEAST_USD:
            return self.account.no(Code.BALANCE, "the balance is below $0.50")
        self._give_up()
        if self.running >= self.account.concurrency:
            return self.account.no(Code.CONCURRENCY, "too many tasks at once")
        # 32 characters: after the bar the samples begin at an odd offset, which trips readers
        # that map them without copying.
        token = secrets.token_hex(16)
        task = Task(str(2221 + len(self.tasks)), token, model, body, time.monotonic())
        self.tasks.append(task)
        made = {"taskid": task.id, "socketaccesstoken": token}
        return yes(data=made) if self._nested else yes(**made)

    def _detail(self, _: str, body: dict[str, Any]) -> HttpAnswer:
        task = self._find(body, "tasktoken", "taskid")
        if task is None:
            return self.account.no(Code.NOT_FOUND, "task not found")
        about = {
            "id": task.id,
            "socketaccesstoken": task.token,
            "status": task.status,
            "totalcost": str(round(task.cost_usd, 6)),
            "parameters": dict(task.parameters),
            "outputs": [],
        }
        return yes(total="1", tasklist=[about | task.flags(self._flags)])

    def _cancel(self, _: str, body: dict[str, Any]) -> HttpAnswer:
        return self._end(self._find(body, "taskid"), QUEUED, "the task is not in the queue")

    def _kill(self, _: str, body: dict[str, Any]) -> HttpAnswer:
        task = self._find(body, "taskid", "socketaccesstoken")
        return self._end(task, (*OVER, *QUEUED), "the task is not running", unless=True)

    def _end(
        self, task: Task | None, when: tuple[str, ...], wrong: str, *, unless: bool = False
    ) -> HttpAnswer:
        if task is None:
            return self.account.no(Code.NOT_FOUND, "task not found")
        if (task.status in when) == unless:
            return self.account.no(Code.GENERAL, f"{wrong}: {task.status}")
        task.status = "task_cancel"
        if task.stop is not None:
            task.stop()
        return yes()

    def _tool(self, _: str, body: dict[str, Any]) -> HttpAnswer:
        owner = next((v for name, v in body.items() if "owner" in name.lower()), None)
        slug = next((v for name, v in body.items() if "project" in name.lower()), None)
        model = f"{owner}/{slug}"
        if model not in MODELS:
            return self.account.no(Code.NOT_FOUND, f"model {model} not found")
        items = [parameter.described() for parameter in MODELS[model]]
        about = {"slugowner": owner, "slugproject": slug, "parameters": [{"items": items}]}
        return yes(tool=[about])

    def _find(self, body: dict[str, Any], *names: str) -> Task | None:
        for name in names:
            field_of = "id" if name == "taskid" else "token"
            for task in self.tasks:
                if name in body and str(body[name]) == getattr(task, field_of):
                    return task
        return None

    def _give_up(self) -> None:
        for task in self.tasks:
            late = time.monotonic() - task.made_s > self._unclaimed_s
            if late and not task.claimed and task.status not in OVER:
                task.status = "task_cancel"
