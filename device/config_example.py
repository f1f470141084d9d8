"""The commented configuration file, written from the metadata of the settings.

Every setting stands in it with its default, commented out: a fresh copy changes
nothing, and taking a ``#`` away is the way to set something.
"""

from __future__ import annotations

import textwrap

from device.config_schema import Option, options, show

HEAD = """\
# parlor: the configuration of the voice appliance.
#
# Install it as /etc/parlor/parlor.toml and check it with `parlor config check`.
# Every setting is shown with its default; remove the "#" before one to change it.
# "live" settings are taken over by `systemctl reload parlor`, the others by
# `systemctl restart parlor`. Relative paths count from this file's directory.
# Secrets have no place here: put the API key, alone, into
# /etc/parlor/service_key (mode 600, owner root).
"""

SECTIONS = {
    "wake": "What wakes the appliance. The word models that come along are licensed\n"
    "CC BY-NC-SA 4.0, not for commercial use; those of engine = micro Apache-2.0.",
    "vad": "Is somebody speaking? The device's own voice-activity detector.",
    "service": "Who answers: the built-in offline service, or a realtime service on the network.",
    "turn": "When the appliance listens, and for how long.",
    "audio": "Microphone and speaker. `parlor devices` lists what there is.",
    "board": "Button and lights; hardware/README.md shows the wiring.",
    "offline": "The built-in service.",
    "phrases": "What the appliance says of its own accord.",
    "cost": "What the services may cost. `parlor cost` shows what they did.",
    "log": "What is written down.",
    "openai_realtime": "OpenAI Realtime, and those that speak as it does.",
    "azure_openai": "Azure OpenAI (service.url: wss://RESOURCE.openai.azure.com/openai/v1/realtime).",
    "xai": "xAI Grok voice.",
    "openai_compatible": "A server of your own that speaks OpenAI Realtime (service.url).",
    "azure_voice_live": "Azure Voice Live.",
    "openai_live": "OpenAI Live.",
    "wiro": "Wiro: models run in real time.",
    "wiro_agent": "Wiro: an agent's web channel.",
    "elevenlabs": "ElevenLabs Agents.",
    "gemini": "Google Gemini Live.",
    "deepgram": "Deepgram Voice Agent.",
    "cartesia": "Cartesia Line agents.",
    "vapi": "Vapi, over WebSocket.",
}


def example() -> str:
    """The file's text; ``hardware/parlor.toml`` is a copy of it."""
    parts = [HEAD]
    for section, names in options().items():
        note = "".join(f"# {line}\n" for line in SECTIONS[section].split("\n"))
        parts.append(f"\n{note}[{section}]\n" + "".join(_entry(o) for o in names.values()))
    return "".join(parts)


def _entry(option: Option) -> str:
    facts = []
    if option.bounds:
        facts.append(option.bounds)
    if option.choices is not None:
        facts.append("one of " + ", ".join(show(choice) for choice in option.choices))
    if option.live:
        facts.append("live")
    text = option.doc + (f" ({'; '.join(facts)})" if facts else "")
    comment = textwrap.fill(
        text,
        96,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return f"{comment}\n#{option.name} = {show(option.default)}\n"
