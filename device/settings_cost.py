"""The [cost] section: what a day and a session may cost, and what the services charge.

Pure data; ``config_cost.py`` judges it, ``core/meter.py`` keeps to it.
"""

from __future__ import annotations

from dataclasses import dataclass

from device.setting import setting


@dataclass(frozen=True)
class CostSettings:
    daily_usd: float = setting(
        0.0,
        "no service is asked any more on a day that has cost so many US dollars; 0: no limit",
        low=0,
        high=10_000,
        live=True,
    )
    session_usd: float = setting(
        0.0,
        "a session that has cost so much is ended politely; 0: no limit",
        low=0,
        high=1000,
        live=True,
    )
    daily_minutes: float = setting(
        0.0,
        "minutes of microphone that may be sent in a day, whatever they cost; 0: no limit",
        low=0,
        high=1440,
        live=True,
    )
    warn_part: float = setting(
        0.8, "a limit is said to be near from this part of it on", low=0.1, high=1, live=True
    )
    prices: tuple[str, ...] = setting(
        (),
        "what you pay, where it is not the list price or none is known, in US dollars a million "
        'tokens, a minute that the service bills, or a minute of sound: ["openai_realtime '
        'gpt-realtime-2.1: audio_in 32, audio_out 64, cached_audio_in 0.4, text_in 4, text_out 24",'
        ' "openai_live *: minute 0.06", "xai *: audio_minute 0.05"]',
    )
    state: str = setting(
        "",
        "directory that keeps what was used across restarts; empty: the service's own, "
        "/var/lib/parlor",
    )
