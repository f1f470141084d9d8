"""What the tool servers that a service asks itself (MCP) know the device by: read from files, so
that no secret stands in the configuration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from device.errors import SecretError
from device.secrets import Secret, read_key

log = logging.getLogger(__name__)


def tool_keys(
    entries: Iterable[str], setting: str, register: Callable[[Secret], None]
) -> dict[str, dict[str, str]]:
    """Label of a server -> name of a header -> value; the name is empty for the token that the
    service sends in its own way. ``entries`` are ``label: file`` or ``label Header: file``.

    A file that cannot be read is logged, and costs the tools of that server, not the session.
    Loop thread; reads small files.
    """
    found: dict[str, dict[str, str]] = {}
    for entry in entries:
        whose, _, file = (part.strip() for part in entry.partition(":"))
        label, _, header = (part.strip() for part in whose.partition(" "))
        if not label or not file:
            continue  # the codec tells of it
        try:
            secret = read_key(Path(file), setting)
        except SecretError as error:
            log.warning("the tool server %s is left without its key: %s", label, error)
            continue
        register(secret)
        found.setdefault(label, {})[header] = secret.reveal()
    return found
