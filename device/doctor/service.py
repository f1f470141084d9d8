"""Does the speech service answer? Asked through the appliance's own link.

Name lookup, TCP, TLS with certificate and clock, the WebSocket hand-shake, the
key, and the session's acknowledgement: the link tells them apart.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path

from device.adapters.clock import SystemClock
from device.adapters.link import WebSocketLink
from device.adapters.local_service import LocalService
from device.doctor.check import Check, fail, ok, warn
from device.events import (
    ErrorKind,
    Event,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    PartDegraded,
    ServiceTrouble,
)
from device.session import OFFLINE, SessionFactory
from device.settings import Settings

NAME = "speech service"
STARTS = "offline service"
IF_NOT_STARTED = "`parlor service` shows its own words; see also packages and memory above"
GRACE_S = 3.0
TELLING = (LinkOpened, LinkFailed, LinkClosed, ServiceTrouble)

DO: Mapping[ErrorKind, str] = {
    ErrorKind.KEY: "put a valid API key, alone, into /etc/parlor/service_key (mode 600, owner "
    "root), or name a file in service.key_file",
    ErrorKind.QUOTA: "look at the limits and the credit of your account with the service",
    ErrorKind.NETWORK: "check the network (`ip addr`, `ping`), and service.url",
    ErrorKind.CERTIFICATE: "check the date with `timedatectl`; if it is right, the service or "
    "something on the way to it is not to be trusted",
    ErrorKind.PROTOCOL: "check service.provider and service.url: this is not the service "
    "that they name",
    ErrorKind.SERVICE: "try again later; the service itself has trouble",
}


def verdict(where: str, event: Event | None, waited_s: float) -> Check:
    """The first telling event of the link -> a finding; None: it stayed silent."""
    match event:
        case LinkOpened():
            return ok(NAME, f"{where} answers")
        case LinkFailed(kind=kind, detail=detail) | ServiceTrouble(kind=kind, detail=detail):
            if kind is ErrorKind.QUOTA:
                return warn(NAME, f"{where}: {detail}", DO[kind])
            return fail(NAME, f"{where}: {detail}", DO[kind])
        case LinkClosed(reason=reason):
            return fail(NAME, f"{where} closed the session: {reason}", DO[ErrorKind.SERVICE])
        case _:
            return fail(NAME, f"{where} said nothing for {waited_s:g} s", DO[ErrorKind.NETWORK])


def service_arguments(path: Path | None) -> list[str]:
    """As the appliance starts it, but for the port: its own may be in use by the appliance."""
    arguments = ["--port", "0", "--exit-with-parent"]
    return arguments if path is None else [*arguments, "--config", str(path)]


async def check_service(
    settings: Settings, environ: Mapping[str, str], path: Path | None = None
) -> list[Check]:
    """Start the offline service if it is the one, then open a session.

    ``path`` is the configuration file that ``settings`` came from (None: the default): the
    service reads it too, as it does when the appliance runs.
    """
    if settings.service.provider != OFFLINE:
        where = settings.service.url.partition("?")[0] or settings.service.provider
        return [await _open_session(settings, environ, where, "")]
    if settings.service.url:
        return [await _open_session(settings, environ, settings.service.url, "")]
    events: asyncio.Queue[Event] = asyncio.Queue()
    # Quiet: its log lines would stand between the findings.
    service = LocalService(
        service_arguments(path), events.put_nowait, lambda _pid: None, random.Random(), quiet=True
    )
    service.start()
    try:
        event = await events.get()  # LocalService bounds its own start
        if isinstance(event, PartDegraded):
            return [fail(STARTS, f"it does not start: {event.detail}", IF_NOT_STARTED)]
        started = ok(STARTS, f"starts, and listens at {service.url}")
        return [started, await _open_session(settings, environ, service.url, service.url)]
    finally:
        await service.stop()


async def _open_session(
    settings: Settings, environ: Mapping[str, str], where: str, offline_url: str
) -> Check:
    """Open one session and close it again; nothing is said in it."""
    events: asyncio.Queue[Event] = asyncio.Queue()
    link = WebSocketLink(
        codec_factory=SessionFactory(settings, environ, lambda: offline_url, lambda _secret: None),
        post=events.put_nowait,
        clock=SystemClock(),
        rng=random.Random(),
        settings=settings.service,
    )
    patience_s = settings.service.connect_timeout_s + GRACE_S
    link.open()
    try:
        async with asyncio.timeout(patience_s):
            while not isinstance(event := await events.get(), TELLING):
                pass
    except TimeoutError:
        return verdict(where, None, patience_s)
    finally:
        await link.stop()
    return verdict(where, event, patience_s)
