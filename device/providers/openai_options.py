"""The owner's options of the OpenAI Realtime family (``settings_services.OpenAIRealtimeSettings``
and ``AzureVoiceLiveSettings``), read with care: a section of another service may stand here. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from device.providers.base import SessionSpec

#: The setting's default names a model of OpenAI's; elsewhere it means: whichever is there.
OPENAI_TRANSCRIBES = "gpt-transcribe"

_HEADERS = (
    ("safety_identifier", "OpenAI-Safety-Identifier"),
    ("organization", "OpenAI-Organization"),
    ("project", "OpenAI-Project"),
)


@dataclass(frozen=True, slots=True)
class ToolServer:
    """An MCP server that the service asks itself."""

    label: str
    url: str
    token: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tools: tuple[str, ...] = ()  #: that are offered; none: all


def words(spec: SessionSpec, name: str, default: str = "") -> str:
    value = spec.options.get(name, default)
    return value if isinstance(value, str) else default


def number(spec: SessionSpec, name: str, default: float) -> float:
    value = spec.options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return default
    return value if math.isfinite(value) else default


def is_on(spec: SessionSpec, name: str, *, default: bool = False) -> bool:
    return spec.options.get(name, default) is True


def several(spec: SessionSpec, name: str) -> list[str]:
    value = spec.options.get(name, ())
    if not isinstance(value, list | tuple):
        return []
    return [entry for entry in value if isinstance(entry, str) and entry]


def tool_servers(spec: SessionSpec) -> list[ToolServer]:
    """Those that are written as ``label: https://address``, with what belongs to them."""
    named = [server for entry in several(spec, "mcp_servers") if (server := _server(entry))]
    return [_equipped(server, spec) for server in named]


def voice(spec: SessionSpec) -> object:
    """OpenAI's voices have names; one of the owner's own has an id."""
    return {"id": spec.voice} if spec.voice.startswith("voice_") else spec.voice


def truncation(spec: SessionSpec) -> object:
    """What ``session.truncation`` is to be; None: as it is (``auto``)."""
    wish = words(spec, "truncation", "auto").strip()
    if wish == "disabled":
        return wish
    kept = _part(wish)
    return None if kept is None else {"type": "retention_ratio", "retention_ratio": kept}


def headers(spec: SessionSpec) -> dict[str, str]:
    """Who asks, for the service's own books."""
    found = {header: words(spec, option).strip() for option, header in _HEADERS}
    return {header: value for header, value in found.items() if value and _is_header(value)}


def mistakes(spec: SessionSpec) -> Iterator[str]:
    """Options that cannot be meant so, and are left out. Says no values: one may be a secret."""
    wish = words(spec, "truncation", "auto").strip()
    if wish not in ("", "auto", "disabled") and _part(wish) is None:
        yield 'truncation: expected auto, disabled or a part such as "0.8"'
    if len(tool_servers(spec)) < len(several(spec, "mcp_servers")):
        yield 'mcp_servers: expected "label: https://address"'
    labels = {server.label for server in tool_servers(spec)}
    for entry in several(spec, "mcp_key_files"):
        label, _, file = entry.partition(":")
        if label.split(" ")[0].strip() not in labels or not file.strip():
            yield 'mcp_key_files: expected "label: /path" with the label of one of mcp_servers'
    for entry in several(spec, "mcp_tools"):
        label, _, tool = entry.partition(".")
        if label not in labels or not tool:
            yield 'mcp_tools: expected "label.tool" with the label of one of mcp_servers'
    for option, _ in _HEADERS:
        if not _is_header(words(spec, option).strip()):
            yield f"{option}: expected plain text"


def _equipped(server: ToolServer, spec: SessionSpec) -> ToolServer:
    headers = dict(spec.tool_keys.get(server.label, {}))
    token = headers.pop("", "")
    pairs = [tool.partition(".") for tool in several(spec, "mcp_tools")]
    tools = tuple(name for label, _, name in pairs if label == server.label and name)
    return replace(server, token=token, headers=headers, tools=tools)


def _server(entry: str) -> ToolServer | None:
    label, _, url = (part.strip() for part in entry.partition(":"))
    good = label and url.startswith(("https://", "http://")) and len(url) > len("https://")
    return ToolServer(label, url) if good else None


def _part(wish: str) -> float | None:
    try:
        part = float(wish)
    except ValueError:
        return None
    return part if 0 <= part <= 1 else None


def _is_header(value: str) -> bool:
    return value.isascii() and (value.isprintable() or not value)
