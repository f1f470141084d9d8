"""How a conversation is written down for the coverage-guided fuzzer, and read again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    ClearInput,
    CommitTurn,
    RequestReply,
    SendToolResult,
    ServiceCommand,
    ShowImage,
    TruncateReply,
)
from scripts.bench_parts.services.laws import Laws
from scripts.bench_parts.services.tape import Step, Tape

MARK = b"\x1e"
KINDS = b"akxdrtsoi"
LONG_TEXT = re.compile(rb"[A-Za-z0-9+/]{64,}={0,2}")  #: sound in base64
SHORT_SOUND = b"AAEAAgADAAQABQAGAAcACAAJ"
LONGEST_BINARY = 120


def command_of(rest: bytes, laws: Laws) -> ServiceCommand:
    """``rest``: one of KINDS, and its argument."""
    words = rest[1:].decode("utf-8", "replace")
    reply = laws.replies[-1] if laws.replies else words
    match rest[:1]:
        case b"k":
            return CommitTurn()
        case b"x":
            return ClearInput()
        case b"d":
            return AbandonTurn()
        case b"r":
            return CancelReply(reply)
        case b"t":
            return TruncateReply(laws.items[-1] if laws.items else words, len(words) * 100)
        case b"s":
            return SendToolResult(laws.tools[-1] if laws.tools else words, words)
        case b"o":
            return RequestReply(words)
        case b"i":
            return ShowImage(words)
        case _:
            return AppendAudio(rest[1:])


def seeds(tape: Tape) -> Iterator[bytes]:
    """Each part, its sound shortened; and, without an opening, the opening."""
    yield b"!" + MARK + MARK.join(_records(tape.opening.steps))
    for part in tape.parts:
        yield MARK.join(_records(part.steps))
    everything = [step for part in tape.parts for step in part.steps]
    yield MARK.join(_records(everything))


def _records(steps: tuple[Step, ...] | list[Step]) -> Iterator[bytes]:
    """Sound in a row once; the time between two steps where it is long."""
    before, at = b"", steps[0].at
    for step in steps:
        record = _record(step)
        if step.at - at > 1.0:
            yield b"t" + bytes([min(255, round(10 * (step.at - at)))])
            at = step.at
        if record and record != before:
            yield record
            at = step.at
        before = record


def _record(step: Step) -> bytes:
    """Empty where there is none."""
    match step.kind, step.what:
        case "received", (str() as text,):
            return b"m" + LONG_TEXT.sub(SHORT_SOUND, text.encode())
        case "received", (bytes() as data,) if data.startswith(b"{"):
            return b"b" + LONG_TEXT.sub(SHORT_SOUND, data)
        case "received", (bytes() as data,):
            return b"b" + data[:LONGEST_BINARY].replace(MARK, b"\x1f")
        case "command", (command,):
            return b"c" + _written(command)
        case _:
            return b""


def _written(command: ServiceCommand) -> bytes:
    match command:
        case CommitTurn():
            return b"k"
        case ClearInput():
            return b"x"
        case AbandonTurn():
            return b"d"
        case CancelReply():
            return b"r"
        case TruncateReply(_, heard_ms):
            return b"t" + b"." * (heard_ms // 100)
        case SendToolResult(_, output):
            return b"s" + output.encode()
        case RequestReply(instructions):
            return b"o" + instructions.encode()
        case ShowImage(data_url):
            return b"i" + data_url.encode()
        case _:
            return b"a" + bytes(64)


def dictionary(words: list[str]) -> str:
    """Of libFuzzer, one word a line."""
    lines = []
    for word in words:
        escaped = "".join(
            f"\\x{byte:02x}" if byte in b'"\\' or not 32 <= byte < 127 else chr(byte)
            for byte in word.encode("utf-8", "replace")
        )
        lines.append(f'"{escaped}"')
    return "\n".join(lines) + "\n"
