"""What a response is asked: read off the end of its context. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from device.local.conversation import Item
from device.local.dialogue import Result


@dataclass(frozen=True, slots=True)
class Said:
    """The user spoke or typed last."""

    item: Item


@dataclass(frozen=True, slots=True)
class Results:
    """The client ran functions; ``asked`` is the user's message that led to them."""

    results: tuple[Result, ...]
    asked: Item | None


@dataclass(frozen=True, slots=True)
class Announcement:
    """The instructions dictate the words."""

    text: str


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nobody asked anything: the service opens the conversation."""


Question = Said | Results | Announcement | Nothing

_DICTATED = re.compile(
    r"\b(?:say|speak|announce|tell the user|repeat)\b[^\"“':]*[:,]?\s*[\"“](?P<quoted>.+)[\"”]"
    r"|\b(?:say|announce)\b[^:]{0,40}:\s*(?P<plain>.+)",
    re.IGNORECASE | re.DOTALL,
)


def question_of(context: Sequence[Item], dictation: str) -> Question:
    """What ``dictation`` (``response.create``'s own instructions) has said, else the
    newest unanswered thing in ``context``.

    Dictated words look like ``Say: the tea is ready`` or ``Say "hello"``: the one
    kind of instruction that a service without a language model can follow.
    """
    dictated = _DICTATED.search(dictation)
    if dictated:
        return Announcement((dictated["quoted"] or dictated["plain"]).strip())
    results: list[Item] = []
    calls_seen = False  # outputs before the newest calls were answered before
    at = len(context) - 1
    while at >= 0 and context[at].kind in {"function_call", "function_call_output"}:
        calls_seen = calls_seen or context[at].kind == "function_call"
        if not calls_seen:
            results.insert(0, context[at])
        at -= 1
    last = context[at] if at >= 0 else None
    if results:
        return Results(
            tuple(Result(_function_name(context, item.call_id), item.output) for item in results),
            last if last is not None and last.role == "user" else None,
        )
    # Calls that nobody answered, behind what was said: of a response that was called off.
    only_calls = all(item.kind == "function_call" for item in context[at + 1 :])
    if last is not None and last.role == "user" and only_calls:
        return Said(last)
    return Nothing()


def _function_name(context: Sequence[Item], call_id: str) -> str:
    for item in context:
        if item.kind == "function_call" and item.call_id == call_id:
            return item.name
    return ""
