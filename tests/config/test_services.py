"""What a service needs, and what it does not take, is said before it is missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.config import check


def mistakes(tmp_path: Path, text: str) -> list[str]:
    """Of everything but keys, which are no matter of the file."""
    file = tmp_path / "parlor.toml"
    file.write_text(text)
    found = [str(error) for error in check(file, {})]
    return [words for words in found if "no API key" not in words]


@pytest.mark.parametrize(
    ("provider", "missing"),
    [
        ("wiro_agent", "wiro_agent.agent"),
        ("elevenlabs", "elevenlabs.agent_id"),
        ("cartesia", "cartesia.agent_id"),
        ("vapi", "vapi.assistant_id"),
        ("azure_openai", "service.url"),
        ("openai_compatible", "service.url"),
        ("azure_voice_live", "service.url"),
    ],
)
def test_what_no_session_can_be_opened_without_is_asked_for(
    tmp_path: Path, provider: str, missing: str
) -> None:
    [told] = mistakes(tmp_path, f'[service]\nprovider = "{provider}"\n')
    assert missing in told
    as_fallback = mistakes(tmp_path, f'[service]\nfallback = ["{provider}"]\n')
    assert len(as_fallback) == 1 and provider in as_fallback[0]


def test_an_address_that_names_the_agent_is_enough(tmp_path: Path) -> None:
    own = (
        '[service]\nprovider = "elevenlabs"\n[elevenlabs]\nkey_url = "https://mine.example/sign"\n'
    )
    assert mistakes(tmp_path, own) == []


def test_services_that_need_nothing_lack_nothing(tmp_path: Path) -> None:
    for provider in ("offline", "openai_realtime", "xai", "wiro", "gemini", "deepgram"):
        assert mistakes(tmp_path, f'[service]\nprovider = "{provider}"\n') == []


def test_what_a_service_is_not_told_is_no_use_in_the_file(tmp_path: Path) -> None:
    agent = '[elevenlabs]\nagent_id = "a"\n'
    asked = '[service]\nprovider = "elevenlabs"\ninstructions = "Be brief."\nvoice = "x"\n' + agent
    told = mistakes(tmp_path, asked)
    assert len(told) == 2 and "override_prompt" in told[0] + told[1]
    allowed = asked + "override_prompt = true\noverride_voice = true\n"
    assert mistakes(tmp_path, allowed) == []
    assert mistakes(tmp_path, '[service]\nprovider = "elevenlabs"\n' + agent) == []


def test_a_service_that_cannot_be_told_that_a_turn_is_over_is_not_asked_to(tmp_path: Path) -> None:
    text = '[service]\nprovider = "vapi"\nturn_detection = "device"\n[vapi]\nassistant_id = "a"\n'
    [told] = mistakes(tmp_path, text)
    assert "turn_detection" in told and "by itself" in told
    [told] = mistakes(tmp_path, text.replace('"device"', '"auto"') + '[turn]\neagerness = "low"\n')
    assert "turn_detection =" not in told, "that would be no help"


def test_a_fallback_that_is_misspelt_hides_nothing_else(tmp_path: Path) -> None:
    text = '[service]\nprovider = "vapi"\nfallback = ["ofline"]\nvolume = 3\n'
    told = mistakes(tmp_path, text)
    assert any("ofline" in words for words in told)
    assert any("volume" in words for words in told)
