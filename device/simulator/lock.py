"""One simulation at a time in a folder: its files are written by the run that holds it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from device.errors import SimulatorError

NAME = ".lock"


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold ``folder`` (which exists) while inside; raises SimulatorError when another
    simulation does, or when it cannot be written to.

    The kernel lets go when this process ends, however it ends; so the file may stay.
    It is closed on exec: the appliance does not inherit it.
    """
    path = folder / NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise SimulatorError(
            f"the folder {folder} cannot be written to: {error.strerror}",
            hint="name another with --out",
        ) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SimulatorError(
                f"another simulation is writing to {folder}",
                hint="wait for its end, or name another folder with --out",
            ) from error
        yield
    finally:
        os.close(descriptor)
