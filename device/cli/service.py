"""``parlor service``: the built-in offline speech service on its own."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import logging
import os
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from device import config
from device.adapters.journal import start_logging
from device.cli.options import Subparsers, add_config_option
from device.errors import SecretError
from device.local.server import ServerOptions
from device.local.service import ServiceOptions, run_service
from device.local.session import Limits

log = logging.getLogger("parlor.local")


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "service",
        help="run the offline speech service on its own",
        description=(
            "A speech-to-speech service on this machine: the OpenAI Realtime protocol on "
            "ws://HOST:PORT/v1/realtime. When ready, it prints one line of JSON with its address. "
            "For other machines to use it, name an address of this one with --host, and a key, "
            "which clients present as 'Authorization: Bearer KEY'; without it they get status "
            "401. Nothing is encrypted: that takes a proxy that speaks TLS in front."
        ),
    )
    add_config_option(parser)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=_port, help="port to listen on, 0 for any (default: offline.port)"
    )
    parser.add_argument("--voice", choices=("espeak", "flite"), help="default: offline.voice")
    parser.add_argument(
        "--vocabulary", choices=("commands", "open"), help="default: offline.vocabulary"
    )
    key = parser.add_mutually_exclusive_group()
    key.add_argument(
        "--key-file", type=Path, metavar="FILE", help="clients must present the key in FILE"
    )
    key.add_argument(
        "--key-credential",
        metavar="NAME",
        help="the same with the systemd credential NAME (LoadCredential= in a unit)",
    )
    parser.add_argument(
        "--pace",
        type=_factor,
        default=ServerOptions().pace,
        metavar="N",
        help="send replies N times faster than real time, 0: at once (%(default)s)",
    )
    parser.add_argument(
        "--session-minutes",
        type=_factor,
        default=Limits().session_s / 60,
        metavar="N",
        help="end sessions after N minutes (%(default)g)",
    )
    parser.add_argument(
        "--exit-with-parent",
        action="store_true",
        help="end when the parent process does, or closes our standard input",
    )


def run(args: argparse.Namespace) -> int:
    """Exit status 0 after SIGTERM or SIGINT, 1 when the port is taken."""
    parent_pid = os.getppid()
    # Whoever started us has told of the mistakes in the file already, and runs with the rest.
    outcome = config.read(args.config)
    settings = outcome.settings if args.exit_with_parent else config.load(args.config)
    start_logging(settings.log.level, os.environ)
    offline = settings.offline
    server = ServerOptions(
        host=args.host,
        port=offline.port if args.port is None else args.port,
        key=_key(args, os.environ),
        pace=args.pace,
        limits=Limits(session_s=args.session_minutes * 60),
    )
    options = ServiceOptions(
        server,
        vocabulary=args.vocabulary or offline.vocabulary,
        voice=args.voice or offline.voice,
        chat_url=offline.chat_url,
        chat_model=offline.chat_model,
    )
    if args.exit_with_parent:
        options = replace(options, parent_pid=parent_pid)
    try:
        asyncio.run(run_service(options, partial(_listening, server)))
    except OSError as error:
        log.error("cannot listen on %s port %d: %s", server.host, server.port, error)
        return 1
    return 0


def _listening(server: ServerOptions, url: str) -> None:
    """It listens now: only so is it true that anybody can reach it."""
    if not server.key and not only_this_machine(server.host):
        log.warning(
            "anybody who can reach %s may use this service, listen to it and keep this machine "
            "busy: it is open to the network and demands no key; start it with --key-file FILE, "
            "or with --host 127.0.0.1",
            server.host or "this machine",
        )
    _announce(url)


def _announce(url: str) -> None:
    """One line of JSON on stdout: the contract with whoever started us."""
    print(json.dumps({"listening": url, "pid": os.getpid()}), flush=True)


def only_this_machine(host: str) -> bool:
    """Is ``host`` an address that nobody else can reach? A name counts as one that they can."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _key(args: argparse.Namespace, environ: Mapping[str, str]) -> str:
    """What clients must present; empty: nothing. SecretError when it was named but is not there."""
    if args.key_credential is not None:
        directory = environ.get("CREDENTIALS_DIRECTORY")
        if not directory or "/" in args.key_credential:
            raise SecretError(
                f"there is no systemd credential '{args.key_credential}'",
                hint="add LoadCredential= to the unit, or use --key-file",
            )
        return _read_key(Path(directory) / args.key_credential)
    return "" if args.key_file is None else _read_key(args.key_file)


def _read_key(path: Path) -> str:
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretError("the key file cannot be read", file=path) from error
    if not key:
        raise SecretError("the key file is empty", file=path)
    return key


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is not a port")
    return port


def _factor(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not a sensible number")
    return value
