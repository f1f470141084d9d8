"""``parlor wake-words``: what can be said, and under which licence the models come."""

from __future__ import annotations

import argparse

from device.audio.wakewords.micro_models import find_micro_models
from device.audio.wakewords.models import (
    LICENCE_NOTICE,
    MICRO_NOTICE,
    MICRO_PRETRAINED,
    PRETRAINED,
    find_wake_models,
)
from device.cli.options import Subparsers

STOP_NOTICE = (
    "There is no pretrained stop word. Any word of the list, or a model of your own, becomes "
    "one with [wake] stop_words. How well a word is heard in your room: parlor wake tune WORD."
)


def add_parser(subparsers: Subparsers) -> None:
    subparsers.add_parser(
        "wake-words",
        help="list the wake words and their licence",
        description="Set one or several of them in the configuration: [wake] words.",
    )


def run(args: argparse.Namespace) -> int:
    """Raises ModelError when a model is not installed."""
    del args
    micro = {model.word for model in find_micro_models(MICRO_PRETRAINED)}
    print(f"{'word':<14}{'say':<14}{'engine':<15}{'confirm':<9}may be sold")
    for model in find_wake_models(PRETRAINED):
        both = model.word in micro
        print(
            f"{model.word:<14}{model.word.replace('_', ' '):<14}"
            f"{'litert, micro' if both else 'litert':<15}{'yes' if both else 'no':<9}"
            f"{'with engine = micro' if both else 'no'}"
        )
    print(f"\n{LICENCE_NOTICE}\n\n{MICRO_NOTICE}\n\n{STOP_NOTICE}")
    return 0
