"""What the owner may wish of a session beyond the common settings, in OpenAI's own shape."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from device.providers import openai_sessions as sessions
from device.providers.base import Connect, SessionSpec, ToolSpec
from device.providers.openai_options import tool_servers
from tests.providers.driver import URL, Driver, events, frames, notes

TOOL = ToolSpec("get_time", "the time", {"type": "object", "properties": {}})
MCP = "home: https://mcp.example.org/home"


def spec_with(**options: Any) -> SessionSpec:
    return SessionSpec(url=URL, key="sk-1", options=options)


def session_of(spec: SessionSpec) -> dict[str, Any]:
    driver = Driver(spec)
    driver.connect()
    (frame,) = frames(driver.event("session.created"))
    session: dict[str, Any] = frame["session"]
    return session


def headers_of(**options: Any) -> dict[str, str]:
    (connect,) = [o for o in Driver(spec_with(**options)).start() if isinstance(o, Connect)]
    return dict(connect.headers)


def test_defaults_are_not_sent() -> None:
    plain = session_of(SessionSpec(url=URL))
    spelled_out = session_of(
        spec_with(
            service_vad="server_vad",
            eagerness="auto",
            speed=1.0,
            max_output_tokens=0,
            reasoning_effort="",
            truncation="auto",
            tracing=False,
            noise_reduction_strength=1.0,
            transcription_prompt="",
            transcription_keywords=(),
            mcp_servers=(),
        )
    )
    assert spelled_out == plain
    assert set(plain) == {"type", "output_modalities", "audio", "tools"}


def test_the_service_may_end_turns_by_what_was_said() -> None:
    session = session_of(spec_with(service_vad="semantic_vad", eagerness="low"))
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": False,
    }


def test_who_ends_turns_on_the_device_asks_for_no_detection_of_any_kind() -> None:
    options = {"service_vad": "semantic_vad"}
    session = session_of(SessionSpec(url=URL, device_ends_turn=True, options=options))
    assert session["audio"]["input"]["turn_detection"] is None


def test_voice_limit_thought_and_traces() -> None:
    session = session_of(
        spec_with(speed=1.25, max_output_tokens=500, reasoning_effort="low", tracing=True)
    )
    assert session["audio"]["output"]["speed"] == 1.25
    assert session["max_output_tokens"] == 500
    assert session["reasoning"] == {"effort": "low"}
    assert session["tracing"] == "auto"


@pytest.mark.parametrize(
    ("wish", "sent"),
    [
        ("disabled", "disabled"),
        ("0.8", {"type": "retention_ratio", "retention_ratio": 0.8}),
        (" 1 ", {"type": "retention_ratio", "retention_ratio": 1.0}),
    ],
)
def test_what_is_kept_of_a_long_conversation(wish: str, sent: object) -> None:
    assert session_of(spec_with(truncation=wish))["truncation"] == sent


@pytest.mark.parametrize("wish", ["most", "80 %", "1.5", "-0.1", "nan"])
def test_a_senseless_truncation_is_left_out_and_noted(wish: str) -> None:
    assert "truncation" not in session_of(spec_with(truncation=wish))
    assert any("truncation" in note for note in notes(Driver(spec_with(truncation=wish)).start()))


def test_noise_reduction_has_a_strength() -> None:
    session = session_of(spec_with(noise_reduction_strength=0.4))
    assert session["audio"]["input"]["noise_reduction"] == {"type": "far_field", "strength": 0.4}


def test_the_transcript_is_helped_by_a_prompt_and_names() -> None:
    options = {"transcription_prompt": "a shop", "transcription_keywords": ("Wiro", "parlor")}
    spec = SessionSpec(url=URL, transcription_model="gpt-transcribe", options=options)
    assert session_of(spec)["audio"]["input"]["transcription"] == {
        "model": "gpt-transcribe",
        "language": "en",
        "prompt": "a shop",
        "keywords": ["Wiro", "parlor"],
    }


@pytest.mark.parametrize("approval", ["never", "always"])
def test_tool_servers_stand_beside_the_devices_own_tools(approval: str) -> None:
    options = {"mcp_servers": (MCP,), "mcp_approval": approval}
    session = session_of(SessionSpec(url=URL, tools=(TOOL,), options=options))
    assert [tool["type"] for tool in session["tools"]] == ["function", "mcp"]
    assert session["tools"][1] == {
        "type": "mcp",
        "server_label": "home",
        "server_url": "https://mcp.example.org/home",
        "require_approval": approval,
    }
    assert session["tool_choice"] == "auto"


def test_a_tool_server_is_told_by_what_it_knows_us_and_which_of_its_tools_we_want() -> None:
    keys = {"home": {"": "planted-token", "X-Key": "planted-header"}, "other": {"": "x"}}
    tools = ("home.lights", "home.heating", "other.door")
    spec = replace(spec_with(mcp_servers=(MCP,), mcp_tools=tools), tool_keys=keys)
    (told,) = session_of(spec)["tools"]
    assert told["authorization"] == "planted-token"
    assert told["headers"] == {"X-Key": "planted-header"}
    assert told["allowed_tools"] == ["lights", "heating"]
    assert "planted" not in repr(spec) + repr(tool_servers(spec))
    driver = Driver(spec).ready()
    error = {"code": "odd", "message": "planted-token, planted-header"}
    (trouble,) = events(driver.event("error", error=error))
    assert "planted" not in repr(trouble)


def test_of_a_service_that_asks_nobody_no_tool_is_wanted_that_may_not_run() -> None:
    options = {
        "mcp_servers": (MCP,),
        "mcp_tools": ("home.lights", "home.heating"),
        "mcp_approval": "always",
        "mcp_allowed": ("home.lights", "door"),
    }
    (told,) = sessions.xai(spec_with(**options))["tools"]
    assert told["allowed_tools"] == ["lights"]


@pytest.mark.parametrize(
    "option", [{"mcp_tools": ("lights",)}, {"mcp_key_files": ("away: /a/file",)}]
)
def test_what_belongs_to_no_tool_server_is_told(option: dict[str, tuple[str, ...]]) -> None:
    told = notes(Driver(spec_with(mcp_servers=(MCP,), **option)).start())
    assert [note for note in told if next(iter(option)) in note]


@pytest.mark.parametrize("entry", ["home", "https://mcp.example.org", "home:", ": https://x.y"])
def test_a_tool_server_without_name_or_address_is_left_out_and_noted(entry: str) -> None:
    assert session_of(spec_with(mcp_servers=(entry,)))["tools"] == []
    assert any(
        "mcp_servers" in note for note in notes(Driver(spec_with(mcp_servers=(entry,))).start())
    )


def test_who_asks_is_told_in_headers() -> None:
    assert headers_of(safety_identifier="device-7", organization="org-1", project="proj-1") == {
        "Authorization": "Bearer sk-1",
        "OpenAI-Safety-Identifier": "device-7",
        "OpenAI-Organization": "org-1",
        "OpenAI-Project": "proj-1",
    }
    assert headers_of(safety_identifier="", organization="") == {"Authorization": "Bearer sk-1"}


def test_what_is_no_header_is_left_out_and_noted_without_being_shown() -> None:
    bad = "org\r\nX-Evil: 1"
    assert headers_of(organization=bad) == {"Authorization": "Bearer sk-1"}
    (note,) = notes(Driver(spec_with(organization=bad)).start())
    assert "organization" in note
    assert "Evil" not in note


def test_options_of_the_wrong_kind_count_as_not_set() -> None:
    plain = session_of(SessionSpec(url=URL))
    odd = spec_with(
        speed="fast",
        max_output_tokens=True,
        reasoning_effort=3,
        truncation=None,
        tracing="yes",
        noise_reduction_strength=float("nan"),
        mcp_servers="home: https://x.y",
        service_vad=1,
        organization=7,
    )
    assert session_of(odd) == plain
