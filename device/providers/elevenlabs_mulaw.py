"""Mu-law (ITU-T G.711) to and from mono s16le at the same rate, by table. Pure.

For agents that speak ``ulaw_8000``. The standard library's own conversion is gone from
Python 3.13 (PEP 594).
"""

from __future__ import annotations

import sys
from array import array
from functools import cache

_BIAS = 132  # 33 of G.711's 14 bits, in 16
_SIGN = 0x80


def decode(data: bytes) -> bytes:
    """Two bytes of PCM for each byte of mu-law."""
    low, high = _decoding()
    pcm = bytearray(2 * len(data))
    pcm[0::2] = data.translate(low)
    pcm[1::2] = data.translate(high)
    return bytes(pcm)


def encode(pcm: bytes) -> bytes:
    """One byte of mu-law for each sample; half a sample at the end is dropped."""
    samples = array("H", pcm[: len(pcm) - len(pcm) % 2])
    if sys.byteorder == "big":
        samples.byteswap()
    return bytes(map(_encoding().__getitem__, samples))


def _magnitude(code: int) -> int:
    """Of the sample that ``code`` stands for."""
    exponent, mantissa = (~code >> 4) & 7, ~code & 15
    return (((mantissa << 3) + _BIAS) << exponent) - _BIAS


@cache
def _decoding() -> tuple[bytes, bytes]:
    """The low and the high byte of each code's sample; the sign bit is set in positive codes."""
    samples = [_magnitude(code) * (1 if code & _SIGN else -1) for code in range(256)]
    return bytes(s & 0xFF for s in samples), bytes((s >> 8) & 0xFF for s in samples)


@cache
def _encoding() -> bytes:
    """The code of each sample, by the sample as an unsigned number. Filled interval by interval:
    sample by sample it would hold up whoever asks first."""
    positive = bytearray(32769)  # by magnitude
    for exponent in range(8):
        for mantissa in range(16):
            code = ~(exponent << 4 | mantissa) & 0xFF
            least = ((16 + mantissa) << (exponent + 3)) - _BIAS
            most = min(least + (1 << (exponent + 3)), len(positive))
            least = max(least, 0)
            positive[least:most] = bytes([code]) * (most - least)
    positive[most:] = bytes([code]) * (len(positive) - most)  # too loud: the loudest
    negative = bytes(code ^ _SIGN for code in reversed(positive[1:]))
    return bytes(positive[:-1]) + negative
