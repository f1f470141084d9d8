"""A run that the machine itself spoilt shows nothing, so the test makes another.

The simulated card keeps time by the clock: where the whole machine stands still for tenths of a
second, sound is late or lost that no real card would lose. The simulator counts that, and only
a failure in such a run is tried again.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.appliance.run import MachineBusyError, Run, disturbance

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=2, only_rerun=[MachineBusyError.__name__]))


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    try:
        return (yield)
    except AssertionError as failure:
        for how in _disturbances(pyfuncitem.funcargs):
            raise MachineBusyError(f"{how}, and then: {failure}") from failure
        raise


def _disturbances(given: dict[str, object]) -> Iterator[str]:
    """Of the runs that the test made in its folder, or was given."""
    for value in given.values():
        if isinstance(value, Run):
            found = [value.summary]
        elif isinstance(value, Path):
            found = [json.loads(file.read_text()) for file in value.rglob("summary.json")]
        else:
            continue
        yield from filter(None, map(disturbance, found))
