"""What a service is not told, or told in vain: of each that may serve.

The appliance runs with all of this, on another service, or as the service likes; whoever wrote it
waits for something that never comes. For ``parlor config check`` and the doctor.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from device.config_rules import Finding
from device.config_schema import Mistake
from device.providers import SERVICES
from device.session import OFFLINE, access, services
from device.settings import Settings


def known_services(settings: Settings) -> tuple[str, ...]:
    """Those that may serve; a name that nobody knows is told elsewhere."""
    return tuple(name for name in services(settings) if name in SERVICES)


def service_lacks(settings: Settings) -> Iterator[Finding]:
    """What must be written before a session can be opened with it."""
    for name in known_services(settings):
        service, reached = SERVICES[name], access(settings, name)
        section = getattr(settings, service.options_of or name)
        first = name == settings.service.provider
        if not reached.url and name != OFFLINE:  # that one is started here
            key = "service.url" if first else f"{name}.url"
            hint = f"write url into [{name}]" + (", or into [service]" if first else "")
            yield key, Mistake(f"{name} has no address of its own: where is yours?", hint)
        # An address of the owner's, or one that is fetched, may name it already.
        own = reached.key_command or reached.key_url or _names_more(reached.url, service.url)
        for option in service.needs:
            if not getattr(section, option, "") and not own:
                says = f"{name} opens no session without it"
                yield f"{name}.{option}", Mistake(says, f"write {option} into [{name}]")


def _names_more(url: str, known: str) -> bool:
    try:
        parts, usual = urlsplit(url), urlsplit(known)
    except ValueError:  # told by the rules of the file
        return True
    return bool(parts.query) or parts.path.rstrip("/") != usual.path.rstrip("/")


def service_ignores(settings: Settings, written: Collection[str]) -> Iterator[Finding]:
    """Settings of ``[service]`` that the configured one does not take."""
    name = settings.service.provider
    if name not in SERVICES:
        return
    service = SERVICES[name]
    section = getattr(settings, service.options_of or name, None)
    for what, option in service.ignores.items():
        if option and getattr(section, option, False):
            continue
        key = f"{name}.{what}" if f"{name}.{what}" in written else f"service.{what}"
        if option:
            hint = f"write {option} = true into [{name}], or leave it away"
        else:
            hint = "set it up on the service's own page, and leave it away here"
        yield key, Mistake(f"has no effect: {name} is not told of it", hint)
    if settings.service.turn_detection == "device" and not service.able.commits:
        says = f"has no effect: {name} ends the turns by itself, and cannot be told to"
        yield "service.turn_detection", Mistake(says, 'write "auto", or leave it away')
