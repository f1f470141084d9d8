"""The configuration file: TOML -> frozen :class:`device.settings.Settings`.

The schema is the metadata in ``settings.py``; this module adds files, lines and
the collecting of every mistake. ``read`` never raises and always returns usable
settings (a mistaken value keeps its default), so that a machine with a bad file
can still show its error light; ``load`` raises. Relative paths in the file
count from the file's own directory.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.config_lines import KeyPath, key_lines, line_of, repeated_key
from device.config_machine import machine_rules
from device.config_rules import WHERE_SECRETS_GO, file_rules, is_secret
from device.config_schema import Mistake, Option, accept, describe, did_you_mean, options
from device.config_senseless import senseless
from device.errors import ConfigError, SecretError
from device.settings import Settings

DEFAULT_PATH = Path("/etc/parlor/parlor.toml")
LARGEST = 1 << 20
_TWICE = re.compile(r"Cannot (overwrite|declare)")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_AT = re.compile(r" \(at (?:line (?P<line>\d+), column \d+|end of document)\)$")


class ConfigMistakesError(ConfigError):
    """Several settings are wrong; ``errors`` holds one ConfigError each."""

    def __init__(self, errors: tuple[ConfigError, ...]) -> None:
        super().__init__(f"{len(errors)} mistakes", file=errors[0].file)
        self.errors = errors

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


class SenselessSettingError(ConfigError):
    """A setting that has no effect beside the others. It stops nobody."""


@dataclass(frozen=True)
class Outcome:
    """What a file gave: the best settings it allows, and every mistake in it.

    ``path`` is None when there is no file and the defaults hold.
    """

    settings: Settings
    errors: tuple[ConfigError, ...]
    path: Path | None
    lines: Mapping[KeyPath, int] = dataclasses.field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Changes:
    """Dotted keys that differ: ``live`` ones can be applied now, the others at a restart."""

    live: tuple[str, ...]
    restart: tuple[str, ...]


def load(path: Path | None) -> Settings:
    """The settings of ``path``; None: /etc/parlor/parlor.toml, or defaults without it.

    Raises ConfigError (one mistake) or ConfigMistakesError (several).
    """
    outcome = read(path)
    if len(outcome.errors) == 1:
        raise outcome.errors[0]
    if outcome.errors:
        raise ConfigMistakesError(outcome.errors)
    return outcome.settings


def check(path: Path | None, environ: Mapping[str, str]) -> list[ConfigError]:
    """Every mistake in the file, what has no effect in it, and what this machine lacks for it
    (models, key)."""
    outcome = read(path)
    written = {".".join(key) for key in outcome.lines}
    mistaken = {error.key for error in outcome.errors}
    idle = [
        _error(outcome.path, outcome.lines, tuple(key.split(".")), mistake, SenselessSettingError)
        for key, mistake in senseless(outcome.settings, written - mistaken)
    ]
    found = [
        _error(outcome.path, outcome.lines, tuple(key.split(".")), mistake)
        for key, mistake in machine_rules(outcome.settings, environ)
    ]
    return [*outcome.errors, *idle, *found]


def read(path: Path | None) -> Outcome:
    """Read as much of the file as can be understood. Never raises."""
    if path is None:
        if not DEFAULT_PATH.exists():
            return Outcome(Settings(), (), None)
        path = DEFAULT_PATH
    try:
        text = _text(path)
        tree = tomllib.loads(text)
    except ConfigError as error:
        return Outcome(Settings(), (error,), path)
    except tomllib.TOMLDecodeError as error:
        return Outcome(Settings(), (_syntax_error(path, text, error),), path)
    except (ValueError, RecursionError) as error:  # numbers and nesting beyond Python's limits
        what = "nested too deeply" if isinstance(error, RecursionError) else "a number is too long"
        return Outcome(Settings(), (ConfigError(f"not usable: {what}", file=path),), path)
    lines = key_lines(text)
    found: list[tuple[KeyPath, Mistake]] = []
    settings = _build(tree, path.absolute().parent, found)
    wrong = {key[:2] for key, _ in found}
    found += [
        (tuple(key.split(".")), mistake)
        for key, mistake in file_rules(
            settings, {".".join(key): line for key, line in lines.items()}
        )
        if tuple(key.split(".")) not in wrong
    ]
    errors = [_error(path, lines, key, mistake) for key, mistake in found]
    errors.sort(key=lambda error: error.line or 0)
    return Outcome(settings, tuple(errors), path, lines)


def changes(old: Settings, new: Settings) -> Changes:
    """What differs between two settings, by whether it can be applied at once."""
    differing = [
        option
        for section, names in options().items()
        for name, option in names.items()
        if getattr(getattr(old, section), name) != getattr(getattr(new, section), name)
    ]
    return Changes(
        live=tuple(option.key for option in differing if option.live),
        restart=tuple(option.key for option in differing if not option.live),
    )


def with_live(old: Settings, new: Settings) -> Settings:
    """``old`` with the live settings of ``new``: what is in force after SIGHUP."""
    sections: dict[str, Any] = {}
    for section, names in options().items():
        taken = {n: getattr(getattr(new, section), n) for n, o in names.items() if o.live}
        sections[section] = dataclasses.replace(getattr(old, section), **taken)
    return Settings(**sections)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError("the file is too large to be a configuration", file=path)
        data = path.read_bytes()
    except FileNotFoundError as error:
        hint = "parlor config example prints a commented file to start from"
        raise ConfigError("there is no such file", file=path, hint=hint) from error
    except OSError as error:
        raise ConfigError(f"the file cannot be read: {error.strerror}", file=path) from error
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(
            "the file is not UTF-8 text", file=path, line=line, hint="save it as UTF-8"
        ) from error


def _syntax_error(path: Path, text: str, error: tomllib.TOMLDecodeError) -> ConfigError:
    message = str(error)
    line = None
    if at := _AT.search(message):
        message = message[: at.start()]
        line = int(at["line"]) if at["line"] else text.count("\n", 0, len(text.rstrip())) + 1
    if line and _TWICE.match(message) and (repeated := repeated_key(text, line)):
        key, line, first = repeated
        return ConfigError(
            f"stands twice, first in line {first}",
            file=path,
            line=line,
            key=_shown(key),
            hint="keep one of the two",
        )
    # TOML's lines end with "\n" only; splitlines() knows many more ends.
    hint = _syntax_hint(text.split("\n")[line - 1]) if line else ""
    return ConfigError(f"not valid TOML: {message}", file=path, line=line, hint=hint)


def _syntax_hint(line: str) -> str:
    """The usual slips; empty when it is none of them."""
    name, equals, value = line.partition("=")
    if not equals and re.fullmatch(r"\s*[\w-]+\s*:.*", line):
        return 'expected "=" between name and value, found ":"'
    if re.fullmatch(r"\s*[+-]?\d+,\d+\s*", value):
        return "a number is written with a point, not with a comma"
    word = value.strip()
    if equals and name.strip() and word[:1].isalpha() and '"' not in word:
        return "texts stand in double quotes"
    return ""


def _error(
    path: Path | None,
    lines: Mapping[KeyPath, int],
    key: KeyPath,
    mistake: Mistake,
    kind: type[ConfigError] = ConfigError,
) -> ConfigError:
    if mistake.hint == WHERE_SECRETS_GO:
        kind = SecretError
    return kind(
        mistake.says,
        file=path,
        line=line_of(dict(lines), key),
        key=_shown(key),
        hint=mistake.hint,
    )


def _shown(key: KeyPath) -> str:
    return ".".join(part if _BARE.fullmatch(part) else describe(part) for part in key)


_A_SECRET = Mistake("this looks like a secret, which has no place in this file", WHERE_SECRETS_GO)


def _build(tree: dict[str, Any], base: Path, found: list[tuple[KeyPath, Mistake]]) -> Settings:
    """Settings from a parsed file; every refused value is noted and keeps its default."""
    known = options()
    sections: dict[str, Any] = {}
    for section, names in known.items():
        table = tree.get(section, {})
        if not isinstance(table, dict):
            says = f"expected a section [{section}], found {describe(table)}"
            found.append(((section,), Mistake(says)))
            table = {}
        values: dict[str, Any] = {}
        for name, value in table.items():
            path = (section, name)
            option = names.get(name)
            if is_secret("" if option else name, value):
                found.append((path, _A_SECRET))
            elif option is None:
                found.append((path, _unknown(name, section, known)))
            elif isinstance(verdict := accept(option, value), Mistake):
                found.append((path, verdict))
            else:
                values[name] = _absolute(option, verdict, base)
        sections[section] = type(getattr(Settings(), section))(**values)
    for name, value in tree.items():
        if name not in known:
            found.append(((name,), _unknown_top(name, value, known)))
    return Settings(**sections)


def _unknown(name: str, section: str, known: Mapping[str, Mapping[str, Option]]) -> Mistake:
    if near := did_you_mean(name, known[section]):
        return Mistake(f"there is no such setting in [{section}]", near)
    elsewhere = [other for other, names in known.items() if name in names]
    hint = f"did you mean [{elsewhere[0]}] {name}?" if elsewhere else ""
    return Mistake(
        f"there is no such setting in [{section}]; expected one of {', '.join(known[section])}",
        hint,
    )


def _unknown_top(name: str, value: Any, known: Mapping[str, Mapping[str, Option]]) -> Mistake:
    if isinstance(value, dict):
        hint = did_you_mean(name, known)
        shown = name if _BARE.fullmatch(name) else describe(name)
        says = f"there is no section [{shown}]; expected one of {', '.join(known)}"
        return Mistake(says, hint)
    if is_secret(name, value):
        return _A_SECRET
    homes = [section for section, names in known.items() if name in names]
    hint = f"did you mean [{homes[0]}] {name}?" if homes else ""
    return Mistake("a setting must stand in a section", hint)


_PATHS = frozenset({"log.timeline", "board.socket", "cost.state"})


def _absolute(option: Option, value: Any, base: Path) -> Any:
    """Paths count from the file's directory; the service runs somewhere else."""
    if option.key == "wake.words":
        return tuple(str(base / word) if word.endswith(".tflite") else word for word in value)
    if (option.name == "key_file" or option.key in _PATHS) and value:
        return str(base / value)
    return value
