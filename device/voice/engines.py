"""Which synthesiser a name in the settings means."""

from __future__ import annotations

from device.voice.synthesis import Synthesiser


def create_synthesiser(engine: str, language: str = "en") -> Synthesiser:
    """ "espeak" or "flite"; call it in the thread that will speak. Raises ModelError.

    ``language``: of espeak-ng's default voice; flite speaks English only.
    """
    # Imported here: who never says anything loads neither.
    if engine == "flite":
        from device.voice.flite import Flite  # noqa: PLC0415

        return Flite()
    from device.voice.espeak import Espeak  # noqa: PLC0415

    return Espeak(language=language)
