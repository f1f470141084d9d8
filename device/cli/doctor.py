"""``parlor doctor``: what is missing or wrong on this machine, and what to do about it."""

from __future__ import annotations

import argparse
import logging
import os

from device.cli.options import Subparsers, add_config_option
from device.doctor.check import as_json, failed, render, summary

NAME_WIDTH = 16


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "doctor",
        help="say what is missing or wrong on this machine",
        description="Examines this machine: Python and packages, sound cards and the configured "
        "microphone and speaker, button and lights, wake words, and the speech service. "
        "Exit status 1 when something must be mended.",
    )
    add_config_option(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the findings as JSON")
    form.add_argument(
        "--microphones",
        action="store_true",
        help="instead: tap at each microphone of an array when asked, and it says whether they "
        "stand in the configured order",
    )


def run(args: argparse.Namespace) -> int:
    """Exit 0 when nothing must be mended (there may be warnings)."""
    if args.microphones:
        from device.cli import doctor_microphones  # noqa: PLC0415 -- loads numpy

        return doctor_microphones.run(args.config)
    from device.doctor.examination import examine  # noqa: PLC0415 -- loads what it examines

    # The findings are the output; the parts' own log lines would stand between them.
    logging.getLogger().addHandler(logging.NullHandler())
    findings = []
    for check in examine(args.config, os.environ):
        findings.append(check)
        if not args.json:
            print(render(check, NAME_WIDTH), flush=True)
    if args.json:
        print(as_json(findings))
    else:
        print(f"\n{summary(findings)}")
    return 1 if failed(findings) else 0
