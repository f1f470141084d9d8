"""Parts of the appliance whose making depends on the settings."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from device.adapters.local_service import LocalService
from device.adapters.panel import GpioPanel, NullPanel, open_pins
from device.adapters.timeline import JsonLinesTimeline, LogTimeline, TimelineFan
from device.core.start_up import StartUp
from device.errors import PanelError
from device.events import Part, PartDegraded
from device.ports import Panel, Post, Timeline
from device.session import OFFLINE, services
from device.settings import BoardSettings, Settings

if TYPE_CHECKING:
    from device.simulator.virtual_board import VirtualBoard


def virtual_board(board: BoardSettings) -> VirtualBoard | None:
    """The simulator's, if this is one."""
    if board.name != "virtual":
        return None
    # Only there for the simulator, and gpiozero's mock pins with it.
    from device.simulator.virtual_board import VirtualBoard  # noqa: PLC0415

    return VirtualBoard.from_settings(board)


def make_timeline(
    settings: Settings,
    board: VirtualBoard | None,
    transcripts: Callable[[], bool],
    mask: Callable[[str], str],
) -> Timeline:
    """To the journal, and wherever else the settings want it, without the secrets that ``mask``
    knows. ``transcripts``: may what was said be logged now?"""
    timelines: list[Timeline] = [LogTimeline(transcripts)]
    if settings.log.timeline:
        timelines.append(JsonLinesTimeline(Path(settings.log.timeline)))
    if board is not None:
        timelines.append(board)
    return TimelineFan(timelines, mask)


def make_panel(board: BoardSettings, virtual: VirtualBoard | None, post: Post) -> Panel:
    """Button and lights; without any where they cannot be had, which is told."""
    if virtual is not None:
        return GpioPanel(board, virtual.pin_factory)
    if board.name == "none":
        return NullPanel()
    try:
        return GpioPanel(board, open_pins())
    except PanelError as error:
        post(PartDegraded(Part.PANEL, "no panel", str(error), error.hint))
        return NullPanel()


def make_start_up(settings: Settings, limit: float) -> StartUp:
    """The offline service tells of itself only where it is used, the panel only of trouble:
    before the configuration, so that the mailbox keeps its word before that one's. What is
    wrong with the sound of a microphone shows only after some seconds."""
    silent = {Part.PANEL, Part.ARRAY, Part.ECHO}
    if OFFLINE not in services(settings):
        silent.add(Part.OFFLINE_SERVICE)
    return StartUp(frozenset(Part) - silent, limit)


def make_local_service(
    settings: Settings,
    path: Path | None,
    post: Post,
    report_started: Callable[[int], None],
    rng: random.Random,
) -> LocalService | None:
    """The built-in service, where it may be needed. ``path``: of the configuration."""
    if OFFLINE not in services(settings):
        return None
    arguments = ["--port", str(settings.offline.port), "--exit-with-parent"]
    if path is not None:
        arguments += ["--config", str(path)]
    return LocalService(arguments, post, report_started, rng)
