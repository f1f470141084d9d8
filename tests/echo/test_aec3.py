"""WebRTC's canceller as it is called here: the library's refusals are told, not passed over."""

from __future__ import annotations

import numpy as np
import pytest

from device.audio.cancelling.aec3 import FRAME_SAMPLES, Aec3


def frames(count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.standard_normal(count * FRAME_SAMPLES) * 1000).astype(np.int16)


def test_two_microphones_do_not_share_their_samples() -> None:
    first, second = Aec3(), Aec3()
    silence = np.zeros(20 * FRAME_SAMPLES, np.int16)
    assert np.abs(first.block(frames(20, 1), silence)).max() > 100
    assert np.abs(second.block(silence, silence)).max() == 0


def test_what_it_is_given_stays_as_it_is() -> None:
    near, far = frames(2, 1), frames(2, 2)
    before = near.copy(), far.copy()
    Aec3().block(near, far)
    assert np.array_equal(near, before[0])
    assert np.array_equal(far, before[1])


def test_a_library_that_takes_no_request_any_more_is_an_error() -> None:
    canceller = Aec3()
    canceller.block(frames(1, 1), frames(1, 2))
    canceller._heard._request = lambda *_: 0
    with pytest.raises(RuntimeError, match="took no request"):
        canceller.block(frames(1, 1), frames(1, 2))


def test_a_library_that_refuses_is_quoted() -> None:
    canceller = Aec3()
    canceller._module._ffi_handle.dispose()
    with pytest.raises(RuntimeError, match="WebRTC's echo canceller: "):
        canceller.block(frames(1, 1), frames(1, 2))
