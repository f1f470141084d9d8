"""Scores one recording with the pymicro_wakeword package, in a process of its own.

    python micro_wakeword_means.py WORD RAW

Prints, as JSON, the mean after each inference (16 kHz mono int16). Apart, because the
package loads a TensorFlow Lite of its own, with its symbols for all to see.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures, Model

word, path = sys.argv[1:]
model = MicroWakeWord.from_builtin(Model(word))
means = []
for number, features in enumerate(
    MicroWakeWordFeatures().process_streaming(Path(path).read_bytes())
):
    mean = model.process_streaming_prob(features)
    if number % model.stride == model.stride - 1:
        means.append(mean)
print(json.dumps({"cutoff": model.probability_cutoff, "means": means}))
