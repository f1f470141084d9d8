"""Silence for native libraries that write to stderr as they load."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

_STDERR = 2


def hushed(load: Callable[[], T]) -> Callable[[], T]:
    """``load`` with stderr silenced while it runs; what it raises is raised."""

    def quietly() -> T:
        with native_stderr_silenced():
            return load()

    return quietly


@contextmanager
def native_stderr_silenced() -> Iterator[None]:
    """File descriptor 2 leads nowhere inside: LiteRT tells of its delegate there and has
    no setting that stops it. Not for a process whose other threads write to stderr."""
    sys.stderr.flush()
    kept = os.dup(_STDERR)
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, _STDERR)
        finally:
            os.close(nowhere)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, _STDERR)
        os.close(kept)
