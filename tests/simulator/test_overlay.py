"""Moving an owner's configuration into the room."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.errors import ConfigError
from device.simulator.overlay import load_config, overlay, to_toml, upstream_of
from device.simulator.scenario import RoomSpec


def moved(config: dict[str, Any], **room: Any) -> dict[str, Any]:
    return overlay(
        config,
        room=RoomSpec(**room),
        fifo_ms=8.0,
        socket=Path("/run/s"),
        state=Path("/run/out"),
        proxy_port=4000,
        offline_port=5000,
    )


def test_the_defaults() -> None:
    assert moved({}, mic_channels=4) == {
        "audio": {
            "capture": "room_mic",
            "capture_rate_hz": 48_000,
            "capture_channels": 4,
            "playback": "room_speaker",
            "playback_rate_hz": 48_000,
            "playback_channels": 1,
        },
        "board": {"name": "virtual", "socket": "/run/s", "output_latency_ms": 8.0},
        "service": {"url": "ws://127.0.0.1:4000/v1/realtime"},
        "cost": {"state": "/run/out"},
        "offline": {"port": 5000},
    }


def test_what_the_owner_set_stays() -> None:
    config = {
        "wake": {"words": ["alexa"]},
        "audio": {"capture": "room_mic_plug", "capture_rate_hz": 16_000, "volume_percent": 30},
        "board": {"name": "gpio", "button_pin": 5, "hold_ms": 900},
        "offline": {"vocabulary": "open"},
    }
    out = moved(config)
    assert out["wake"] == config["wake"]
    assert out["audio"]["capture"] == "room_mic_plug"
    assert out["audio"]["capture_rate_hz"] == 16_000
    assert "capture_channels" not in out["audio"]
    assert out["audio"]["playback"] == "room_speaker"
    assert (out["board"]["name"], out["board"]["button_pin"]) == ("virtual", 5)
    assert out["offline"] == {"vocabulary": "open", "port": 5000}
    assert config["board"]["name"] == "gpio"


def test_costs_of_a_simulated_run_are_not_counted_among_the_owners() -> None:
    assert moved({"cost": {"daily_usd": 2.0}})["cost"] == {"daily_usd": 2.0, "state": "/run/out"}
    assert moved({"cost": {"state": "/mine"}})["cost"] == {"state": "/mine"}


def test_a_board_without_a_button_gets_one() -> None:
    assert moved({"board": {"button_pin": -1}})["board"]["button_pin"] == 17


@pytest.mark.parametrize(
    ("service", "url", "host", "port", "offline"),
    [
        ({}, "/v1/realtime", "127.0.0.1", 5000, True),
        ({"provider": "openai_realtime"}, "/v1/realtime", "api.openai.com", 443, False),
        (
            {"provider": "openai_realtime", "url": "wss://x.example/openai/v1/realtime?a=b"},
            "/openai/v1/realtime?a=b",
            "x.example",
            443,
            False,
        ),
        ({"url": "ws://lan:9/v1/realtime"}, "/v1/realtime", "lan", 9, False),
    ],
)
def test_the_way_to_the_service(
    service: dict[str, str], url: str, host: str, port: int, offline: bool
) -> None:
    out = moved({"service": service})
    upstream = upstream_of({"service": service}, 5000)
    assert out["service"]["url"] == f"ws://127.0.0.1:4000{url}"
    assert (upstream.host, upstream.port) == (host, port)
    assert ("offline" in out) == offline


plain = st.text(max_size=20) | st.integers(-(2**60), 2**60) | st.booleans()
plain |= st.floats(allow_nan=False, allow_infinity=False) | st.lists(
    st.text(max_size=5), max_size=3
)


@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.dictionaries(st.text(max_size=8), plain))
)
def test_what_is_written_is_read_back(tree: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(tree)) == tree


def test_an_unreadable_or_broken_configuration(tmp_path: Path) -> None:
    assert load_config(None) == {}
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "none")
    broken = tmp_path / "c.toml"
    broken.write_text("[audio]\ncapture = \n")
    with pytest.raises(ConfigError) as caught:
        load_config(broken)
    assert caught.value.line == 2
    with pytest.raises(ConfigError, match="table"):
        moved({"audio": 3})


def test_paths_count_from_the_folder_of_the_file_that_the_owner_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The appliance reads a copy of it in another folder."""
    owner = tmp_path / "owner.conf"
    owner.write_text(
        '[service]\nkey_file = "key.txt"\nprovider = "openai_realtime"\n'
        '[log]\ntimeline = "log/t.jsonl"\n'
        '[wake]\nwords = ["hey_jarvis", "mine.tflite", "/models/other.tflite"]\n'
    )
    expected = {
        "service": {"key_file": str(tmp_path / "key.txt"), "provider": "openai_realtime"},
        "log": {"timeline": str(tmp_path / "log/t.jsonl")},
        "wake": {"words": ["hey_jarvis", str(tmp_path / "mine.tflite"), "/models/other.tflite"]},
    }
    assert load_config(owner) == expected
    monkeypatch.chdir(tmp_path)
    assert load_config(Path("owner.conf")) == expected
