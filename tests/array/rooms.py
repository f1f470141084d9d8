"""A small room for the array: image sources (Allen and Berkley, 1979), and diffuse noise."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.audio.array.direction import SOUND_M_PER_S
from device.audio.array.geometry import Positions

Signal = NDArray[np.float64]

ROOM_M = (5.2, 4.1, 2.7)
ARRAY_M = (2.3, 1.7, 1.0)
_HALF = 32


def responses(
    positions: Positions,
    azimuth_deg: float,
    distance_m: float = 2.0,
    *,
    rt60_s: float = 0.35,
    rate_hz: int = 16_000,
) -> Signal:
    """Impulse responses (microphones, taps) from a person at the array's height plus 0.4 m.
    ``rt60_s`` 0: no walls."""
    angle = np.radians(azimuth_deg)
    array = np.array(ARRAY_M)
    toward = np.array([np.cos(angle), np.sin(angle), 0.2])
    source = array + distance_m * toward / np.linalg.norm(toward)
    mics = array + np.concatenate([positions, np.zeros((len(positions), 1))], axis=1)
    room = np.array(ROOM_M)
    taps = round(max(rt60_s, 0.02) * rate_hz) + 2 * _HALF + 256
    reach = 0 if rt60_s == 0 else int(np.ceil(taps / rate_hz * SOUND_M_PER_S / room.min() / 2)) + 1
    volume, x, y, z = room.prod(), *room
    surface = 2 * (x * y + y * z + x * z)
    # Sabine; the reflection of a wall is the root of what it does not absorb.
    absorbed = min(0.99, 0.161 * volume / (surface * rt60_s)) if rt60_s else 1.0
    keep = np.sqrt(1 - absorbed)
    order = np.arange(-reach, reach + 1)
    grid = np.stack(np.meshgrid(order, order, order, indexing="ij"), -1).reshape(-1, 3)
    result = np.zeros((len(mics), taps))
    for mirror in np.ndindex(2, 2, 2) if reach else [(0, 0, 0)]:
        flip = np.array(mirror)
        image = (1 - 2 * flip) * source + 2 * grid * room
        bounces = np.abs(grid - flip).sum(axis=1) + np.abs(grid).sum(axis=1)
        for mic, place in enumerate(mics):
            away = np.linalg.norm(image - place, axis=1)
            at = away / SOUND_M_PER_S * rate_hz
            near = at < taps - 2 * _HALF
            size = keep ** bounces[near] / (4 * np.pi * away[near])
            whole = np.floor(at[near]).astype(int)
            offsets = np.arange(-_HALF + 1, _HALF + 1)
            distance = offsets[None] - (at[near] - whole)[:, None]
            kernel = np.sinc(distance) * np.cos(np.pi * distance / (2 * _HALF + 2)) ** 2
            index = whole[:, None] + offsets[None] + _HALF
            np.add.at(result[mic], index.ravel(), (kernel * size[:, None]).ravel())
    return result


def heard(sound: Signal, response: Signal) -> Signal:
    """(n, microphones) of what ``sound`` becomes on the way."""
    size = 1 << (len(sound) + response.shape[1]).bit_length()
    spectrum = np.fft.rfft(sound, size)[None] * np.fft.rfft(response, size, axis=1)
    return np.asarray(np.fft.irfft(spectrum, size, axis=1)[:, : len(sound)].T)


def diffuse_noise(
    positions: Positions, seconds: float, seed: int, rate_hz: int = 16_000, waves: int = 48
) -> Signal:
    """(n, microphones): independent noises of equal power from all over the sphere, coloured
    like a room's (3 dB less an octave). Of rms 1 in the mean."""
    random = np.random.default_rng(seed)
    n = round(seconds * rate_hz)
    hz = np.fft.rfftfreq(n, 1 / rate_hz)
    tilt = 1 / np.sqrt(np.maximum(hz, 80.0))
    total = np.zeros((len(positions), len(hz)), complex)
    for k in range(waves):
        height = 1 - 2 * (k + 0.5) / waves  # a spiral on the sphere
        angle = k * np.pi * (3 - np.sqrt(5))
        flat = np.sqrt(1 - height**2)
        toward = np.array([flat * np.cos(angle), flat * np.sin(angle)])
        noise = (random.normal(size=len(hz)) + 1j * random.normal(size=len(hz))) * tilt
        early = positions @ toward / SOUND_M_PER_S
        total += noise[None] * np.exp(2j * np.pi * hz[None] * early[:, None])
    sound = np.fft.irfft(total, n, axis=1).T
    return np.asarray(sound / np.sqrt((sound**2).mean()))
