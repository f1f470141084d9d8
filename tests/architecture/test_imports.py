"""The house's rules, kept by walking the syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

DEVICE = Path(__file__).resolve().parents[2] / "device"

VOCABULARY = {
    "capabilities",
    "commands",
    "errors",
    "events",
    "events_service",
    "kinds",
    "ports",
    "prices",
    "setting",
    "settings",
    "settings_cost",
    "settings_services",
}
PURE = {"core", "audio", "providers"}
#: Each layer may import those named, itself, and the vocabulary.
MAY_IMPORT = {
    "core": set(),
    "audio": set(),
    "providers": set(),
    "voice": {"audio"},
    "adapters": PURE | {"secrets", "voice"},
    "local": {"audio", "voice"},
    "simulator": {"audio", "voice", "local", "adapters"},
}
#: What a pure module must not touch.
IMPURE = {
    "alsaaudio",
    "asyncio",
    "gpiozero",
    "http",
    "lgpio",
    "os",
    "queue",
    "select",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "systemd",
    "threading",
    "time",
    "urllib.request",
    "websockets",
}
#: A library and the only layers that may import it.
OWNERS = {
    "alsaaudio": {"adapters"},
    "gpiozero": {"adapters", "simulator"},
    "systemd": {"adapters"},
    "websockets": {"adapters", "local", "simulator", "cli", "fakes_link"},
    "pocketsphinx": {"local"},
    "espeakng_loader": {"voice"},
    "openwakeword": {"adapters"},
}


def modules() -> Iterator[tuple[str, str, ast.Module]]:
    """(path, layer, tree) of every module of the package."""
    for path in sorted(DEVICE.rglob("*.py")):
        relative = path.relative_to(DEVICE)
        layer = relative.parts[0] if len(relative.parts) > 1 else relative.stem
        yield str(relative), layer, ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_the_walk_sees_the_house() -> None:
    layers = {layer for _, layer, _ in modules()}
    assert layers >= {*MAY_IMPORT, *VOCABULARY, "runtime", "app", "cli"}


@pytest.mark.parametrize("layer", sorted(MAY_IMPORT))
def test_imports_go_one_way(layer: str) -> None:
    allowed = MAY_IMPORT[layer] | VOCABULARY | {layer, "__init__"}
    wrong = [
        f"{path} imports {name}"
        for path, where, tree in modules()
        if where == layer
        for name in imported(tree)
        if name.startswith("device.") and name.split(".")[1] not in allowed
    ]
    assert not wrong


@pytest.mark.parametrize("layer", sorted(VOCABULARY))
def test_the_vocabulary_imports_only_itself(layer: str) -> None:
    wrong = [
        f"{path} imports {name}"
        for path, where, tree in modules()
        if where == layer
        for name in imported(tree)
        if name.startswith("device") and name.split(".")[1] not in VOCABULARY
    ]
    assert not wrong


@pytest.mark.parametrize("layer", sorted(PURE | VOCABULARY))
def test_pure_modules_touch_nothing_outside(layer: str) -> None:
    wrong = [
        f"{path} imports {name}"
        for path, where, tree in modules()
        if where == layer
        for name in imported(tree)
        if name in IMPURE or name.split(".")[0] in IMPURE
    ]
    assert not wrong


def test_libraries_have_owners() -> None:
    wrong = [
        f"{path} imports {name}"
        for path, where, tree in modules()
        for name in imported(tree)
        if where not in OWNERS.get(name.split(".")[0], {where})
    ]
    assert not wrong


def test_the_environment_is_read_only_where_settings_are_made() -> None:
    allowed = {"app.py", "cli", "adapters/panel.py"}
    wrong = [
        path
        for path, where, tree in modules()
        if where not in allowed and path not in allowed and where != "simulator"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    ]
    assert not wrong


def test_files_stay_small() -> None:
    long = [
        f"{path}: {len((DEVICE / path).read_text(encoding='utf-8').splitlines())} lines"
        for path, _, _ in modules()
        if len((DEVICE / path).read_text(encoding="utf-8").splitlines()) > 400
    ]
    assert not long


def test_every_module_says_what_it_is_for() -> None:
    empty_inits = {p for p, _, t in modules() if p.endswith("__init__.py") and not t.body}
    wrong = [path for path, _, tree in modules() if not ast.get_docstring(tree)]
    assert set(wrong) <= empty_inits
