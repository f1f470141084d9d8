"""What is wrong with the name of an ALSA PCM, where the C library says no more than EINVAL.

alsa-lib gives "Invalid argument" for a format that the card refuses, and also for a card
number that no machine can have and for a name that it cannot parse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from device.adapters.alsa_cards import Card

_NAMED_CARD = re.compile(r"CARD\s*=\s*(.*)", re.IGNORECASE | re.DOTALL)
#: PCMs of alsa-lib's own whose first argument is the card; others take what they like.
_OF_A_CARD = frozenset({
    "hw", "plughw", "dmix", "dsnoop", "sysdefault", "front", "rear", "side", "center_lfe",
    "surround21", "surround40", "surround41", "surround50", "surround51", "surround71",
    "iec958", "spdif", "hdmi", "usbstream",
})  # fmt: skip


def card_of(device: str) -> str:
    """The card that the name asks for, by number or id: "1" for ``hw:1,0``, "Device" for
    ``plughw:CARD=Device``. Empty when it names none, or is not a name of one card."""
    kind, _, arguments = device.partition(":")
    if kind not in _OF_A_CARD:
        return ""
    parts = [part.strip() for part in arguments.split(",")]
    named = [found[1] for part in parts if (found := _NAMED_CARD.fullmatch(part))]
    positional = parts[0] if "=" not in parts[0] else ""
    return (named[0] if named else positional).strip("\"' ")


def is_malformed(device: str) -> bool:
    """ALSA cannot read it: nothing after the colon, a quotation mark or bracket left open."""
    kind, colon, arguments = device.partition(":")
    if not kind.strip() or (colon and not arguments.strip()):
        return True
    quotes = any(device.count(quote) % 2 for quote in "\"'")
    return quotes or device.count("{") != device.count("}")


def fault_of_name(device: str, present: Iterable[Card]) -> str:
    """A clause that says what is wrong with the name; empty when nothing can be seen.

    ``present``: the cards of this machine.
    """
    if is_malformed(device):
        return f"ALSA does not know the device '{device}'"
    card = card_of(device)
    here = list(present)
    if not card or any(card in (str(found.index), found.card_id) for found in here):
        return ""
    if not here:
        return f"there is no card {card}: this machine has no sound card now"
    listed = ", ".join(f"{found.card_id} ({found.index})" for found in here)
    return f"there is no card {card}; the cards here are {listed}"
