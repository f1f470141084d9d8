"""The doctor on the engines: their speed, their licences, and what they may not say."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from device.audio.wakewords.models import WakeModel
from device.doctor.check import Check, Status
from device.doctor.engines import (
    check_echo,
    check_turn_end,
    check_vad,
    check_voice,
    check_wake_engine,
    check_wake_models,
)
from device.doctor.quiet import hushed
from device.errors import ModelError
from device.settings import ServiceSettings, Settings, TurnSettings
from tests.cli.failing import raising


class FakeWake:
    words = ("x",)

    def __init__(self, clock: list[float], cost_s: float) -> None:
        self._clock, self._cost_s = clock, cost_s

    def score(self, chunk: NDArray[np.int16]) -> dict[str, float]:
        assert chunk.shape == (1280,)
        self._clock[0] += self._cost_s
        return {"x": 0.0}

    def reset(self) -> None: ...


@pytest.mark.parametrize(
    ("cost_s", "status", "says"),
    [(0.004, Status.OK, "4.0 ms for 80 ms of sound: 5 % of one core"), (0.06, Status.WARN, "75 %")],
)
def test_the_wake_engine_is_timed(cost_s: float, status: Status, says: str) -> None:
    clock = [0.0]
    check = check_wake_engine(lambda: FakeWake(clock, cost_s), lambda: clock[0])
    assert (check.status, says in check.says) == (status, True), check


def test_wake_models_tell_their_licence() -> None:
    bundled = check_wake_models(lambda: [WakeModel("alexa", Path("a"), "CC BY-NC-SA 4.0")])
    assert bundled.status is Status.OK
    assert "CC BY-NC-SA 4.0" in bundled.says
    micro = check_wake_models(lambda: [WakeModel("alexa", Path("a"), "Apache-2.0")])
    assert "may be part of what is sold" in micro.says
    both = [WakeModel("alexa", Path("a"), of) for of in ("CC BY-NC-SA 4.0", "Apache-2.0")]
    confirmed = check_wake_models(lambda: both)
    assert confirmed.says.startswith("alexa. ")
    assert "not for a product that is sold" in confirmed.says
    own = check_wake_models(lambda: [WakeModel("computer", Path("c"))])
    assert "computer (files of your own)" in own.says
    missing = check_wake_models(raising(ModelError("no file", hint="run it")))
    assert (missing.status, missing.says, missing.do) == (Status.FAIL, "no file", "run it")


@pytest.mark.parametrize("check", [check_wake_engine, check_vad, check_voice])
@pytest.mark.parametrize("error", [ModelError("broken", hint="mend"), ImportError("x"), OSError()])
def test_engines_that_do_not_load(
    check: Callable[[Callable[[], object]], Check], error: Exception
) -> None:
    found = check(raising(error))
    assert found.status is Status.FAIL
    assert found.do == getattr(error, "hint", "")


# --- what a library says while it loads ------------------------------------------------


def test_only_the_load_is_silenced(capfd: pytest.CaptureFixture[str]) -> None:
    def load() -> int:
        os.write(2, b"chatter of a library\n")
        return 7

    os.write(2, b"before\n")
    assert hushed(load)() == 7
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "before\nafter\n"


def test_a_load_that_fails_gives_stderr_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ModelError, match="no model"):
        hushed(raising(ModelError("no model")))()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_the_echo_canceller_is_loaded_and_missing_it_is_no_ruin() -> None:
    assert check_echo(object).status is Status.OK
    missing = check_echo(raising(ModelError("no livekit", hint="run it")))
    assert (missing.status, missing.do) == (Status.WARN, "run it")


@pytest.mark.parametrize(
    ("detection", "smart_turn", "installed", "status", "says"),
    [
        ("service", "auto", None, Status.OK, "by the service"),
        ("device", "auto", None, Status.WARN, "not installed"),
        ("device", "auto", Path("m"), Status.OK, "and Smart Turn"),
        ("device", "off", Path("m"), Status.OK, "by silence"),
    ],
)
def test_who_ends_the_turn_is_told(
    detection: str, smart_turn: str, installed: Path | None, status: Status, says: str
) -> None:
    settings = replace(
        Settings(),
        service=ServiceSettings(turn_detection=detection),
        turn=TurnSettings(smart_turn=smart_turn),
    )
    check = check_turn_end(settings, installed)
    assert (check.status, says in check.says) == (status, True), check
