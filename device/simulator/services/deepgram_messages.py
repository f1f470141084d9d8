"""What a client may send to Deepgram's voice agent, field by field, and how each is checked.

A message with a missing field, a field of the wrong type or one that the service does not know
is not parsable; one that is well formed and asks for what there is not has invalid settings.
That unknown fields are refused is an assumption, the strict one: it finds a misspelt option,
which a lenient service would ignore in silence.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

Fields = dict[str, Any]
Check = Callable[[object, str], None]


class UnparsableError(ValueError):
    """The message does not have the form that its kind has."""


def expect(good: bool, where: str, wanted: str) -> None:
    if not good:
        raise UnparsableError(f"{where}: expected {wanted}")


def text(value: object, where: str) -> None:
    expect(isinstance(value, str), where, "a string")


def flag(value: object, where: str) -> None:
    expect(isinstance(value, bool), where, "true or false")


def true(value: object, where: str) -> None:
    expect(value is True, where, "true")


def whole(value: object, where: str) -> None:
    expect(isinstance(value, int) and not isinstance(value, bool), where, "a whole number")


def number(value: object, where: str) -> None:
    expect(isinstance(value, int | float) and not isinstance(value, bool), where, "a number")


def mapping(value: object, where: str) -> None:
    expect(isinstance(value, dict), where, "an object")


def anything(_value: object, _where: str) -> None:
    """Known, and of no interest here."""


def one_of(*allowed: str) -> Check:
    def check(value: object, where: str) -> None:
        expect(value in allowed, where, " or ".join(allowed))

    return check


def either(*checks: Check) -> Check:
    """The last one's complaint is made when none is content."""

    def check(value: object, where: str) -> None:
        for one in checks[:-1]:
            try:
                one(value, where)
            except UnparsableError:
                continue
            return
        checks[-1](value, where)

    return check


def list_of(item: Check) -> Check:
    def check(value: object, where: str) -> None:
        if not isinstance(value, list):
            raise UnparsableError(f"{where}: expected a list")
        for at, one in enumerate(value):
            item(one, f"{where}[{at}]")

    return check


def shape(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these fields and no others; an optional one may be null."""
    optional = optional or {}

    def check(value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise UnparsableError(f"{where}: expected an object")
        for name, one in required.items():
            expect(name in value, where, f"a field {name!r}")
            one(value[name], f"{where}.{name}")
        for name, field in value.items():
            expect(name in required or name in optional, where, f"no field {name!r}")
            if name in optional and field is not None:
                optional[name](field, f"{where}.{name}")

    return check


ENDPOINT = shape({"url": text}, {"headers": mapping, "method": text})

LISTEN_V1 = shape(
    {"type": one_of("deepgram")},
    {
        "version": one_of("v1"),
        "model": text,
        "language": text,
        "keyterms": list_of(text),
        "smart_format": flag,
    },
)
LISTEN_V2 = shape(
    {"type": one_of("deepgram"), "version": one_of("v2"), "model": text},
    {
        "language_hints": list_of(text),
        "eot_threshold": number,
        "eager_eot_threshold": number,
        "eot_timeout_ms": whole,
        "keyterms": list_of(text),
    },
)


def _listen_provider(value: object, where: str) -> None:
    newer = isinstance(value, dict) and value.get("version") == "v2"
    (LISTEN_V2 if newer else LISTEN_V1)(value, where)


def _provider(*types: str) -> Check:
    """Of a model or a voice; what else it says depends on whose it is."""

    def check(value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise UnparsableError(f"{where}: expected an object")
        one_of(*types)(value.get("type"), f"{where}.type")

    return check


FUNCTION = shape(
    {"name": text},
    {
        "description": text,
        "parameters": mapping,
        "endpoint": ENDPOINT,
        "defer_until_eot": flag,
        "initial_agent_filler": flag,
        "agent_filler_max_count": whole,
        "agent_filler_interval_ms": whole,
    },
)
LISTEN = shape({"provider": _listen_provider})
THINK = shape(
    {"provider": _provider("open_ai", "anthropic", "google", "groq", "aws_bedrock", "deepgram")},
    {
        "endpoint": ENDPOINT,
        "functions": list_of(FUNCTION),
        "prompt": text,
        "context_length": either(one_of("max"), whole),
    },
)
SPEAK = shape(
    {"provider": _provider("deepgram", "eleven_labs", "cartesia", "open_ai", "aws_polly")},
    {"endpoint": ENDPOINT},
)
THINK_LIVE = shape({"provider": _provider("deepgram")})
PAST_TEXT = shape(
    {"role": one_of("user", "assistant"), "content": text}, {"type": one_of("History")}
)
PAST_CALL = shape(
    {"id": text, "name": text, "client_side": flag, "arguments": text, "response": text},
    {"thought_signature": text},
)
PAST_CALLS = shape({"function_calls": list_of(PAST_CALL)}, {"type": one_of("History")})


def _past(value: object, where: str) -> None:
    calls = isinstance(value, dict) and "function_calls" in value
    (PAST_CALLS if calls else PAST_TEXT)(value, where)


AGENT = shape(
    {},
    {
        "language": text,
        "greeting": text,
        "listen": LISTEN,
        "think": either(list_of(THINK), THINK),
        "speak": either(list_of(SPEAK), SPEAK),
        "think_live": THINK_LIVE,
        "context": shape({}, {"messages": list_of(_past)}),
    },
)
INPUT = shape({"encoding": text, "sample_rate": whole})
OUTPUT = shape({}, {"encoding": text, "sample_rate": whole, "bitrate": whole, "container": text})
KIND = {"type": text}

MESSAGES: dict[str, Check] = {
    "Settings": shape(
        KIND
        | {"audio": shape({}, {"input": INPUT, "output": OUTPUT}), "agent": either(text, AGENT)},
        {
            "tags": list_of(text),
            "experimental": flag,
            "mip_opt_out": flag,
            "flags": shape({}, {"history": flag}),
        },
    ),
    "KeepAlive": shape(KIND),
    "InjectAgentMessage": either(
        shape(KIND | {"is_dynamic": true}, {"behavior": one_of("default", "queue", "interrupt")}),
        shape(KIND | {"message": text}, {"behavior": one_of("default", "queue", "interrupt")}),
    ),
    "InjectUserMessage": shape(KIND | {"content": text}),
    "FunctionCallResponse": shape(KIND | {"id": text, "name": text, "content": text}),
    "UpdatePrompt": shape(KIND | {"prompt": text}),
    "UpdateSpeak": shape(KIND | {"speak": either(list_of(SPEAK), SPEAK)}),
    "UpdateThink": shape(KIND | {"think": either(list_of(THINK), THINK)}),
    "UpdateListen": shape(KIND | {"listen": LISTEN}),
    "UpdateThink_Live": shape(KIND | {"think_live": THINK_LIVE}),
    "ForceEndTurn": shape(KIND),
}


def parsed(raw: str) -> Fields:
    """One text frame, checked; raises :class:`UnparsableError`."""
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise UnparsableError("the message is not JSON") from error
    if not isinstance(message, dict):
        raise UnparsableError("the message is not an object")
    check = MESSAGES.get(str(message.get("type")))
    if check is None:
        raise UnparsableError(f"unknown message type {str(message.get('type'))[:80]!r}")
    check(message, str(message["type"]))
    return message
