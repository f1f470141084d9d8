"""What counts as a key in an answer, and what is said of what does not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.adapters.key_answer import Answer, AnswerError, parse_answer, parts_of
from device.secrets import Secret
from tests.keys.shown import everything_of

KEY = "planted-key-5f2a91c4"


def parsed(answer: object) -> Answer:
    return parse_answer(json.dumps(answer).encode())


@pytest.mark.parametrize(
    "answer",
    [
        {"value": KEY},
        {"client_secret": {"value": KEY}},
        {"client_secret": KEY},
        {"signed_url": KEY},
        {"token": KEY},
        {"access_token": KEY, "token_type": "bearer"},
        {"key": KEY},
        KEY,
    ],
)
def test_every_known_form_holds_the_key(answer: object) -> None:
    assert parsed(answer) == Answer(Secret(KEY))


@pytest.mark.parametrize("data", [KEY, f"{KEY}\n", f"  {KEY}\r\n"])
def test_plain_text_is_the_key(data: str) -> None:
    assert parse_answer(data.encode()) == Answer(Secret(KEY))


def test_when_it_expires_stands_beside_the_key() -> None:
    assert parsed({"value": KEY, "expires_at": 1795000600}).expires_at == 1795000600
    assert parsed({"access_token": KEY, "expires_in": 30}).expires_in_s == 30
    nested = {"client_secret": {"value": KEY, "expires_at": 17.5}, "expires_at": 99}
    assert parsed(nested).expires_at == 17.5


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "nothing"),
        (b" \n", "nothing"),
        (f"{KEY}\n{KEY}\n".encode(), "more than one word"),
        (f"the key is {KEY}".encode(), "more than one word"),
        (f"schl\u00fcssel-{KEY}".encode(), "more than one word"),
        (KEY.encode() + b"\xff\xfe", "no text"),
        (KEY.encode() + b"\0", "more than one word"),
        ((KEY * 1000).encode(), "too long"),
        (f'{{"value": "{KEY}"'.encode(), "not valid"),
        (b"[" * 100_000 + KEY.encode(), "not valid"),
        (f'["{KEY}"]'.encode(), "no object"),
        (f'{{"secret": "{KEY}"}}'.encode(), 'without "value"'),
        (f'{{"value": ["{KEY}"]}}'.encode(), 'without "value"'),
        (b'{"value": ""}', "empty key"),
        (f'{{"value": "{KEY} x"}}'.encode(), "more than one word"),
        (f'{{"value": "{KEY}", "expires_at": "soon"}}'.encode(), "no number of seconds"),
        (f'{{"value": "{KEY}", "expires_in": true}}'.encode(), "no number of seconds"),
        (f'{{"value": "{KEY}", "expires_in": NaN}}'.encode(), "no number of seconds"),
        (f'{{"value": "{KEY}", "expires_in": 1{"0" * 400}}}'.encode(), "no number of seconds"),
    ],
)
def test_what_is_no_key_is_named_and_not_quoted(data: bytes, says: str) -> None:
    with pytest.raises(AnswerError, match=says) as caught:
        parse_answer(data)
    assert KEY not in everything_of(caught.value)
    assert "schl" not in everything_of(caught.value)


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda t: json.dumps(t).encode()))
def test_no_answer_is_anything_but_a_key_or_an_answer_error(data: bytes) -> None:
    try:
        value = parse_answer(data).secret.reveal()
    except AnswerError:
        return
    assert value
    assert value.isascii()
    assert not any(c.isspace() for c in value)


def test_of_a_signed_address_the_signature_is_a_secret_as_well() -> None:
    url = f"wss://api.example.org/v1/convai?agent_id=agent_1&signature={KEY}-long"
    found = [secret.reveal() for secret in parts_of(Secret(url))]
    assert url in found
    assert f"{KEY}-long" in found
    assert "agent_1" not in found  # a word that a log may need
    assert parts_of(Secret(KEY)) == [Secret(KEY)]
    assert parts_of(Secret("http://[half")) == [Secret("http://[half")]
