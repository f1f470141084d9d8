"""Whose sound is it? Binary messages of Wiro, told from each other and from bare PCM."""

from __future__ import annotations

import json
import random
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.events import LinkOpened, ReplyAudio
from device.providers.wiro_wire import framed, parse, unframed
from tests.providers.wiro_driver import REPLY, TOKEN, Task, emitted, told


@given(st.binary(max_size=200))
def test_the_first_bar_behind_our_token_ends_it_whatever_the_sound_holds(pcm: bytes) -> None:
    assert unframed(framed(TOKEN, pcm), TOKEN) == pcm


def test_sound_that_is_all_bars_is_sound() -> None:
    assert unframed(framed(TOKEN, b"||||"), TOKEN) == b"||||"
    assert unframed(b"||\0|", TOKEN) == b"||\0|"


@pytest.mark.parametrize("text", [b"502 Bad Gateway.\r\n", b'["no JSON object"]', b""])
def test_text_in_a_binary_message_is_no_sound(text: bytes) -> None:
    assert len(text) % 2 == 0
    assert unframed(text, TOKEN) is None


@pytest.mark.parametrize(
    "token",
    ["eDcCother", "aB3-socket-access-tokeX", "vws-12ab", "2221", "a" * 600, "pay.hmac_-+/=:~@"],
)
def test_what_is_behind_another_token_is_dropped(token: str) -> None:
    assert unframed(framed(token, REPLY), TOKEN) is None


def test_a_longer_token_that_begins_like_ours_is_another() -> None:
    assert unframed(framed(TOKEN + "2", REPLY), TOKEN) is None
    assert unframed(TOKEN.encode(), TOKEN) is None


def test_bare_sound_of_even_length_is_taken_and_of_odd_length_is_not() -> None:
    assert unframed(REPLY, TOKEN) == REPLY
    assert unframed(REPLY[:-1], TOKEN) is None


@pytest.mark.parametrize("peak", [30, 300, 3000, 10000])
def test_bare_sound_below_a_third_of_full_scale_is_never_taken_for_a_token(peak: int) -> None:
    """Its high bytes are those of no character of a token."""
    rng = random.Random(peak)
    for _ in range(2000):
        samples = [rng.randint(-peak, peak) for _ in range(300)]
        samples[rng.randrange(4)] = 0x7C  # a bar where a prefix may end
        pcm = struct.pack("<300h", *samples)
        assert unframed(pcm, TOKEN) == pcm


def test_bare_loud_noise_is_hardly_ever_taken_for_a_token() -> None:
    rng = random.Random(1)
    lost = sum(unframed(rng.randbytes(960), TOKEN) is None for _ in range(100_000))
    assert lost <= 5


def test_halves_of_samples_in_two_messages_are_put_together() -> None:
    task = Task().ready()
    task.asks()
    pcm = b"".join(
        event.pcm
        for part in (REPLY[:101], REPLY[101:301], REPLY[301:])
        for event in emitted(task.sounds(part))
        if isinstance(event, ReplyAudio)
    )
    assert pcm == REPLY


def test_json_in_a_binary_message_is_a_message_and_no_bang() -> None:
    task = Task()
    task.runs()
    (opened,) = emitted(task.raw(json.dumps({"type": "task_stream_ready"}).encode()))
    assert isinstance(opened, LinkOpened)
    assert parse(b"{}{}") == b"{}{}"


def test_sound_before_the_session_is_ready_is_not_ours() -> None:
    task = Task()
    task.runs()
    assert task.sounds() == []


def test_sound_of_another_task_begins_no_reply() -> None:
    task = Task().ready()
    task.asks()
    assert told(task.raw(framed("anotherTaskToken", REPLY))) == []
    assert told(task.sounds()) == ["turn", "reply", "sound"]
