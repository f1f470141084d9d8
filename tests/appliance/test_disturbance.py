"""What counts as a machine that stood still, and what is done then."""

from __future__ import annotations

from pathlib import Path

from tests.appliance.run import Run, disturbance, undisturbed

QUIET = {"room": {"engine_stalls": 1}, "warnings": ["the room's engine stalled once"]}
STALLED = {"room": {"engine_stalls": 60}, "warnings": []}
LOST = {"room": {}, "warnings": ["the appliance read its microphone too late and lost sound"]}


def test_one_late_engine_is_no_disturbance_but_many_or_lost_sound_are() -> None:
    assert not disturbance(QUIET)
    assert disturbance(STALLED) and disturbance(LOST)


def test_a_disturbed_run_is_made_again_at_most_twice(tmp_path: Path) -> None:
    folders: list[Path] = []

    def make(folder: Path) -> Run:
        folders.append(folder)
        return Run(0, "", [], STALLED if len(folders) < 2 else QUIET, folder)

    assert undisturbed(make, tmp_path).folder == folders[1]
    assert len(folders) == 2
    folders.clear()
    assert undisturbed(lambda f: Run(folders.append(f) or 0, "", [], LOST, f), tmp_path).summary
    assert len(set(folders)) == 3
