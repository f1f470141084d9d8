"""What a session remembers of its replies does not grow with the session."""

from __future__ import annotations

import pickle

from device.providers.openai_replies import ReplyLedger


def after(count: int) -> ReplyLedger:
    """Replies with an item and a call each, answered and over."""
    ledger = ReplyLedger()
    for number in range(count):
        reply = ledger.entry(f"resp_{number:06}")
        ledger.item(reply, f"item_{number:06}")
        ledger.call(reply, f"call_{number:06}")
        ledger.answer(f"call_{number:06}")
        reply.done = True
    return ledger


def test_a_thousand_replies_later_as_much_is_remembered() -> None:
    assert len(pickle.dumps(after(2000))) < 1.1 * len(pickle.dumps(after(1000)))


def test_what_was_said_a_moment_ago_is_remembered() -> None:
    ledger = after(2000)
    assert ledger.entry("resp_001999").done
    assert ledger.find_item("item_001800") is not None
    assert ledger.find_item("item_000700") is None
    assert not ledger.call(ledger.entry("resp_001999"), "call_001999")
