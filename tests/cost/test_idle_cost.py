"""What an open session costs while nobody talks to it, and what a first turn waits for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from device.cli.connecting import by_service, lines
from device.cli.main import main
from device.idle_cost import FirstTurns, ways
from device.prices import PriceList, parse_price
from device.providers import capabilities_of
from device.settings import Settings
from device.settings_services import Access, Connecting, ServiceSettings, WiroSettings, connecting

KEEP = Connecting("keep", 120.0)


def costs(service: str, model: str = "", prices: PriceList | None = None) -> dict[str, str]:
    able = capabilities_of(service)
    found = ways(service, model, able, prices or PriceList(), KEEP, FirstTurns())
    return {way.connect: way.costs for way in found}


def test_who_bills_minutes_bills_silence() -> None:
    assert costs("openai_live", "gpt-live-1") == {
        "on_wake": "$0: none is open",
        "keep": "up to $0.10 a conversation (120 s)",
        "always": "up to $72.00 a day",
    }


def test_who_bills_tokens_does_not() -> None:
    found = costs("openai_realtime", "gpt-realtime-2.1")
    assert found["keep"] == "$0 a conversation (120 s)"
    assert found["always"] == "$0 a day"


@pytest.mark.parametrize("service", ["gemini", "wiro"])
def test_nothing_is_made_up_where_no_price_is_known(service: str) -> None:
    found = costs(service, "any")
    assert found["on_wake"] == "$0: none is open"
    assert "not known" in found["keep"]
    assert "not known" in found["always"]


def test_the_owners_price_counts() -> None:
    prices = PriceList([parse_price("wiro *: minute 0.10")])
    assert costs("wiro", "any", prices)["always"] == "up to $144.00 a day"


def test_what_a_first_turn_waits_for_is_what_the_last_ones_did() -> None:
    turns = FirstTurns.of([0.0, 800.0, 1200.0, None, "x", 0.0])
    assert turns == FirstTurns((800.0, 1200.0), 2)
    found = ways("offline", "", capabilities_of("offline"), PriceList(), KEEP, turns)
    waits = {way.connect: way.waits for way in found}
    assert waits["on_wake"] == "for its session: median 1000 ms (n = 2)"
    assert waits["always"] == "for nothing"
    assert str(FirstTurns()) == "not measured yet"


# --- per service ---------------------------------------------------------------------------


def test_a_services_own_section_comes_first() -> None:
    common = ServiceSettings(connect="keep", idle_close_s=60.0)
    assert connecting(common, None) == Connecting("keep", 60.0)
    assert connecting(common, Access()) == Connecting("keep", 60.0)
    assert connecting(common, Access(connect="always")) == Connecting("always", 60.0)
    assert connecting(common, Access(idle_close_s=0.0)) == Connecting("keep", 0.0)


def test_each_service_is_shown_with_its_own_way_and_its_own_turns() -> None:
    settings = replace(
        Settings(),
        service=ServiceSettings(provider="wiro", fallback=("openai_live", "offline")),
        wiro=WiroSettings(connect="on_wake"),
    )
    turns = [
        {"service": "wiro", "wake_to_link_ms": 4000.0},
        {"service": "offline", "wake_to_link_ms": 10.0},
    ]
    found = by_service(settings, turns)
    assert list(found) == ["wiro", "openai_live", "offline"]
    chosen = {name: next(w.connect for w in rows if w.chosen) for name, rows in found.items()}
    assert chosen == {"wiro": "on_wake", "openai_live": "keep", "offline": "keep"}
    told = lines(found)
    assert "  * on_wake" in told[2]
    assert "median 4000 ms (n = 1)" in told[2]
    assert "$72.00 a day" in " ".join(told)


def test_the_command_says_what_each_way_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    timeline, file = tmp_path / "timeline.jsonl", tmp_path / "parlor.toml"
    timeline.write_text('{"event": "turn", "service": "openai_live", "wake_to_link_ms": 640.0}\n')
    file.write_text(
        f'[service]\nprovider = "openai_live"\n[openai_live]\nconnect = "always"\n'
        f'[log]\ntimeline = "{timeline}"\n'
    )
    assert main(["cost", "-c", str(file)]) == 0
    out = capsys.readouterr().out
    assert "* always   up to $72.00 a day" in out
    assert "median 640 ms (n = 1)" in out
