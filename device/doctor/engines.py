"""The local engines: wake word, VAD, voice. Loaded and run for real."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from device.audio.wakewords.models import (
    LICENCE_NOTICE,
    MICRO_NOTICE,
    PRETRAINED_LICENCE,
    WakeModel,
)
from device.doctor.check import Check, fail, ok, warn
from device.errors import ParlorError
from device.ports import VadEngine, WakeEngine
from device.session import device_ends_turns
from device.settings import Settings

SMART_TURN_HINT = "run scripts/install-smart-turn, which needs the network"

CHUNK_MS = 80
TRIALS = 10


def check_wake_models(find: Callable[[], Sequence[WakeModel]]) -> Check:
    """Present, and under which licence. ``find`` raises ModelError."""
    name = "wake words"
    try:
        models = find()
    except ParlorError as error:
        return fail(name, error.args[0], error.hint)
    words = ", ".join(dict.fromkeys(model.word for model in models))
    licences = {model.licence for model in models} - {""}
    if PRETRAINED_LICENCE in licences:
        return ok(name, f"{words}. {LICENCE_NOTICE}")
    if licences:
        return ok(name, f"{words}. {MICRO_NOTICE}")
    return ok(name, f"{words} (files of your own)")


def check_wake_engine(
    load: Callable[[], WakeEngine], monotonic: Callable[[], float] = time.monotonic
) -> Check:
    """Runs it on silence: does it work, and how much of a core does it take?"""
    name = "wake engine"
    try:
        engine = load()
        silence = np.zeros(1280, dtype=np.int16)
        began = monotonic()
        for _ in range(TRIALS):
            engine.score(silence)
        cost_ms = (monotonic() - began) / TRIALS * 1000
    except (ParlorError, ImportError, OSError) as error:
        return fail(name, f"it does not run: {error}", getattr(error, "hint", ""))
    share = round(100 * cost_ms / CHUNK_MS)
    says = f"{cost_ms:.1f} ms for {CHUNK_MS} ms of sound: {share} % of one core"
    if cost_ms > CHUNK_MS * 0.6:
        return warn(name, says, "too slow to keep up under load; use fewer wake words")
    return ok(name, says)


def check_vad(load: Callable[[], VadEngine]) -> Check:
    """The voice-activity detector finds no speech in silence."""
    name = "speech detector"
    try:
        probability = load().probability(np.zeros(512, dtype=np.int16))
    except (ParlorError, ImportError, OSError) as error:
        return fail(name, f"it does not run: {error}", getattr(error, "hint", ""))
    return ok(name, f"runs (speech in silence: {probability:.2f})")


def check_echo(load: Callable[[], object]) -> Check:
    """WebRTC's part of the echo canceller. ``load`` raises ModelError."""
    name = "echo canceller"
    try:
        load()
    except (ParlorError, ImportError, OSError) as error:
        return warn(name, f"it does not run: {error}", getattr(error, "hint", ""))
    return ok(name, "runs")


def check_turn_end(settings: Settings, installed: Path | None) -> Check:
    """Who tells that a turn is over."""
    name, turn = "end of turn", settings.turn
    if not device_ends_turns(settings):
        return ok(name, "told by the service")
    if turn.eagerness == "fixed" or turn.smart_turn == "off":
        return ok(name, "told by silence")
    if installed is None:
        return warn(name, "told by silence alone: Smart Turn is not installed", SMART_TURN_HINT)
    return ok(name, "told by silence and Smart Turn")


def check_voice(load: Callable[[], object]) -> Check:
    """espeak-ng, the offline service's voice. ``load`` raises ModelError."""
    name = "voice"
    try:
        load()
    except (ParlorError, ImportError, OSError) as error:
        return fail(name, f"espeak-ng cannot speak: {error}", getattr(error, "hint", ""))
    return ok(name, "espeak-ng speaks")
