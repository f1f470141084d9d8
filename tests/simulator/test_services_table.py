"""Which service has which stand-in, and the appliance's configuration for it."""

from __future__ import annotations

import asyncio
import dataclasses
import stat
from pathlib import Path
from typing import Any

import pytest

from device.cli.main import main
from device.cli.simulate_services import names, spec_of
from device.errors import ScenarioError
from device.providers import SERVICES, service_of
from device.settings import Settings
from device.settings_services import PROVIDERS
from device.simulator.hosted import NETWORK_FAULTS, Hosted, private_file
from device.simulator.overlay import overlay
from device.simulator.scenario import RoomSpec, parse
from device.simulator.services.book import Book
from device.simulator.services.brain import ScriptedBrain
from device.simulator.services.table import TABLE
from device.simulator.upstream import Upstream

KEY = Path("/run/out/service_key")


def configured(name: str, config: dict[str, Any]) -> tuple[dict[str, Any], Hosted]:
    """The appliance's configuration for ``name``, and its service."""

    async def run() -> tuple[dict[str, Any], Hosted]:
        async with TABLE[name].make(ScriptedBrain, "the key") as stand_in:
            assert stand_in.key == "the key"
            hosted = Hosted(spec_of(name), stand_in, KEY, Book())
            return hosted.configured(config), hosted

    return asyncio.run(run())


def moved(config: dict[str, Any], name: str, proxy_port: int | None) -> dict[str, Any]:
    return overlay(
        config,
        room=RoomSpec(),
        fifo_ms=8.0,
        socket=Path("/run/s"),
        state=Path("/run/out"),
        proxy_port=proxy_port,
        offline_port=5000,
        section=name,
    )


def test_every_service_but_the_built_in_one_has_a_stand_in() -> None:
    assert set(TABLE) == set(PROVIDERS) - {"offline"}
    assert set(names()) == set(SERVICES) - {"offline"}


@pytest.mark.parametrize("name", TABLE)
def test_the_configuration_says_what_an_owner_would(name: str) -> None:
    config, hosted = configured(name, {})
    assert config["service"] == {"provider": name, "fallback": []}
    section = config[name]
    assert section["url"] == hosted.url
    assert section["key_file"] == str(KEY)
    known = {one.name for one in dataclasses.fields(getattr(Settings(), name))}
    assert set(section) <= known
    assert hosted.proxied == hosted.url.startswith("ws://")
    assert Upstream.of_any(hosted.url).host == "127.0.0.1"


@pytest.mark.parametrize("name", names())
def test_a_service_gets_the_devices_tools_where_it_can_call_them(name: str) -> None:
    assert TABLE[name].device_tools == service_of(name).able.calls_tools


def test_the_owners_way_to_the_service_leads_nowhere_here_and_the_rest_stays() -> None:
    owner = {
        "service": {"provider": "gemini", "url": "wss://x", "model": "m", "fallback": ["xai"]},
        "gemini": {"key_command": "/bin/key", "temperature": 0.5, "voice": "v"},
        "turn": {"longest_s": 10.0},
        "wake": {"words": ["alexa"]},
    }
    owner["service"]["language"] = "de"
    config, hosted = configured("gemini", owner)
    assert config["service"] == {"provider": "gemini", "fallback": [], "language": "de"}
    assert config["gemini"] == {"temperature": 0.5, "url": hosted.url, "key_file": str(KEY)}
    assert config["turn"] == {"slow_reply": "sound", "longest_s": 10.0}
    assert config["wake"] == owner["wake"]


def test_the_proxy_stands_between_with_the_path_and_query_of_the_service() -> None:
    config, _ = configured("elevenlabs", {})
    out = moved(config, "elevenlabs", 4000)
    path = "/v1/convai/conversation?agent_id=agent-1"
    assert out["elevenlabs"]["url"] == f"ws://127.0.0.1:4000{path}"
    assert out["elevenlabs"]["agent_id"] == "agent-1"
    assert "url" not in out["service"]
    assert "offline" not in out


def test_where_the_way_begins_with_http_there_is_no_proxy() -> None:
    config, hosted = configured("vapi", {})
    assert moved(config, "vapi", None)["vapi"]["url"] == hosted.url
    assert hosted.url.startswith("http://127.0.0.1:")


@pytest.mark.parametrize("fault", [*NETWORK_FAULTS, "kill_service"])
def test_a_fault_that_cannot_be_made_is_refused_by_its_line(fault: str) -> None:
    text = f'duration_s = 9\n[[cue]]\nat_s = 1\nfault = "{fault}"\nms = 5\n'
    if fault not in ("stall_network",):
        text = text.replace("ms = 5\n", "")
    scenario = parse(text, Path("s.toml"))
    with pytest.raises(ScenarioError, match=r"s\.toml, line 4.*--service wiro"):
        spec_of("wiro").check(scenario)
    if fault in NETWORK_FAULTS:
        spec_of("openai_realtime").check(scenario)


def test_other_faults_go_with_every_service() -> None:
    text = 'duration_s = 9\n[[cue]]\nat_s = 1\nfault = "unplug_mic"\n'
    for name in TABLE:
        spec_of(name).check(parse(text, Path("s.toml")))


def test_the_tools_of_a_service_without_the_devices_are_the_same_and_work() -> None:
    spec = spec_of("vapi")
    assert spec.own_tools.declared == spec.device_tools.declared
    assert spec.device_tools.run is None
    assert spec.own_tools.run is not None
    assert '"time"' in spec.own_tools.run("get_time", "{}")
    assert "error" in spec.own_tools.run("no_such_tool", "{}")
    assert "unknown" in spec.own_tools.run("get_status", "{}")


def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    stale = tmp_path / "service_key"
    stale.write_text("an older one")
    stale.chmod(0o644)
    path = private_file(stale, "the key")
    assert path.read_text() == "the key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_unknown_service_is_told_with_those_there_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o"
    assert main(["simulate", "--demo", "--service", "hal", "--out", str(out)]) == 1
    said = capsys.readouterr().err
    assert "'hal'" in said
    assert "openai_realtime" in said
    assert not out.exists()
