"""Everything that a crash report could show of an error."""

from __future__ import annotations

import traceback


def everything_of(error: BaseException) -> str:
    """Its text, what it holds, its traceback, and the same of every error behind it."""
    shown, seen = [], set()
    pending: list[BaseException | None] = [error]
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        held = [getattr(one, name, "") for name in ("doc", "object", "output", "stderr", "cmd")]
        shown += [str(one), repr(one), repr(one.args), repr(vars(one)), repr(held)]
        shown += traceback.format_exception(one)
        pending += [one.__cause__, one.__context__]
    return "\n".join(shown)
