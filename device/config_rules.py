"""Checks that look at more than one setting.

``file_rules`` judge the settings by themselves; a file that breaks one cannot
be used. What this machine lacks for them is the matter of ``config_machine``.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from urllib.parse import parse_qsl, urlsplit

from device.config_cost import cost_rules
from device.config_schema import Mistake, describe, did_you_mean
from device.config_url import judge_url
from device.config_wake import wake_rules
from device.core.wake_actions import word_name
from device.providers import SERVICES
from device.settings import (
    PROVIDERS,
    AudioSettings,
    BoardSettings,
    PhrasesSettings,
    ServiceSettings,
    Settings,
    TurnSettings,
)
from device.settings_services import Access

Finding = tuple[str, Mistake]  #: dotted key, and what is wrong with it

WHERE_SECRETS_GO = (
    "put the key alone into /etc/parlor/service_key, mode 600, owner root: "
    "the service unit hands it over as a systemd credential; "
    "or name a file with service.key_file"
)

_SECRET_NAME = re.compile(
    r"(^|_)(key|apikey|token|password|passwd|passphrase|secret|signature|credentials?)$"
)
_SECRET_VALUE = re.compile(r"^\s*(sk-|ek_|bearer\s)", re.IGNORECASE)
#: A key in the middle of a text; so long that no word or language code is taken for one.
_SECRET_INSIDE = re.compile(
    r"(?<![a-z0-9_-])((sk-|ek_)[a-z0-9_-]{16,}|bearer\s+(?=\S*\d)[a-z0-9._~+/-]{16,})",
    re.IGNORECASE,
)
#: A language code, perhaps with a country.
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z]{2})?")
#: What the device's own voice says at once (``adapters/phrases.py``).
LONGEST_PHRASE_CHARS = 300
_PINS = ("button_pin", "red_pin", "green_pin", "blue_pin")


def is_secret(name: str, value: object) -> bool:
    """Does ``name = value`` look like a secret that someone put into the file?"""
    if isinstance(value, list):
        return any(is_secret("", item) for item in value)
    if isinstance(value, str) and (
        _SECRET_VALUE.match(value) or _SECRET_INSIDE.search(value) or _secret_in_url(value)
    ):
        return True
    return bool(_SECRET_NAME.search(name.lower().replace("-", "_")))


def _secret_in_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    if not parts.scheme or not parts.netloc:
        return False
    names = (name for name, _ in parse_qsl(parts.query))
    return bool(parts.password) or any(_SECRET_NAME.search(name.lower()) for name in names)


def file_rules(settings: Settings, lines: Mapping[str, int] | None = None) -> list[Finding]:
    """Contradictions inside the settings. ``lines``: where a dotted key stands in the file;
    of two that clash the later one is blamed, never a default."""
    return [
        *wake_rules(settings.wake),
        *_addresses(settings),
        *_service(settings.service),
        *_turn(settings.turn),
        *_audio(settings.audio),
        *_board(settings.board, lines or {}),
        *_offline(settings),
        *_phrases(settings.phrases),
        *cost_rules(settings),
    ]


def word_of(word: str) -> str:
    """The word's own name. ``Hey Jarvis`` may be written as people say it."""
    return word_name(word)


def _addresses(settings: Settings) -> Iterator[Finding]:
    """Of every service: those with a hand-shake over HTTP begin with https."""
    service = settings.service
    for name in SERVICES:
        first = service.url if name == service.provider else ""
        section = getattr(settings, name, None)
        if not first and not (isinstance(section, Access) and (section.url or section.key_url)):
            continue  # to know the service means to load its codec
        by_http = SERVICES[name].url.startswith("https")
        schemes = ("https", "http") if by_http else ("wss", "ws")
        if first and (mistake := judge_url(first, schemes)):
            yield "service.url", mistake
        if isinstance(section, Access):
            if section.url and (mistake := judge_url(section.url, schemes)):
                yield f"{name}.url", mistake
            if section.key_url and (mistake := judge_url(section.key_url, ("https", "http"))):
                yield f"{name}.key_url", mistake


def _service(service: ServiceSettings) -> Iterator[Finding]:
    if not LANGUAGE.fullmatch(service.language):
        says = f'expected a language code such as "en" or "de", found {describe(service.language)}'
        yield "service.language", Mistake(says, _language_meant(service.language))
    for name in service.fallback:
        if name not in PROVIDERS:
            says = f"unknown service {describe(name)}; expected {', '.join(PROVIDERS)}"
            yield "service.fallback", Mistake(says, did_you_mean(name, PROVIDERS))
        elif name == service.provider or service.fallback.count(name) > 1:
            says = f"{describe(name)} is listed twice, with service.provider; expected each once"
            yield "service.fallback", Mistake(says)
    if not service.key_name or "/" in service.key_name or service.key_name in {".", ".."}:
        yield (
            "service.key_name",
            Mistake("expected the name of a systemd credential, without a path"),
        )


def _turn(turn: TurnSettings) -> Iterator[Finding]:
    if turn.shortest_silence_ms > turn.longest_silence_ms:
        yield (
            "turn.shortest_silence_ms",
            Mistake(
                f"expected at most longest_silence_ms ({turn.longest_silence_ms}), "
                f"found {turn.shortest_silence_ms}"
            ),
        )


def _language_meant(text: str) -> str:
    """``EN`` and ``en_us`` are near enough to be sure of."""
    language, dash, region = text.strip().replace("_", "-").partition("-")
    near = language.lower() + dash + region.upper()
    return f'did you mean "{near}"?' if LANGUAGE.fullmatch(near) else ""


def _audio(audio: AudioSettings) -> Iterator[Finding]:
    if audio.capture_channel >= audio.capture_channels:
        yield (
            "audio.capture_channel",
            Mistake(
                f"the microphone delivers {audio.capture_channels} channel(s), counted from 0; "
                f"expected at most {audio.capture_channels - 1}, found {audio.capture_channel}"
            ),
        )
    yield from _array(audio)
    if audio.prebuffer_min_ms > audio.prebuffer_max_ms:
        yield (
            "audio.prebuffer_min_ms",
            Mistake(
                f"expected at most prebuffer_max_ms ({audio.prebuffer_max_ms}), "
                f"found {audio.prebuffer_min_ms}"
            ),
        )
    if audio.playback_rate_hz * audio.period_ms % 1000:
        yield (
            "audio.period_ms",
            Mistake(
                f"{audio.period_ms} ms is not a whole number of samples "
                f"at {audio.playback_rate_hz} Hz",
                "10 ms always is",
            ),
        )
    for name, pcm in (("capture", audio.capture), ("playback", audio.playback)):
        if not pcm.strip():
            yield f"audio.{name}", Mistake('expected the name of an ALSA PCM, e.g. "default"')


def _array(audio: AudioSettings) -> Iterator[Finding]:
    if not audio.microphone_channels and not audio.microphone_geometry:
        if audio.beam_azimuth_deg >= 0:
            says = "a beam needs to know where the microphones stand"
            yield "audio.beam_azimuth_deg", Mistake(says, "set microphone_geometry")
        return
    # Imported here: it brings numpy, which most files need not be checked with.
    from device.audio.array.geometry import parse_channels, parse_geometry  # noqa: PLC0415

    channels: tuple[int, ...] = ()
    try:
        channels = parse_channels(audio.microphone_channels, audio.capture_channels)
    except ValueError as error:
        yield "audio.microphone_channels", Mistake(f"{error}")
    if not audio.microphone_geometry:
        if audio.beam_azimuth_deg >= 0:
            says = "a beam needs to know where the microphones stand"
            yield "audio.beam_azimuth_deg", Mistake(says, "set microphone_geometry")
        return
    try:
        count = len(parse_geometry(audio.microphone_geometry))
    except ValueError as error:
        yield "audio.microphone_geometry", Mistake(f"{error}")
        return
    if channels and count != len(channels):
        says = f"it places {count} microphones; expected as many as there are: {len(channels)}"
        yield "audio.microphone_geometry", Mistake(says, "see microphone_channels")


def _board(board: BoardSettings, lines: Mapping[str, int]) -> Iterator[Finding]:
    if board.name == "virtual" and not board.socket:
        yield "board.socket", Mistake("the virtual board needs the simulator's socket")
    if board.name == "none":
        return
    used: dict[int, str] = {}
    for name in sorted(_PINS, key=lambda name: lines.get(f"board.{name}", 0)):
        pin = getattr(board, name)
        if pin < 0:
            continue
        if pin in used:
            yield (
                f"board.{name}",
                Mistake(
                    f"pin {pin} is already {used[pin]}{_by_default(used[pin], lines)}; "
                    "expected a pin of its own"
                ),
            )
        used.setdefault(pin, name)
    if not used:
        yield (
            "board.button_pin",
            Mistake("a board without button and lights; expected one pin", 'or name = "none"'),
        )


def _by_default(name: str, lines: Mapping[str, int]) -> str:
    return " by default" if lines and f"board.{name}" not in lines else ""


def _offline(settings: Settings) -> Iterator[Finding]:
    offline = settings.offline
    if offline.chat_url:
        if mistake := judge_url(offline.chat_url, ("https", "http")):
            yield "offline.chat_url", mistake
        if not offline.chat_model:
            yield "offline.chat_model", Mistake("chat_url is set; expected the name of its model")


def _phrases(phrases: PhrasesSettings) -> Iterator[Finding]:
    if not LANGUAGE.fullmatch(phrases.language):
        says = f'expected a language code such as "en" or "de", found {describe(phrases.language)}'
        yield "phrases.language", Mistake(says, _language_meant(phrases.language))
    for field in dataclasses.fields(phrases):
        text = getattr(phrases, field.name)
        if len(text) > LONGEST_PHRASE_CHARS:
            says = f"expected at most {LONGEST_PHRASE_CHARS} characters, found {len(text)}"
            yield f"phrases.{field.name}", Mistake(says, "it is said in one breath, and waited for")
