"""What the settings of the end of turn must agree on."""

from __future__ import annotations

from device.config_rules import file_rules
from device.settings import Settings, TurnSettings


def test_the_defaults_agree() -> None:
    assert not [key for key, _ in file_rules(Settings()) if key.startswith("turn.")]


def test_the_shortest_silence_must_not_be_longer_than_the_longest() -> None:
    settings = Settings(turn=TurnSettings(shortest_silence_ms=900, longest_silence_ms=600))
    [(key, mistake)] = file_rules(settings)
    assert key == "turn.shortest_silence_ms"
    assert "at most longest_silence_ms (600), found 900" in str(mistake)
