"""When a session is open while nobody talks: each service has a way of its own."""

from __future__ import annotations

from device.commands import CloseLink, OpenLink, SwitchLink
from device.core.phases import Phase
from device.events import ErrorKind, LinkClosed, LinkFailed, LinkOpened
from device.providers import capabilities_of
from tests.core.story import Story, wake

ONLINE = capabilities_of("openai_realtime")


def idle(**sections: dict[str, object]) -> Story:
    story = Story(**sections)
    story.happens(wake(), LinkOpened("s", "", ONLINE))
    story.press()
    assert story.phase is Phase.IDLE
    return story


def test_a_service_may_be_connected_always_where_the_others_are_not() -> None:
    service: dict[str, object] = {"provider": "openai_realtime"}
    own: dict[str, object] = {"connect": "always"}
    assert OpenLink() in Story(service=service, openai_realtime=own).said
    assert OpenLink() not in Story(service=service).said
    story = idle(service=service, openai_realtime=own)
    assert not any(isinstance(c, CloseLink) for c in story.passes(600.0))


def test_or_only_while_it_is_needed() -> None:
    service: dict[str, object] = {"provider": "openai_realtime", "connect": "always"}
    story = Story(service=service, openai_realtime={"connect": "on_wake"})
    assert OpenLink() not in story.said
    story.happens(wake(), LinkOpened("s", "", ONLINE))
    story.press()
    assert CloseLink("idle") in story.said


def test_or_be_kept_for_a_time_of_its_own() -> None:
    service: dict[str, object] = {"provider": "openai_realtime", "idle_close_s": 60.0}
    story = idle(service=service, openai_realtime={"idle_close_s": 300.0})
    assert CloseLink("idle") not in story.passes(200.0)
    assert CloseLink("idle") in story.passes(150.0)


def test_who_takes_over_is_connected_in_its_own_way() -> None:
    service: dict[str, object] = {"provider": "openai_realtime", "fallback": ("gemini",)}
    always: dict[str, object] = {"connect": "always"}
    first = Story(service=service, openai_realtime=always)
    said = first.happens(LinkFailed(ErrorKind.NETWORK, "no route"))
    assert SwitchLink() not in said, "nobody needs it, and it is not kept open"
    second = Story(service=service, gemini=always)
    second.happens(wake(), LinkFailed(ErrorKind.NETWORK, "no route"))
    second.happens(LinkOpened("s", "gemini", capabilities_of("gemini")))
    second.press()
    assert not any(isinstance(c, CloseLink) for c in second.passes(50.0))


def test_a_session_that_the_service_ends_while_nobody_needs_it_is_no_trouble() -> None:
    story = Story(service={"provider": "openai_realtime", "connect": "keep"}).listening()
    story.press()
    story.happens(LinkClosed("1000", ErrorKind.SERVICE))
    assert story.light == "idle"
