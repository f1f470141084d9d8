"""``parlor simulate``: the unmodified appliance in a simulated room."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from device.cli.options import Subparsers

if TYPE_CHECKING:
    from device.simulator.console import Console
    from device.simulator.hosted import HostedSpec
    from device.simulator.outcome import Outcome
    from device.simulator.scenario import Scenario
    from device.simulator.verdict import Check

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
        "--demo",
        action="store_true",
        help="run and judge the built-in demonstration; with --service: the conversation that "
        "is the same on every service",
    )
    parser.add_argument(
        "--service",
        metavar="NAME",
        help="instead of the configured service use a stand-in of NAME, which runs here, needs "
        "neither key nor network and costs nothing; all: each, one after the other",
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
    from device.cli import simulate_services as services  # noqa: PLC0415
    from device.errors import ScenarioError  # noqa: PLC0415
    from device.simulator import demo, same_conversation  # noqa: PLC0415
    from device.simulator.console import Console, wants_colour  # noqa: PLC0415
    from device.simulator.scenario import load  # noqa: PLC0415

    if args.demo == (args.scenario is not None):
        raise ScenarioError("name one scenario, or --demo")
    console = Console(sys.stdout, colour=wants_colour(sys.stdout), quiet=args.quiet)
    built_in, judge = demo.SCENARIO, demo.judge
    if args.service is not None:
        built_in, judge = same_conversation.SCENARIO, same_conversation.judge
    scenario = load(built_in if args.demo else args.scenario)
    if args.config is not None:
        # Here, where its own name and lines are known: the appliance reads a copy.
        config.load(args.config)
    judged = judge if args.demo else None
    if args.service is None:
        return 0 if _one(args, scenario, console, None, args.out, judged)[1] else 1
    chosen = services.chosen(args.service)
    if args.service != services.ALL:
        return 0 if _one(args, scenario, console, chosen[0], args.out, judged)[1] else 1
    return 0 if _all(args, scenario, console, chosen, judged) else 1


Judge = Callable[["Outcome"], "list[Check]"]


def _one(
    args: argparse.Namespace,
    scenario: Scenario,
    console: Console,
    service: HostedSpec | None,
    out: Path,
    judge: Judge | None,
) -> tuple[Outcome, bool]:
    """One run, told to people; whether it passed."""
    from device.simulator import outcome  # noqa: PLC0415
    from device.simulator.director import Director  # noqa: PLC0415
    from device.simulator.overlay import load_config  # noqa: PLC0415

    director = Director(scenario, load_config(args.config), out, console, service=service)
    result = asyncio.run(_until_terminated(director.run()))
    outcome.tell(result, console, out)
    passed = not result.failure
    if judge is not None:
        checks = judge(result)
        for check in checks:
            sign, colour = ("ok    ", "32") if check.ok else ("FAILED", "1;31")
            console.say(f"{sign}  {check.what}: {check.evidence}", colour)
        passed = all(check.ok for check in checks)
    return result, passed


def _all(
    args: argparse.Namespace,
    scenario: Scenario,
    console: Console,
    services: Sequence[HostedSpec],
    judge: Judge | None,
) -> bool:
    """One after the other, each into a folder of its name; a table at the end."""
    from device.errors import ScenarioError, SimulatorError  # noqa: PLC0415
    from device.simulator.console import Console as New  # noqa: PLC0415
    from device.simulator.console import wants_colour  # noqa: PLC0415
    from device.simulator.verdict import service_row, service_table  # noqa: PLC0415

    rows: list[Sequence[str]] = []
    every = True
    for service in services:
        console.say(f"--- {service.name}", "1")
        own = New(sys.stdout, colour=wants_colour(sys.stdout), quiet=args.quiet)
        try:
            result, passed = _one(args, scenario, own, service, args.out / service.name, judge)
        except (ScenarioError, SimulatorError) as refused:
            console.say(str(refused), "33")
            rows.append((service.name, "refused"))
            every = False
            continue
        every &= passed
        rows.append(service_row(service.name, result, passed=passed))
    for line in service_table(rows):
        console.say(line)
    return every


async def _until_terminated(run: Coroutine[Any, Any, T]) -> T:
    """SIGTERM ends it like Ctrl-C, so that the appliance does not outlive its room."""
    task = asyncio.ensure_future(run)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
