"""Errors told apart, in words that never hold a key."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.events import ErrorKind
from device.providers.faults import Explainer

KEY = "sk-verysecretkey123"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, ErrorKind.PROTOCOL),
        (400, ErrorKind.PROTOCOL),
        (401, ErrorKind.KEY),
        (402, ErrorKind.QUOTA),
        (403, ErrorKind.KEY),
        (404, ErrorKind.PROTOCOL),
        (408, ErrorKind.SERVICE),
        (429, ErrorKind.QUOTA),
        (500, ErrorKind.SERVICE),
        (503, ErrorKind.SERVICE),
    ],
)
def test_refusals(status: int, kind: ErrorKind) -> None:
    fault = Explainer(KEY).refusal(status, b"<html>")
    assert fault.kind is kind
    assert str(status) in fault.detail


def test_the_body_of_a_refusal_is_quoted_without_the_key() -> None:
    error = {"code": "invalid_api_key", "message": f"Incorrect API key provided: {KEY}."}
    fault = Explainer(KEY).refusal(400, json.dumps({"error": error}).encode())
    assert fault.kind is ErrorKind.KEY
    assert "Incorrect API key" in fault.detail
    assert KEY not in fault.detail


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (1000, "", ErrorKind.SERVICE),
        (1001, "", ErrorKind.SERVICE),
        (1002, "", ErrorKind.PROTOCOL),
        (1006, "", ErrorKind.NETWORK),
        (1007, "", ErrorKind.PROTOCOL),
        (1008, "", ErrorKind.PROTOCOL),
        (1008, "invalid api key", ErrorKind.KEY),
        (1009, "", ErrorKind.PROTOCOL),
        (1011, "", ErrorKind.SERVICE),
        (1013, "", ErrorKind.SERVICE),
        (3000, "", ErrorKind.KEY),
        (4000, "beta_api_shape_disabled", ErrorKind.PROTOCOL),
        (4001, "", ErrorKind.KEY),
        (4001, "session expired", ErrorKind.SERVICE),
        (4429, "", ErrorKind.QUOTA),
        (4999, "insufficient quota", ErrorKind.QUOTA),
        (4999, "whatever", ErrorKind.SERVICE),
    ],
)
def test_close_codes(code: int, reason: str, kind: ErrorKind) -> None:
    fault = Explainer("").closing(code, reason)
    assert fault.kind is kind
    assert str(code) in fault.detail
    assert reason in fault.detail


@pytest.mark.parametrize(
    ("code", "family", "kind", "over"),
    [
        ("rate_limit_exceeded", "", ErrorKind.QUOTA, False),
        ("", "server_error", ErrorKind.SERVICE, False),
        ("", "authentication_error", ErrorKind.KEY, True),
        ("token_expired", "", ErrorKind.KEY, True),
        ("max_output_tokens_invalid", "", ErrorKind.PROTOCOL, False),
        ("never_heard_of_it", "invalid_request_error", ErrorKind.PROTOCOL, False),
        ("", "", ErrorKind.SERVICE, False),
    ],
)
def test_codes_are_read_leniently(code: str, family: str, kind: ErrorKind, over: bool) -> None:
    fault = Explainer("").error({"code": code, "type": family, "message": "m"})
    assert (fault.kind, fault.over) == (kind, over)


def test_an_error_that_says_nothing() -> None:
    assert Explainer("").error({}).detail == "the service reported an error"


@given(st.text(), st.text())
def test_words_are_one_short_printable_line_without_the_key(before: str, after: str) -> None:
    cleaned = Explainer(KEY).clean(before + KEY + after)
    assert KEY not in cleaned
    assert cleaned == "" or cleaned.isprintable()
    assert len(cleaned) <= 200
