"""What a codec costs: a conversation in full duplex, a chunk encoded, a message decoded.

    .venv/bin/python -m scripts.bench_parts.services.codec_part [--quick]

Prints one JSON object. Of each service one conversation is held with its stand-in, over the
appliance's link, and then said again and again to fresh codecs (``replay.py``). The cost of a
second in full duplex is that of a second of microphone plus that of a second of reply, with all
that comes beside it: transcripts, events of turns, timers. Times are this thread's own.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.commands import AppendAudio  # noqa: E402
from device.providers import SERVICES  # noqa: E402
from scripts.bench_parts.services import arithmetic, sizes  # noqa: E402
from scripts.bench_parts.services.record import duplex  # noqa: E402
from scripts.bench_parts.services.replay import Replay  # noqa: E402
from scripts.bench_parts.services.tape import Part, Tape  # noqa: E402

CHUNK_S = 0.02
ROUNDS, QUICK_ROUNDS = 15, 2
HEAVY, QUICK_HEAVY = 60, 5
TALK_S, QUICK_TALK_S = 8.0, 1.0
NEAR = 1.5  #: a round in which the arithmetic took longer than this times its best is left out
LEAST = 3

Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a short talk, few rounds")
    parser.add_argument("--service", nargs="+", choices=[*SERVICES], default=[*SERVICES])
    asked = parser.parse_args()
    result: Json = {}
    for service in asked.service:
        tape = duplex(service, QUICK_TALK_S if asked.quick else TALK_S)
        result[service] = found = measured(
            tape,
            QUICK_ROUNDS if asked.quick else ROUNDS,
            QUICK_HEAVY if asked.quick else HEAVY,
        )
        cost, encode, decode = (found[name] for name in ("percent", "encode_ms", "decode_ms"))
        line = f"{service}: {cost:.2f} %, encode {encode:.4f} ms, decode {decode:.2f} ms"
        print(line, file=sys.stderr, flush=True)
    print(json.dumps(result))


def measured(tape: Tape, rounds: int, heavies: int) -> Json:
    """Of the tape's one part."""
    part = tape.part("duplex")
    costs, paces = [], []
    encodes: list[float] = []
    gc.disable()  # as it is in the appliance while nothing grows: its share is told in memory
    try:
        for _ in range(rounds):
            before = arithmetic.pace_ms()
            costs.append(_one(tape, part, encodes))
            paces.append(max(before, arithmetic.pace_ms()))
            gc.collect()
        heavy_ms, size, heard = _heaviest(tape, part, heavies)
        paces.append(arithmetic.pace_ms())
    finally:
        gc.enable()
    kept = [cost for cost, pace in zip(costs, paces, strict=False) if pace < NEAR * min(paces)]
    kept = kept if len(kept) >= LEAST else costs
    percent = [100 * (up + down) for up, down in kept]
    pace = statistics.median(paces)
    return {
        "percent": statistics.median(percent),
        "up_percent": statistics.median(100 * up for up, _ in kept),
        "down_percent": statistics.median(100 * down for _, down in kept),
        "rounds": len(kept),
        "left_out": len(costs) - len(kept),
        "encode_ms": statistics.median(encodes),
        "chunks": len(encodes),
        "decode_ms": statistics.median(heavy_ms),
        "decoded": len(heavy_ms),
        "message_bytes": size,
        "heard_whole": heard,
        "arithmetic_ms": pace,
        "encode_ratio": statistics.median(encodes) / pace,
        "decode_ratio": statistics.median(heavy_ms) / pace,
    }


def _one(tape: Tape, part: Part, encodes: list[float]) -> tuple[float, float]:
    """Core seconds for a second of microphone, and for a second of reply; adds to ``encodes``."""
    able = tape.able
    replay = Replay(tape)
    codec, clock = replay.codec, time.thread_time
    up_s = down_s = 0.0
    sent = heard = 0
    begins = replay.now
    for step, what in replay.steps(part, 1):
        at = begins + step.at - part.began_at
        before = clock()
        replay.advance(at)
        down_s += clock() - before
        call = getattr(codec, step.kind)
        before = clock()
        outputs = call(*what, at)
        took = clock() - before
        if step.kind == "command" and isinstance(what[0], AppendAudio):
            up_s += took
            sent += len(what[0].pcm)
            encodes.append(1000 * took)
        else:
            down_s += took
            heard += sizes.sound_of(outputs)
        replay.answered(step, outputs)
    wanted = sum(sizes.sound_of(step.outputs) for step in part.steps)
    if heard < 0.9 * wanted:
        raise RuntimeError(f"{tape.service}: {heard} bytes heard of {wanted} on the tape")
    return up_s * 2 * able.uplink_rate_hz / sent, down_s * 2 * able.downlink_rate_hz / heard


def _heaviest(tape: Tape, part: Part, count: int) -> tuple[Sequence[float], int, bool]:
    """Milliseconds of each of ``count`` heaviest messages in a reply, their size, and whether
    the first was heard whole."""
    place = sizes.first_sound(part)
    begun = Part(part.name, part.steps[:place])
    data = sizes.heavy(part.steps[place], tape.able.downlink_rate_hz)
    times, whole = [], True
    for number in range(count):
        replay = Replay(tape)
        replay.play(begun, number)
        [(_, _what)] = replay.steps(Part(part.name, part.steps[place : place + 1]), number)
        named = sizes.heavy(
            part.steps[place].__class__(0.0, "received", _what, part.steps[place].outputs),
            tape.able.downlink_rate_hz,
        )
        before = time.thread_time()
        outputs = replay.codec.received(named, replay.now + CHUNK_S)
        times.append(1000 * (time.thread_time() - before))
        whole &= sizes.sound_of(outputs) >= 0.95 * 2 * tape.able.downlink_rate_hz * sizes.HEAVY_S
    return times, len(data), whole


if __name__ == "__main__":
    main()
