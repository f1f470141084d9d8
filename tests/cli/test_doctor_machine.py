"""The doctor on the machine itself: Python, memory, processor, clock, button and lights."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.doctor.check import Status
from device.doctor.machine import (
    check_clock,
    check_memory,
    check_packages,
    check_processor,
    check_python,
    memory_mb,
)
from device.doctor.pins import check_pins
from device.errors import PanelError
from device.settings import BoardSettings


@pytest.mark.parametrize(
    ("version", "machine", "status", "says"),
    [
        ((3, 11, 2), "x86_64", Status.OK, "3.11.2 on x86_64"),
        ((3, 13, 5), "aarch64", Status.OK, "aarch64"),
        ((3, 9, 2), "aarch64", Status.FAIL, "needs 3.11"),
        ((3, 14, 0), "x86_64", Status.FAIL, "needs 3.11"),
        ((3, 11, 2), "armv7l", Status.FAIL, "64-bit"),
    ],
)
def test_python(version: tuple[int, int, int], machine: str, status: Status, says: str) -> None:
    check = check_python(version, machine)
    assert (check.status, says in check.says) == (status, True)
    assert bool(check.do) is (status is Status.FAIL)


def test_packages() -> None:
    def load(module: str) -> object:
        if module == "b":
            raise ImportError("libx.so.2: cannot open shared object file")
        return module

    assert check_packages({"a": "pkg-a"}, load).status is Status.OK
    check = check_packages({"a": "pkg-a", "b": "pkg-b"}, load)
    assert check.status is Status.FAIL
    assert "pkg-b (ImportError: libx.so.2" in check.says
    assert "pkg-a" not in check.says
    assert "scripts/run" in check.do


def test_memory() -> None:
    lines = ["MemTotal:  4000000 kB", "MemFree: 1 kB", "MemAvailable: 3000000 kB", "junk"]
    assert memory_mb(lines) == (3906, 2929)
    assert memory_mb([]) == (0, 0)
    assert check_memory(4000, 3000).status is Status.OK
    assert check_memory(4000, 100).status is Status.WARN
    assert check_memory(300, 250).status is Status.FAIL
    assert check_memory(0, 0).status is Status.WARN


def test_processor_and_clock() -> None:
    assert check_processor(4, 0.5).status is Status.OK
    assert check_processor(1, 0.1).status is Status.WARN
    assert check_processor(2, 3.5).status is Status.WARN
    assert check_clock(2000.0, 1000.0).status is Status.OK
    behind = check_clock(0.0, 1000.0)
    assert behind.status is Status.FAIL
    assert "timedatectl" in behind.do


# --- button, lights --------------------------------------------------------------------


GPIO = BoardSettings(name="gpio")


CHIP = [Path("/dev/gpiochip0")]


@pytest.mark.parametrize(
    ("board", "chips", "may", "error", "status", "says"),
    [
        (BoardSettings(), [], True, None, Status.OK, "none configured"),
        (BoardSettings(name="virtual", socket="x"), [], True, None, Status.OK, "simulator"),
        (GPIO, [], True, None, Status.FAIL, "no GPIO chip"),
        (GPIO, CHIP, False, None, Status.FAIL, "may not use /dev/gpiochip0"),
        (GPIO, CHIP, True, None, Status.OK, "pins button 17, red 22, green 23, blue 24"),
        (GPIO, CHIP, True, PanelError("no lgpio", hint="install"), Status.FAIL, "no lgpio"),
        (GPIO, CHIP, True, PanelError("a pin is used by something else"), Status.OK, "in use"),
    ],
)
def test_pins(
    board: BoardSettings,
    chips: list[Path],
    may: bool,
    error: PanelError | None,
    status: Status,
    says: str,
) -> None:
    def claim() -> None:
        if error:
            raise error

    check = check_pins(board, chips, lambda _chip: may, claim)
    assert (check.status, says in check.says) == (status, True), check
