"""Judge of client frames: OpenAI's own models, unknown fields refused.

Runs in the environment of judge ``openai``. One frame a line on stdin; one verdict
a line on stdout: ``ok`` or what is wrong.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from openai.types.realtime import RealtimeClientEvent
from pydantic import TypeAdapter, ValidationError
from unknown_fields import unknown_fields  # beside this script

ADAPTER: TypeAdapter[Any] = TypeAdapter(RealtimeClientEvent)


def verdict(line: str) -> str:
    frame = json.loads(line)
    try:
        event = ADAPTER.validate_python(frame)
    except ValidationError as error:
        return f"{frame.get('type')}: {error.errors()[0]}"
    if event.type != frame["type"]:
        return f"{frame['type']} was taken for {event.type}"
    extra = list(unknown_fields(event))
    return f"{frame['type']}: unknown {', '.join(extra)}" if extra else "ok"


if __name__ == "__main__":
    for given in sys.stdin:
        print(" ".join(verdict(given).split()))
