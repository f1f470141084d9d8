"""Whatever stands in the file: every message is one honest line, and every advice helps."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from device import config
from device.config_schema import Option, options
from device.config_url import judge_url
from device.simulator.overlay import to_toml

OPTIONS = [option for names in options().values() for option in names.values()]
LONGEST = 700
SECRETS = "looks like a secret"

texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", " ", "x" * 5000, "äöü", "\x00", "0.5", "1", "yes", "wss://h /x", "#", "[]"]
    ),
)
numbers = st.one_of(
    st.integers(-(2**63), 2**63), st.integers(10**40, 10**60), st.floats(), st.integers(-3, 200)
)
scalars = st.one_of(texts, numbers, st.booleans())
values: st.SearchStrategy[Any] = st.one_of(
    scalars,
    st.lists(scalars, max_size=4),
    st.lists(st.lists(texts, max_size=2), max_size=2),
    st.dictionaries(st.text(max_size=5), scalars, max_size=2),
)
quick = settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "parlor.toml"


def mistakes(file: Path, text: str) -> list[str]:
    """Each message, after the checks that hold for all of them."""
    file.write_text(text, encoding="utf-8", newline="")
    errors = config.check(file, {})
    for error in errors:
        message = str(error)
        assert message.startswith(f"{file}"), message
        assert message.isprintable(), message
        assert len(message) - len(str(file)) <= LONGEST, message
        assert error.line is None or 1 <= error.line <= text.count("\n") + 1
    return [str(error) for error in errors]


def line_for(option: Option, value: Any) -> str:
    try:
        text = to_toml({option.section: {option.name: value}})
        tomllib.loads(text)
    except (ValueError, UnicodeEncodeError):
        assume(False)
    return text


@quick
@given(option=st.sampled_from(OPTIONS), value=values)
@example(option=OPTIONS[0], value="hey jarvis")
@example(option=OPTIONS[0], value="x" * 5000)
def test_a_value_is_taken_or_refused_with_line_key_and_expectation(
    file: Path, option: Option, value: Any
) -> None:
    text = line_for(option, value)
    for message in mistakes(file, text):
        if SECRETS in message:
            continue
        about = re.search(r"(, line (\d+))?: ([\w.]+): (.*)", message[len(str(file)) :])
        assert about is not None, message
        assert about[3].startswith(option.section), message  # a rule may blame its twin
        if about[3] == option.key and not isinstance(value, dict):
            assert about[2] == "2", message
        if meant := re.search(r"did you mean (.*)\?\)$", message):
            if meant[1].startswith("["):
                fixed = f"[{option.section}]\n{option.name} = {meant[1]}\n"
                again = mistakes(file, fixed) if "]" in meant[1][-1:] else []
            else:
                again = mistakes(file, f"[{option.section}]\n{option.name} = {meant[1]}\n")
            assert not any(f": {option.key}: expected" in one for one in again), (message, again)


@quick
@given(option=st.sampled_from(OPTIONS), data=st.data())
def test_a_slip_in_a_name_is_found_or_said_to_be_unknown(
    file: Path, option: Option, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(option.name) - 1))
    slip = data.draw(st.sampled_from(["", "x", "-", option.name[at] * 2, option.name[at].upper()]))
    name = option.name[:at] + slip + option.name[at + 1 :]
    assume(name and name not in options()[option.section])
    (message,) = mistakes(file, f"[{option.section}]\n{name} = 1\n")
    assert "line 2" in message
    if SECRETS not in message:
        assert "there is no such setting" in message or "a setting must" in message
        if len(option.name) > 6:
            assert "did you mean" in message


@quick
@given(st.dictionaries(st.text(max_size=12), values, max_size=4))
def test_tables_and_names_of_any_kind(file: Path, tree: dict[str, Any]) -> None:
    try:
        text = to_toml(tree)
        tomllib.loads(text)
    except (ValueError, UnicodeEncodeError):
        assume(False)
    assert bool(mistakes(file, text)) == bool(tree)


@quick
@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_any_text_at_all(file: Path, text: str) -> None:
    mistakes(file, text)


@quick
@given(
    st.one_of(st.text(max_size=20), st.from_regex(r"\A(wss?|https?|WSS|ftp)?(://|:/|//)?.{0,15}\Z"))
)
def test_an_address_that_is_advised_is_good(url: str) -> None:
    mistake = judge_url(url, ("wss", "ws"))
    if mistake is not None and mistake.hint:
        meant = json.loads(mistake.hint.removeprefix("did you mean ").removesuffix("?"))
        assert judge_url(meant, ("wss", "ws")) is None
