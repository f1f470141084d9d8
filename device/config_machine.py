"""Checks of the settings that look beyond the file.

``machine_rules`` look at this machine (files, keys, packages) and at what the service
on it can do: the appliance runs in spite of what they find, and some of it mends itself
meanwhile, so they are for ``parlor config check`` and the doctor, and never keep the
appliance from starting.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from device import secrets
from device.audio.wakewords.models import WakeModel
from device.config_rules import LANGUAGE, Finding, word_of
from device.config_schema import Mistake, describe
from device.config_services import known_services, service_lacks
from device.errors import ModelError, SecretError
from device.session import OFFLINE, access, key_settings, needs_key
from device.settings import LogSettings, ServiceSettings, Settings, WakeSettings


def machine_rules(settings: Settings, environ: Mapping[str, str]) -> list[Finding]:
    """What this machine lacks of what the settings ask for."""
    return [
        *_models(settings.wake),
        *_engine(settings.wake),
        *_timeline(settings.log),
        *_keys(settings, environ),
        *service_lacks(settings),
        *_spoken_here(settings.service),
    ]


def _models(wake: WakeSettings) -> Iterator[Finding]:
    for word in wake.words:
        if not word.endswith(".tflite"):
            continue
        if not Path(word).is_file():
            yield "wake.words", Mistake(f"there is no model file {describe(word, 200)}")
            continue
        try:
            _load(WakeModel(word_of(word), Path(word)), micro=wake.engine == "micro")
        except ModelError as error:
            yield "wake.words", Mistake(error.args[0], error.hint)
        except ImportError as error:
            says = f"{describe(word, 200)} cannot be checked: {error}"
            yield "wake.words", Mistake(says, "run scripts/run again, it installs what is missing")


def _load(model: WakeModel, *, micro: bool) -> None:
    # Imported here: they take a while, and few files name a model of their own.
    from device.audio.wakewords.litert import check_word_model  # noqa: PLC0415
    from device.audio.wakewords.micro import check_micro_model  # noqa: PLC0415
    from device.audio.wakewords.micro_models import find_micro_models  # noqa: PLC0415
    from device.doctor.quiet import native_stderr_silenced  # noqa: PLC0415

    with native_stderr_silenced():
        if not micro:
            check_word_model(model)
            return
        for described in find_micro_models((str(model.path),)):
            check_micro_model(described)


def _timeline(log: LogSettings) -> Iterator[Finding]:
    """It is opened long after the start, by a program that then runs on without it."""
    key, file = "log.timeline", Path(log.timeline)
    if not log.timeline:
        return
    folder = file.parent
    if not folder.is_dir():
        says = f"there is no folder {describe(str(folder), 200)}"
        yield key, Mistake(says, "make the folder, or name a file in one that exists")
    elif file.is_dir():
        says = f"{describe(str(file), 200)} is a folder; expected the name of a file"
        yield key, Mistake(says, "add the name of a file, e.g. /timeline.jsonl")
    elif not os.access(file if file.exists() else folder, os.W_OK):
        what = "file" if file.exists() else "folder"
        shown = describe(str(file if file.exists() else folder), 200)
        yield (
            key,
            Mistake(
                f"this user cannot write to the {what} {shown}",
                "let the user that runs parlor write there, or name another place",
            ),
        )


def _engine(wake: WakeSettings) -> Iterator[Finding]:
    if wake.engine == "openwakeword" and importlib.util.find_spec("openwakeword") is None:
        yield (
            "wake.engine",
            Mistake(
                "the openwakeword package is not installed",
                'run scripts/install-openwakeword, or use engine = "litert"',
            ),
        )


def _keys(settings: Settings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Of each service that may serve and wants one, unless it is fetched when needed."""
    for name in known_services(settings):
        reached = access(settings, name)
        if not needs_key(settings, name) or reached.key_command or reached.key_url:
            continue
        try:
            where = key_settings(settings, name)
            secrets.load_key(where, environ, installed=secrets.INSTALLED)
        except SecretError as error:
            yield error.key, Mistake(error.args[0].partition(f"{error.key}: ")[2], error.hint)


def _spoken_here(service: ServiceSettings) -> Iterator[Finding]:
    """The built-in service knows one language; another one behind ``url`` may know more."""
    language = service.language
    if service.provider != OFFLINE or service.url or not LANGUAGE.fullmatch(language):
        return
    if language.partition("-")[0] != "en":
        yield (
            "service.language",
            Mistake(
                "the built-in offline service understands and speaks English only; expected "
                f'"en", or a variant such as "en-GB", found {describe(language)}',
                'write "en", or choose another service with service.provider',
            ),
        )
