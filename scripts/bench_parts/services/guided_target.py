"""What the coverage-guided fuzzer runs: bytes become calls of a codec. For atheris' environment.

    python -m scripts.bench_parts.services.guided_target TAPE [libFuzzer's options] [CORPUS]

An input is a row of records, parted by a byte that no JSON has. The first byte of each says what
it is: a message in text (m) or binary (b), a command (c), time that passes (t); any other is
passed over. The session has been opened as on the tape, or, when the input begins with ``!``,
only connected. Raises where the codec breaks what it must keep, so that the fuzzer stops there.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["device.providers"], enable_loader_override=False):
    from device.providers import service_of
    from scripts.bench_parts.services.fuzz_session import Patient
    from scripts.bench_parts.services.guided_format import MARK, command_of
    from scripts.bench_parts.services.tape import Tape

    TAPE = Tape.load(Path(sys.argv[1]))
    service_of(TAPE.service)

STALL_MS = 500.0  #: traced code is slower, and the machine may be busy
MOST_CALLS = 80
SECONDS_A_STEP = 0.1


def one_input(data: bytes) -> None:
    """Raises FailedError."""
    patient = Patient(TAPE.service, TAPE.spec, stall_ms=STALL_MS)
    raw = data.startswith(b"!")
    for step in TAPE.opening.steps:
        if not (raw and step.kind == "received"):
            patient.call(step.kind, *step.what)
    for record in data.split(MARK)[:MOST_CALLS]:
        _act(patient, record[:1], record[1:])


def _act(patient: Patient, kind: bytes, rest: bytes) -> None:
    match kind:
        case b"m":
            patient.call("received", rest.decode("utf-8", "replace"))
        case b"b":
            patient.call("received", rest)
        case b"c" if rest:
            patient.call("command", command_of(rest, patient.laws))
        case b"t" if rest:
            patient.passes(SECONDS_A_STEP * rest[0])
            for token in patient.fences:
                patient.call("fence_passed", token)
            patient.fences.clear()
        case _:
            pass


if __name__ == "__main__":
    atheris.Setup([sys.argv[0], *sys.argv[2:]], one_input)
    atheris.Fuzz()
