"""The fuzzers find what is wrong, and say the same again from the same seed."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from device.commands import CommitTurn, SendToolResult
from device.events import LinkClosed, LinkOpened, ReplyAudio, ReplyDone, ReplyStarted
from device.providers.base import Disconnect, Emit, Output, SendFrame
from device.providers.openai_realtime import OpenAIRealtime
from scripts.bench_parts.services import fuzz_part, guided_format, guided_part
from scripts.bench_parts.services.fuzz_session import FailedError, Patient, repeat
from scripts.bench_parts.services.laws import BrokenError, Laws
from scripts.bench_parts.services.mutate import Mutator, words_of
from tests.bench.services_tape import SERVICE, SPEC, tape

WRONG: dict[str, list[Output]] = {
    "opens once": [Emit(LinkOpened("one")), Emit(LinkOpened("one"))],
    "driver's to tell": [Emit(LinkClosed("over"))],
    "sound of a reply": [Emit(ReplyAudio("r", "r", b"ab"))],
    "whole samples": [Emit(ReplyStarted("r")), Emit(ReplyAudio("r", "r", b"a"))],
    "begins once": [Emit(ReplyStarted("r")), Emit(ReplyStarted("r"))],
    "under way ends": [Emit(ReplyDone("r", "completed"))],
    "known status": [Emit(ReplyStarted("r")), Emit(ReplyDone("r", "well"))],
    "ends once": [Disconnect("a"), Disconnect("b")],
}


@pytest.mark.parametrize("law", WRONG)
def test_what_breaks_the_contract_is_seen(law: str) -> None:
    with pytest.raises(BrokenError, match=law):
        Laws().take(OpenAIRealtime(SPEC), WRONG[law])


def test_what_cannot_be_sent_is_seen() -> None:
    with pytest.raises(UnicodeEncodeError):
        Laws().take(OpenAIRealtime(SPEC), [SendFrame("\ud800")])


def test_a_finished_codec_that_answers_is_seen() -> None:
    laws = Laws()
    laws.take(OpenAIRealtime(SPEC), [Disconnect("over")])
    with pytest.raises(BrokenError, match="answers nothing"):
        laws.take(OpenAIRealtime(SPEC), [SendFrame("more")])


def fuzzed(folder: Path, seed: int = 1, count: int = 600) -> dict[str, Any]:
    return fuzz_part.measured(tape(), count, seed, folder)


def test_a_sound_codec_bears_it_and_sessions_open(tmp_path: Path) -> None:
    found = fuzzed(tmp_path)
    assert found["messages"] >= 600
    assert found["failed"] == 0, found["why"]
    assert found["opened"] > 0
    assert not list(tmp_path.iterdir())


def test_a_codec_that_raises_is_found_and_the_failure_can_be_said_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    received = OpenAIRealtime.received

    def trusting(self: OpenAIRealtime, data: str | bytes, now: float) -> Any:
        outputs = received(self, data, now)
        if '"response.created"' in str(data):
            json.loads(data)["response"]["id"].strip()
        return outputs

    monkeypatch.setattr(OpenAIRealtime, "received", trusting)
    found = fuzzed(tmp_path, count=4000)
    assert found["failed"] > 0
    written = sorted(tmp_path.glob("*.failure"))
    assert written
    assert all(path.with_suffix(".txt").exists() for path in written)
    failure = fuzz_part.pickle.loads(written[0].read_bytes())
    assert failure.words in repeat(failure)
    monkeypatch.setattr(OpenAIRealtime, "received", received)
    assert repeat(failure) == ""


def test_the_same_seed_makes_the_same_messages() -> None:
    def made(seed: int) -> list[str | bytes]:
        corpus = [s.what[0] for s in tape().parts[0].steps if s.kind == "received"]
        mutator = Mutator(Random(seed), corpus, words_of(SERVICE))
        return [mutator.mutated(mutator.any()) for _ in range(200)]

    assert made(3) == made(3)
    assert len(set(map(repr, made(3)))) > 150


def test_a_deadline_that_stays_in_the_past_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenAIRealtime, "deadline", property(lambda _self: 1000.5))
    monkeypatch.setattr(OpenAIRealtime, "timeout", lambda _self, _now: [])
    with pytest.raises(FailedError, match="deadline"):
        Patient(SERVICE, SPEC).passes(1.0)


def test_a_call_that_takes_long_is_found() -> None:
    patient = Patient(SERVICE, SPEC, stall_ms=0.0)
    with pytest.raises(FailedError, match="start took"):
        patient.call("start")


def test_the_words_are_those_of_the_codec_itself() -> None:
    assert "response.output_audio.delta" in words_of("xai")
    assert "serverContent" in words_of("gemini")
    assert "serverContent" not in words_of("xai")


def test_a_conversation_is_written_for_the_guided_fuzzer_and_read_again() -> None:
    opening, part, whole = guided_format.seeds(tape())
    assert opening.startswith(b"!" + guided_format.MARK + b"m{")
    kinds = [record[:2] for record in part.split(guided_format.MARK)]
    assert kinds[:3] == [b"ca", b"ck", b"m{"]
    assert max(map(len, part.split(guided_format.MARK))) < 400  # sound is shortened
    assert whole == part
    assert guided_format.command_of(b"k", Laws()) == CommitTurn()
    assert guided_format.command_of(b"s{}", Laws()) == SendToolResult("{}", "{}")


def test_words_of_the_dictionary_are_escaped() -> None:
    assert guided_format.dictionary(['a"b', "é"]) == '"a\\x22b"\n"\\xc3\\xa9"\n'


def test_what_the_guided_fuzzer_tells_of_itself_is_read() -> None:
    told = "#5\tINITED cov: 40 ft: 50 corp: 4/1Kb\n#900\tDONE   cov: 61 ft: 90 corp: 12/3Kb\n"
    found = guided_part.judged(told)
    assert (found["runs"], found["covered_at_first"], found["covered"]) == (900, 40, 61)
    with pytest.raises(ValueError, match="did not run"):
        guided_part.judged("no such module")


def test_a_guided_fuzzer_that_broke_the_codec_at_once_has_run() -> None:
    told = "==8== ERROR: libFuzzer: fuzz target exited\nTest unit written to crash-1\n"
    assert guided_part.judged(told)["runs"] == 0
