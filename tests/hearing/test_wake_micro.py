"""microWakeWord on LiteRT."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from device.audio.wake import CHUNK_SAMPLES, warm_up_noise
from device.audio.wakewords.micro import MicroWake, check_micro_model, score_of
from device.audio.wakewords.micro_models import MicroModel, find_micro_models
from device.audio.wakewords.models import MICRO_PRETRAINED, PRETRAINED, WakeModel, find_wake_models
from device.errors import ModelError
from device.hearing_factory import make_wake_engine
from device.ports import Samples
from device.settings import WakeSettings
from tests.hearing.clips import say


@pytest.fixture(scope="module")
def engine() -> MicroWake:
    return MicroWake(find_micro_models(MICRO_PRETRAINED))


def scores_of(engine: MicroWake, samples: Samples) -> list[dict[str, float]]:
    padded = np.concatenate([samples, np.zeros(8000, np.int16)])
    starts = range(0, len(padded) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES)
    return [engine.score(padded[start : start + CHUNK_SAMPLES]) for start in starts]


def own_model(folder: Path, **micro: object) -> Path:
    """alexa's model under another name, with a description of its own."""
    path = folder / "butler.tflite"
    path.write_bytes(find_micro_models(["alexa"])[0].path.read_bytes())
    described = {"probability_cutoff": 0.9, "sliding_window_size": 5, **micro}
    path.with_suffix(".json").write_text(json.dumps({"micro": described}))
    return path


def test_hears_its_word_and_no_other(engine: MicroWake) -> None:
    engine.reset()
    heard = scores_of(engine, say("alexa"))
    best = {word: max(scores[word] for scores in heard) for word in engine.words}
    assert best["alexa"] > 0.5
    assert max(score for word, score in best.items() if word != "alexa") < 0.5


@pytest.mark.parametrize("rms", [0, 1, 30, 300])
def test_a_fresh_start_hears_nothing_in_noise(engine: MicroWake, rms: float) -> None:
    engine.reset()
    noise = np.random.default_rng(5).standard_normal(2 * 16_000) * rms
    heard = scores_of(engine, noise.astype(np.int16))
    assert max(max(scores.values()) for scores in heard) < 0.5


def test_reset_goes_back_to_the_same_state(engine: MicroWake) -> None:
    clip = say("okay nabu")  # once: espeak-ng does not say a thing twice the same way
    engine.reset()
    first = scores_of(engine, clip)
    engine.reset()
    assert scores_of(engine, clip) == first
    assert max(scores["okay_nabu"] for scores in first) > 0.3, "the clip proves nothing"


def test_a_reset_is_as_good_as_a_new_engine(engine: MicroWake) -> None:
    clip = say("hey mycroft")
    scores_of(engine, clip)
    engine.reset()
    assert scores_of(engine, clip) == scores_of(
        MicroWake(find_micro_models(MICRO_PRETRAINED)), clip
    )


def test_the_models_own_cutoff_is_a_score_of_one_half() -> None:
    for cutoff in (0.85, 0.97):
        assert score_of(cutoff, cutoff) == 0.5
        assert (score_of(0.0, cutoff), score_of(1.0, cutoff)) == (0.0, 1.0)
        means = np.linspace(0, 1, 50)
        scores = [score_of(float(mean), cutoff) for mean in means]
        assert scores == sorted(scores)


def test_a_chunk_has_1280_samples(engine: MicroWake) -> None:
    with pytest.raises(ValueError, match="1280 samples, not 1279"):
        engine.score(np.zeros(1279, np.int16))


def test_a_model_of_ones_own_is_called_by_its_name(tmp_path: Path) -> None:
    engine = MicroWake(find_micro_models([str(own_model(tmp_path)), "alexa"]))
    for scores in scores_of(engine, say("alexa")):
        assert scores["butler"] == scores["alexa"]


def test_a_model_without_its_description_is_refused(tmp_path: Path) -> None:
    path = own_model(tmp_path)
    path.with_suffix(".json").unlink()
    with pytest.raises(ModelError, match=r"no .*butler\.json, which describes") as caught:
        find_micro_models([str(path)])
    assert "beside it" in caught.value.hint


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"micro": {"probability_cutoff": "x"}}'])
def test_a_description_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = own_model(tmp_path)
    path.with_suffix(".json").write_text(text)
    with pytest.raises(ModelError, match="does not describe a microWakeWord model"):
        find_micro_models([str(path)])


@pytest.mark.parametrize(
    "wrong", [{"probability_cutoff": 0}, {"probability_cutoff": 1.0}, {"sliding_window_size": 0}]
)
def test_a_description_that_makes_no_sense_is_refused(
    tmp_path: Path, wrong: dict[str, object]
) -> None:
    with pytest.raises(ModelError, match="expected a cutoff between 0 and 1"):
        find_micro_models([str(own_model(tmp_path, **wrong))])


def test_a_model_of_the_other_engine_is_refused() -> None:
    other = find_wake_models(["alexa"])[0]
    with pytest.raises(ModelError, match="not a usable microWakeWord model"):
        check_micro_model(MicroModel("alexa", other.path))
    micro = find_micro_models(["alexa"])[0]
    with pytest.raises(ModelError, match="not a usable openWakeWord model"):
        from device.audio.wakewords.litert import LitertWake

        LitertWake([WakeModel("alexa", micro.path)])


@pytest.mark.parametrize("kept", [0, 100, 30_000])
def test_a_truncated_model_is_refused(tmp_path: Path, kept: int) -> None:
    path = own_model(tmp_path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"butler\.tflite is not a usable microWakeWord model"):
        MicroWake(find_micro_models([str(path)]))


def test_a_word_that_only_the_other_engine_has_is_named() -> None:
    with pytest.raises(ModelError, match="microWakeWord has no model for hey_rhasspy") as caught:
        find_micro_models(["hey_rhasspy"])
    assert 'engine = "litert"' in caught.value.hint


def test_its_words_are_among_the_others() -> None:
    assert set(MICRO_PRETRAINED) < set(PRETRAINED)
    assert all(model.licence == "Apache-2.0" for model in find_micro_models(MICRO_PRETRAINED))


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (WakeSettings(), "NoiseWake"),
        (WakeSettings(engine="micro"), "MicroWake"),
        (WakeSettings(confirm=True), "ConfirmedWake"),
        (WakeSettings(engine="micro", confirm=True), "ConfirmedWake"),
    ],
)
def test_the_settings_choose_the_engine(settings: WakeSettings, kind: str) -> None:
    engine = make_wake_engine(settings)
    assert (type(engine).__name__, engine.words) == (kind, ("hey_jarvis",))


def test_a_word_of_ones_own_is_heard_unconfirmed_beside_a_confirmed_one(tmp_path: Path) -> None:
    path = tmp_path / "butler.tflite"
    path.write_bytes(find_wake_models(["alexa"])[0].path.read_bytes())
    engine = make_wake_engine(WakeSettings(words=("alexa", str(path)), confirm=True))
    scores = engine.score(np.zeros(CHUNK_SAMPLES, np.int16))
    assert set(scores) == {"alexa", "butler"}
    assert set(getattr(scores, "second", ())) == {"alexa"}


def test_alone_a_word_of_ones_own_still_loads_with_confirm(tmp_path: Path) -> None:
    """The configuration check objects; the appliance hears it all the same."""
    path = tmp_path / "butler.tflite"
    path.write_bytes(find_wake_models(["alexa"])[0].path.read_bytes())
    assert make_wake_engine(WakeSettings(words=(str(path),), confirm=True)).words == ("butler",)


@pytest.mark.parametrize("word", ["alexa", "okay_nabu"])
def test_it_decides_as_the_package_of_the_models_does(
    engine: MicroWake, word: str, tmp_path: Path
) -> None:
    """Other kernels compute a little differently; the scores differ by less than a tenth."""
    quiet = np.zeros(8000, np.int16)
    said = [say(text) for text in ("alexa", "okay nabu", "set a timer for five minutes")]
    sound = np.concatenate([warm_up_noise()[: 25 * CHUNK_SAMPLES], *_between(said, quiet)])
    raw = tmp_path / "sound.raw"
    raw.write_bytes(sound.tobytes())
    script = Path(__file__).with_name("micro_wakeword_means.py")
    done = subprocess.run([sys.executable, script, word, raw], stdout=subprocess.PIPE, check=True)
    package = json.loads(done.stdout)
    theirs = np.array([score_of(mean, package["cutoff"]) for mean in package["means"]])
    engine.reset()
    # The engine's warm-up is the head of the recording.
    ours = [scores[word] for scores in scores_of(engine, sound[25 * CHUNK_SAMPLES :])]
    ends = [(25 + number) * CHUNK_SAMPLES for number in range(len(ours) + 1)]
    last = [((end - 480) // 160 + 1) // 3 for end in ends]  # inferences that are over by then
    for number, score in enumerate(ours):
        held = theirs[last[number] : last[number + 1]]
        if len(held):
            assert abs(score - held.max()) < 0.1, number
    assert max(ours) > 0.5, "nothing was heard: the recording judges nothing"


def _between(parts: list[Samples], gap: Samples) -> list[Samples]:
    return [piece for part in parts for piece in (part, gap)]
