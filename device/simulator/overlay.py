"""The configuration of the appliance under test: its owner's, moved into the room.

Only what must differ is changed: which PCMs, which board, the way to the
service, which leads through the recording proxy, and where costs are kept: a
simulated run must not be counted among the owner's.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from device import config as config_file
from device.errors import ConfigError
from device.settings import BoardSettings
from device.simulator.scenario import RoomSpec
from device.simulator.toml_lines import error_line, syntax_words
from device.simulator.upstream import Upstream

Tree = dict[str, Any]

OPENAI_URL = "wss://api.openai.com/v1/realtime"
_PATH = "/v1/realtime"


def load_config(path: Path | None) -> Tree:
    """The owner's configuration as plain tables; its values are the appliance's to judge.

    Paths in it count from its own folder, and are made absolute: the appliance reads a copy
    in another. Raises ConfigError where it cannot be read, or is no TOML."""
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", file=path) from error
    try:
        return _with_absolute_paths(tomllib.loads(text), path)
    except tomllib.TOMLDecodeError as error:
        line = error_line(str(error), text)
        raise ConfigError(syntax_words(str(error), text), file=path, line=line) from error


def _with_absolute_paths(tree: Tree, path: Path) -> Tree:
    """Which values are paths, the appliance's own reading of the file says."""
    settings = config_file.read(path).settings
    base = path.absolute().parent

    def absolute(value: Any, read: Any) -> Any:
        if isinstance(value, list) and isinstance(read, tuple) and len(value) == len(read):
            return [absolute(*pair) for pair in zip(value, read, strict=True)]
        return read if isinstance(value, str) and value and read == str(base / value) else value

    def table(name: str, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        section = getattr(settings, name, None)
        return {key: absolute(value, getattr(section, key, None)) for key, value in values.items()}

    return {name: table(name, values) for name, values in tree.items()}


def upstream_of(config: Mapping[str, Any], offline_port: int) -> Upstream:
    """Where the proxy leads: the configured service, or the built-in one."""
    service = table_of(config, "service")
    url = str(service.get("url") or "")
    if url:
        return Upstream.of_url(url)
    if service.get("provider", "offline") == "offline":
        return Upstream("127.0.0.1", offline_port)
    return Upstream.of_url(OPENAI_URL)


def overlay(
    config: Mapping[str, Any],
    *,
    room: RoomSpec,
    fifo_ms: float,
    socket: Path,
    state: Path,
    proxy_port: int | None,
    offline_port: int,
    section: str = "service",
    other_ports: Mapping[str, int] | None = None,
) -> Tree:
    """The owner's configuration with what the room needs.

    ``state``: the folder for the costs, unless the owner names one. ``section``: whose ``url``
    is to lead to the proxy. ``proxy_port`` None: there is none, the address stays.
    ``other_ports``: of the proxies of further services, by section."""
    audio = dict(table_of(config, "audio"))
    if "capture" not in audio:
        audio |= {"capture": "room_mic", "capture_rate_hz": room.rate_hz}
        audio["capture_channels"] = room.mic_channels
    if "playback" not in audio:
        audio |= {"playback": "room_speaker", "playback_rate_hz": room.rate_hz}
        audio["playback_channels"] = 1
    board = dict(table_of(config, "board"))
    if board.get("button_pin", 0) == -1:
        board["button_pin"] = BoardSettings().button_pin
    board |= {"name": "virtual", "socket": str(socket), "output_latency_ms": fifo_ms}
    service = dict(table_of(config, section))
    owner_url = str(service.get("url") or "")
    if proxy_port is not None:
        service["url"] = _by_way_of(proxy_port, owner_url)
    cost = dict(table_of(config, "cost"))
    cost["state"] = cost.get("state") or str(state.absolute())
    changed: Tree = {"audio": audio, "board": board, section: service, "cost": cost}
    for name, port in (other_ports or {}).items():
        table = table_of(config, name)
        changed[name] = {**table, "url": _by_way_of(port, str(table.get("url") or ""))}
    provider = table_of(config, "service").get("provider", "offline")
    is_last = "offline" in table_of(config, "service").get("fallback", ())
    if is_last or (section == "service" and provider == "offline" and not owner_url):
        changed["offline"] = {**table_of(config, "offline"), "port": offline_port}
    return {**config, **changed}


def _by_way_of(port: int, url: str) -> str:
    path = "/" + url.split("://", 1)[1].partition("/")[2] if "://" in url else _PATH
    return f"ws://127.0.0.1:{port}{path}"


def to_toml(tree: Mapping[str, Any]) -> str:
    """Tables of plain values as TOML; what configuration files consist of."""
    lines: list[str] = []
    lines += [f"{_key(k)} = {_value(v)}" for k, v in tree.items() if not isinstance(v, dict)]
    for name, table in tree.items():
        if isinstance(table, dict):
            lines += ["", f"[{_key(name)}]"]
            lines += [f"{_key(k)} = {_value(v)}" for k, v in table.items()]
    return "\n".join(lines).lstrip() + "\n"


def table_of(config: Mapping[str, Any], name: str) -> Tree:
    """A table of a configuration, empty where there is none. ConfigError: it is no table."""
    table = config.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError("must be a table", key=name)
    return table


def _key(name: str) -> str:
    plain = name.replace("-", "").replace("_", "")
    return name if plain.isascii() and plain.isalnum() else _value(name)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):  # JSON's escapes are all TOML's too, but for DEL
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + "}"
    return str(value)
