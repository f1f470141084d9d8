"""The ``parlor`` command.

Only the module of the subcommand that was asked for is imported: ``parlor
--version`` must not load numpy. Each such module offers
``add_parser(subparsers)`` and ``run(args) -> int``.

Exit codes: 0 done, 1 it failed, 2 bad input or configuration, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from device import __version__
from device.errors import ConfigError, ParlorError, ScenarioError

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("device.cli.run", "run the appliance"),
    "simulate": ("device.cli.simulate", "run the appliance in a simulated room"),
    "service": ("device.cli.service", "run the offline speech service on its own"),
    "doctor": ("device.cli.doctor", "say what is missing or wrong on this machine"),
    "config": ("device.cli.config", "check a configuration file, or print an example"),
    "cost": ("device.cli.cost", "show what the services were used for, and what that cost"),
    "devices": ("device.cli.devices", "list microphones and speakers"),
    "turns": ("device.cli.turns", "show how long the last turns took"),
    "wake": ("device.cli.wake_tune", "tune the wake word to this room"),
    "wake-words": ("device.cli.wake_words", "list the wake words and their licence"),
}
"""name -> (module, one line of help)"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line; returns the exit code. Never shows a traceback of an
    expected error unless ``--debug`` stands anywhere in the line."""
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        parser = _parser(words)
        if not words:
            parser.print_help()
            return 2
        args = parser.parse_args(words)
        code: int = args.run(args)
        sys.stdout.flush()
    except ParlorError as error:
        if debug:
            raise
        for line in str(error).splitlines():
            print(f"parlor: {line}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError | ScenarioError) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (a pager, head) has seen enough; nothing may be flushed to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="parlor",
        description="A voice appliance: listens for its wake word, talks with a speech service.",
        epilog="parlor COMMAND --help says more; --debug anywhere shows tracebacks.",
    )
    parser.add_argument("--version", action="version", version=f"parlor {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    wanted = next((word for word in words if not word.startswith("-")), None)
    for name, (module, line) in COMMANDS.items():
        if name == wanted:
            command = importlib.import_module(module)
            command.add_parser(subparsers)
            subparsers.choices[name].set_defaults(run=command.run)
        else:
            subparsers.add_parser(name, help=line)
    return parser


if __name__ == "__main__":
    sys.exit(main())
