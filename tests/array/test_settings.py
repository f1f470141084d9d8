"""The settings of the array: what contradicts itself is refused in words."""

from __future__ import annotations

import pytest

from device.audio.array.geometry import parse_channels
from device.config_rules import file_rules
from device.settings import AudioSettings, Settings


def findings(**audio: str | int) -> list[tuple[str, str]]:
    settings = Settings(audio=AudioSettings(**audio))  # type: ignore[arg-type]
    return [(key, mistake.says) for key, mistake in file_rules(settings)]


def test_an_array_that_fits_is_accepted() -> None:
    assert findings() == []
    assert (
        findings(
            capture_channels=6,
            microphone_channels="1, 2, 3, 4",
            microphone_geometry="circle 4 x 65 mm",
            beam_azimuth_deg=90,
        )
        == []
    )


@pytest.mark.parametrize(
    ("audio", "key", "says"),
    [
        (
            {"microphone_channels": "1"},
            "channels",
            "delivers 1 channel(s), counted from 0; found 1",
        ),
        ({"microphone_channels": "all"}, "channels", "expected numbers"),
        ({"microphone_channels": "0 0"}, "channels", "listed twice"),
        ({"microphone_geometry": "round"}, "geometry", "circle 4 x 45 mm"),
        (
            {"capture_channels": 2, "microphone_geometry": "line 4 x 35 mm"},
            "geometry",
            "places 4 microphones; expected as many as there are: 2",
        ),
        ({"beam_azimuth_deg": 0}, "beam_azimuth_deg", "where the microphones stand"),
    ],
)
def test_what_contradicts_itself_is_refused(
    audio: dict[str, str | int], key: str, says: str
) -> None:
    ((found, words),) = findings(**audio)
    assert found.startswith("audio.")
    assert found.endswith(key)
    assert says in words


def test_without_a_list_all_channels_are_microphones() -> None:
    assert parse_channels("", 3) == (0, 1, 2)
    assert parse_channels("2 0", 3) == (2, 0)
