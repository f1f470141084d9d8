"""Errors told apart, in words that never hold a key."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.events import ErrorKind
from device.providers.faults import Explainer, secrets_in

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
    ("body", "told"),
    [
        ({"error": {"message": "It is so."}}, "It is so."),
        ({"error": "It is so."}, "It is so."),
        ({"detail": {"status": "agent_not_found", "message": "It is so."}}, "[agent_not_found]"),
        ({"detail": "It is so."}, "It is so."),
        ({"err_code": "BAD_REQUEST", "err_msg": "It is so."}, "It is so. [BAD_REQUEST]"),
        ({"message": "It is so.", "statusCode": 401}, "It is so."),
        ({"message": ["It", "is so."]}, "It is so."),
        ({"detail": [{"msg": "It is so.", "loc": ["agent_id"]}, {"msg": "And so."}]}, "It is so."),
        ({"error": "Unauthorized", "message": "It is so."}, "It is so."),
        ([{"error": {"message": "It is so."}}], "It is so."),
    ],
)
def test_a_refusal_is_explained_by_its_body_whatever_its_shape(body: object, told: str) -> None:
    detail = Explainer(KEY).refusal(401, json.dumps(body).encode()).detail
    assert told in detail
    assert detail.startswith("the service did not accept the key (HTTP 401)")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"detail": {"status": "quota_exceeded", "message": "x"}}, ErrorKind.QUOTA),
        (403, {"err_code": "INSUFFICIENT_CREDITS", "err_msg": "x"}, ErrorKind.QUOTA),
        (401, {"message": "Invalid Key. Your plan is out of credits?"}, ErrorKind.KEY),
        (400, {"err_code": "INVALID_AUTH", "err_msg": "x"}, ErrorKind.KEY),
        (429, {"detail": {"status": "invalid_api_key", "message": "x"}}, ErrorKind.QUOTA),
        (503, {"message": "quota"}, ErrorKind.SERVICE),
    ],
)
def test_what_a_refusals_body_says_of_a_limit_is_heard(
    status: int, body: object, kind: ErrorKind
) -> None:
    assert Explainer(KEY).refusal(status, json.dumps(body).encode()).kind is kind


@pytest.mark.parametrize("body", [b"[]", b"5", b'{"error": 5}', b'{"detail": [5, {}]}', b"[[1]]"])
def test_a_refusals_body_that_says_nothing_changes_nothing(body: bytes) -> None:
    fault = Explainer(KEY).refusal(404, body)
    assert fault.detail == "no such address or model (HTTP 404)"


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
        ("INVALID_AUTH", "", ErrorKind.KEY, True),
        ("", "auth failed", ErrorKind.KEY, True),
        ("author_unknown", "", ErrorKind.PROTOCOL, False),
        ("max_output_tokens_invalid", "", ErrorKind.PROTOCOL, False),
        ("never_heard_of_it", "invalid_request_error", ErrorKind.PROTOCOL, False),
        ("", "", ErrorKind.SERVICE, False),
    ],
)
def test_codes_are_read_leniently(code: str, family: str, kind: ErrorKind, over: bool) -> None:
    fault = Explainer("").error({"code": code, "type": family, "message": "m"})
    assert (fault.kind, fault.over) == (kind, over)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("tool_call_permission", ErrorKind.SERVICE),
        ("mcp_authentication_failed", ErrorKind.SERVICE),
        ("transcription_model_not_found", ErrorKind.PROTOCOL),
    ],
)
@pytest.mark.parametrize("opened", [False, True])
def test_what_a_part_of_the_session_lacks_is_neither_its_end_nor_for_want_of_a_key(
    code: str, kind: ErrorKind, opened: bool
) -> None:
    explainer = Explainer("")
    explainer.opened = opened
    fault = explainer.error({"code": code, "message": "m"})
    assert (fault.kind, fault.over) == (kind, False)


@pytest.mark.parametrize(
    ("code", "family", "kind", "over"),
    [
        ("permission_denied", "", ErrorKind.KEY, False),
        ("", "authentication_error", ErrorKind.KEY, False),
        ("model_not_found", "", ErrorKind.PROTOCOL, True),
        ("invalid_api_key", "", ErrorKind.KEY, True),
        ("token_expired", "", ErrorKind.KEY, True),
        ("insufficient_quota", "", ErrorKind.QUOTA, True),
        ("session_expired", "", ErrorKind.SERVICE, True),
    ],
)
def test_an_open_session_is_over_only_for_what_can_be_meant_of_the_whole(
    code: str, family: str, kind: ErrorKind, over: bool
) -> None:
    explainer = Explainer("")
    explainer.opened = True
    fault = explainer.error({"code": code, "type": family, "message": "m"})
    assert (fault.kind, fault.over) == (kind, over)


def test_an_error_that_says_nothing() -> None:
    assert Explainer("").error({}).detail == "the service reported an error"


TOKEN = "tok_9f8e7d6c5b4a39281706"


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        (f"wss://host/talk?token={TOKEN}", {TOKEN}),
        ("wss://host/talk?sig=abc%2Fdef%2Bghi%3D%3D", {"abc/def+ghi==", "abc%2Fdef%2Bghi%3D%3D"}),
        (f"wss://user:{TOKEN}@host/talk", {TOKEN}),
        (
            "wss://host/v1/realtime?model=gpt-realtime-2.1-mini&api-version=2026-04-10-preview",
            set(),
        ),
        ("wss://host/talk?lang=de", set()),
        ("no address at all, with ?token=whatever", set()),
        ("wss://[half?token=" + TOKEN, set()),
    ],
)
def test_of_an_address_what_it_carries_is_secret_and_what_it_names_is_not(
    address: str, kept: set[str]
) -> None:
    assert set(secrets_in(address)) == kept


def test_what_else_was_to_be_kept_is_in_no_words_and_no_part_of_it_either() -> None:
    address = f"wss://host/talk?token={TOKEN}"
    explainer = Explainer("", address, "the-second-half-of-it")
    assert explainer.clean(f"{address} is used up") == "[key] is used up"
    assert explainer.clean(f"{TOKEN} the-second-half-of-it") == "[key] [key]"
    assert "[key]" in explainer.closing(4001, f"token {TOKEN} expired").detail


@given(st.text(), st.text())
def test_words_are_one_short_printable_line_without_the_key(before: str, after: str) -> None:
    cleaned = Explainer(KEY).clean(before + KEY + after)
    assert KEY not in cleaned
    assert cleaned == "" or cleaned.isprintable()
    assert len(cleaned) <= 200
