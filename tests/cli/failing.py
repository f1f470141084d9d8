"""An action that fails, for whatever is told to take one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn


def raising(error: Exception) -> Callable[[], NoReturn]:
    """An action that raises ``error``."""

    def action() -> NoReturn:
        raise error

    return action
