"""``parlor simulate``: the unmodified appliance in a simulated room."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from device.cli.options import Subparsers

T = TypeVar("T")

DEFAULT_OUT = Path("parlor-simulation")


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "simulate",
        help="run the appliance in a simulated room",
        description="Runs a scenario: synthetic people speak, press the button and break "
        "things; the appliance answers. Exit status: 0 the appliance ran to the end, "
        "1 it failed (with --demo also: not everything happened), 2 bad scenario or "
        "configuration.",
    )
    parser.add_argument("scenario", nargs="?", type=Path, metavar="SCENARIO.toml")
    parser.add_argument(
        "--demo", action="store_true", help="run and judge the built-in demonstration"
    )
    parser.add_argument(
        "--config", type=Path, metavar="C.toml", help="configuration of the appliance"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_OUT,
        metavar="DIR",
        help="recordings, timeline and summary go there (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="no live timeline")


def run(args: argparse.Namespace) -> int:
    """Exit status; raises ScenarioError for a bad scenario, ConfigError for a bad ``--config``."""
    # Imported here, so that --help needs no numpy.
    from device import config  # noqa: PLC0415
    from device.errors import ScenarioError  # noqa: PLC0415
    from device.simulator import demo, outcome  # noqa: PLC0415
    from device.simulator.console import Console, wants_colour  # noqa: PLC0415
    from device.simulator.director import Director  # noqa: PLC0415
    from device.simulator.overlay import load_config  # noqa: PLC0415
    from device.simulator.scenario import load  # noqa: PLC0415

    if args.demo == (args.scenario is not None):
        raise ScenarioError("name one scenario, or --demo")
    console = Console(sys.stdout, colour=wants_colour(sys.stdout), quiet=args.quiet)
    scenario = load(demo.SCENARIO if args.demo else args.scenario)
    if args.config is not None:
        # Here, where its own name and lines are known: the appliance reads a copy.
        config.load(args.config)
    director = Director(scenario, load_config(args.config), args.out, console)
    result = asyncio.run(_until_terminated(director.run()))
    outcome.tell(result, console, args.out)
    passed = not result.failure
    if args.demo:
        checks = demo.judge(result)
        for check in checks:
            sign, colour = ("ok    ", "32") if check.ok else ("FAILED", "1;31")
            console.say(f"{sign}  {check.what}: {check.evidence}", colour)
        passed = all(check.ok for check in checks)
    return 0 if passed else 1


async def _until_terminated(run: Coroutine[Any, Any, T]) -> T:
    """SIGTERM ends it like Ctrl-C, so that the appliance does not outlive its room."""
    task = asyncio.ensure_future(run)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
