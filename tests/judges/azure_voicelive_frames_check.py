"""Judge of client frames: the models of Microsoft's client, unknown fields refused.

Runs in the environment of judge ``azure_voicelive``. One frame a line on stdin; one verdict
a line on stdout: ``ok`` or what is wrong.
"""

from __future__ import annotations

import json
import sys

from azure.ai.voicelive import models
from azure.ai.voicelive._utils.model_base import _deserialize
from azure_voicelive_judge import complaints


def verdict(line: str) -> str:
    frame = json.loads(line)
    event = _deserialize(models.ClientEvent, frame)
    if type(event) is models.ClientEvent:
        return f"{frame.get('type')}: no such event"
    return "; ".join(complaints(event, frame["type"])) or "ok"


if __name__ == "__main__":
    for given in sys.stdin:
        print(" ".join(verdict(given).split()))
