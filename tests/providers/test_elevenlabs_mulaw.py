"""Mu-law by table, against the definition and, where it exists, the standard library's."""

from __future__ import annotations

import struct
import warnings

import pytest

from device.providers.elevenlabs_frames import AudioFormat, audio_format
from device.providers.elevenlabs_mulaw import decode, encode

CODES = bytes(range(256))


def samples(pcm: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(pcm) // 2}h", pcm))


def test_the_ends_of_the_scale_are_those_of_the_standard() -> None:
    assert samples(decode(b"\x00\x7f\x80\xff")) == [-32124, 0, 32124, 0]
    assert encode(struct.pack("<5h", 0, 32767, -32768, 8, -8)) == b"\xff\x80\x00\xfe\x7e"


def test_what_was_decoded_is_encoded_to_the_same_but_for_minus_nothing() -> None:
    assert encode(decode(CODES)) == CODES.replace(b"\x7f", b"\xff")


def test_every_sample_becomes_the_nearest_of_its_interval() -> None:
    pcm = struct.pack("<65536h", *range(-32768, 32768))
    worst = 0.0
    for before, after in zip(samples(pcm), samples(decode(encode(pcm))), strict=True):
        clipped = max(-32635, min(32635, before))
        worst = max(worst, abs(clipped - after) / (abs(clipped) + 132))
    assert worst <= 1 / 32 + 1e-9  # half of a step of 1/16


def test_it_agrees_with_the_standard_librarys_where_that_exists() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop")
    pcm = struct.pack("<65536h", *range(-32768, 32768))
    assert decode(CODES) == audioop.ulaw2lin(CODES, 2)
    # It rounds negative samples down to 14 bits, and the definition towards nothing.
    ours, theirs = encode(pcm), audioop.lin2ulaw(pcm, 2)
    assert ours[32768:] == theirs[32768:]
    assert sum(a != b for a, b in zip(ours, theirs, strict=True)) < 600


def test_half_a_sample_is_dropped() -> None:
    assert encode(b"\0\0\0") == b"\xff"
    assert encode(b"") == decode(b"") == b""


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("pcm_16000", AudioFormat(16000)),
        ("ulaw_8000", AudioFormat(8000, mulaw=True)),
        ("pcm_7999", None),
        ("pcm_96000", None),
        ("pcm_1e4", None),
        ("pcm_٢٤٠٠٠", None),
        ("alaw_8000", None),
        ("", None),
    ],
)
def test_formats_by_name(name: str, form: AudioFormat | None) -> None:
    assert audio_format(name) == form
