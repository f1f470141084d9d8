"""A script for the ``deepgram`` judge's own environment: is what a client sends well-formed?

    python deepgram_frames_check.py FRAMES.json

The file holds a list of the client's JSON messages. Each is validated against the official model
of its ``type``; fields and values that the model does not name are refused. Prints one line of
JSON: how often each type was seen.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from deepgram.agent.v1 import types
from deepgram_judge import oddities

MODELS = {
    "Settings": types.AgentV1Settings,
    "KeepAlive": types.AgentV1KeepAlive,
    "InjectAgentMessage": types.AgentV1InjectAgentMessage,
    "FunctionCallResponse": types.AgentV1SendFunctionCallResponse,
    "ForceEndTurn": types.AgentV1ForceEndTurn,
}


def problems(frame: dict[str, Any]) -> list[str]:
    model = MODELS.get(frame.get("type", ""))
    if model is None:
        return [f"{frame.get('type')!r} is no message of a client"]
    try:
        message = model.model_validate(frame)
    except ValueError as error:
        return [str(error)]
    return list(oddities(message, frame["type"]))


def checker_works() -> None:
    """It would notice what is wrong."""
    sound = {"encoding": "linear16", "sample_rate": 24000}
    for wrong in (
        {"type": "Setting"},
        {"type": "KeepAlive", "now": 1},
        {"type": "FunctionCallResponse", "id": "1", "content": "x"},
        {"type": "InjectAgentMessage", "message": "x", "behavior": "shout"},
        {"type": "Settings", "audio": {"input": {"encoding": "linear16"}}, "agent": {}},
        {"type": "Settings", "audio": {"input": {**sound, "container": "none"}}, "agent": {}},
        {
            "type": "Settings",
            "audio": {},
            "agent": {"think": {"provider": {"type": "open_ai"}}, "x": 1},
        },
    ):
        assert problems(wrong), f"{wrong} was let through"


def main(path: str) -> None:
    checker_works()
    seen: Counter[str] = Counter()
    for frame in json.loads(Path(path).read_text(encoding="utf-8")):
        wrong = problems(frame)
        assert not wrong, f"{frame}: {wrong}"
        seen[frame["type"]] += 1
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1])
