"""Parsing: whatever comes, a message or a verdict, never an exception."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.providers.openai_wire import LEGACY_NAMES, Message, parse
from device.providers.wire import SLICE, Malformed, decode_base64, flatten_numbers

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.text() | st.binary() | json_values.map(json.dumps))
def test_anything_is_parsed_or_called_malformed(data: str | bytes) -> None:
    assert isinstance(parse(data), Message | Malformed)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        (b"\xff\xfe\xfa", "not JSON"),
        ("[" * 200_000, "not JSON"),
        ('{"type":"x","n":' + "9" * 5000 + "}", "not JSON"),
        ("[1]", "not a JSON object"),
        ("null", "not a JSON object"),
        ("{}", "without a type"),
        ('{"type":7}', "without a type"),
        ('{"type":"response.output_audio.delta"}', "not base64"),
        ('{"type":"response.output_audio.delta","delta":7}', "not base64"),
        ('{"type":"response.output_audio.delta","delta":"AAA"}', "not base64"),
        ('{"type":"response.output_audio.delta","delta":"AA\\nAA"}', "not base64"),
        ('{"type":"response.output_audio.delta","delta":"ÄÖ=="}', "not base64"),
    ],
)
def test_malformed(data: str | bytes, why: str) -> None:
    verdict = parse(data)
    assert isinstance(verdict, Malformed)
    assert why in verdict.why


@pytest.mark.parametrize(("legacy", "current"), LEGACY_NAMES.items())
def test_retired_names_are_understood(legacy: str, current: str) -> None:
    message = parse(json.dumps({"type": legacy, "delta": "AAA="}))
    assert isinstance(message, Message)
    assert message.type == current


def test_binary_messages_are_json_too() -> None:
    message = parse(b'{"type":"session.created"}')
    assert isinstance(message, Message)


@given(st.binary(max_size=64) | st.integers(0, 5).map(lambda n: bytes(SLICE + n)))
def test_base64_round_trip(data: bytes) -> None:
    assert decode_base64(base64.b64encode(data).decode()) == data


def test_base64_of_several_slices() -> None:
    data = bytes(range(256)) * 2000
    assert decode_base64(base64.b64encode(data).decode()) == data


def test_padding_inside_is_refused_across_slices() -> None:
    assert decode_base64("A" * (SLICE - 4) + "AAA=" + "AAAA") is None


@given(json_values)
def test_getters_survive_wrong_types(value: object) -> None:
    message = parse(json.dumps({"type": "t", "field": value}))
    assert isinstance(message, Message)
    assert isinstance(message.whole("field"), int)
    message.text("field").encode()  # no half surrogate pair left
    assert isinstance(message.object("field"), dict)


def test_half_surrogates_are_replaced() -> None:
    message = parse('{"type":"t","text":"a\\ud800b"}')
    assert isinstance(message, Message)
    assert message.text("text") == "a?b"


@pytest.mark.parametrize("number", ["1e400", "-1e400", "NaN", "9" * 400, "true", '"7"', "null"])
def test_numbers_that_do_not_count(number: str) -> None:
    message = parse('{"type":"t","n":' + number + "}")
    assert isinstance(message, Message)
    assert message.whole("n", 5) == 5


def test_usage_is_flattened() -> None:
    usage = {
        "total_tokens": 7,
        "input_token_details": {"cached_tokens_details": {"audio_tokens": 2}, "note": "x"},
        "ok": True,
        "rate": float("inf"),
    }
    assert flatten_numbers(usage) == {
        "total_tokens": 7.0,
        "input_token_details.cached_tokens_details.audio_tokens": 2.0,
    }
