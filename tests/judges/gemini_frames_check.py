"""A script for the ``gemini`` judge's own environment: what a client of ours sent.

    python gemini_frames_check.py CAPTURE...

Every client frame of the captures (``tests/services/captured.py``) is validated by the official
models, which refuse unknown fields and unknown values; what they made of it must have every field
of the frame, under the same name. ``types.LiveClientSetup`` has no ``realtimeInputConfig``: that
part is judged by its own model. Prints one line of JSON: how often each kind of frame was seen.
"""

from __future__ import annotations

import base64
import json
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.genai import types
from pydantic import BaseModel


def paths(value: Any, where: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield f"{where}.{name}"
            yield from paths(inner, f"{where}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from paths(inner, f"{where}[]")


def accepted(model: type[BaseModel], value: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = model.model_validate(value)
        again = made.model_dump(mode="json", by_alias=True, exclude_none=True)
    missing = set(paths(value)) - set(paths(again))
    assert not missing, (model.__name__, value, missing)


def check(frame: dict[str, Any]) -> str:
    assert len(frame) == 1, list(frame)
    [(kind, body)] = frame.items()
    if kind == "setup":
        body = dict(body)
        accepted(types.RealtimeInputConfig, body.pop("realtimeInputConfig"))
        accepted(types.LiveClientMessage, {"setup": body})
        return kind
    accepted(types.LiveClientMessage, frame)
    if kind != "realtimeInput":
        return kind
    [part] = body
    if part == "audio":
        assert body[part]["mimeType"] == "audio/pcm;rate=16000"
        assert len(base64.b64decode(body[part]["data"], validate=True)) % 2 == 0
    return f"{kind}.{part}"


def main(captures: list[str]) -> None:
    seen: Counter[str] = Counter()
    for path in captures:
        for frame in json.loads(Path(path).read_text(encoding="utf-8"))["frames"]:
            if frame["side"] == "client":
                assert frame["kind"] == "json", frame["kind"]
                seen[check(frame["data"])] += 1
    print(json.dumps(seen))


if __name__ == "__main__":
    main(sys.argv[1:])
