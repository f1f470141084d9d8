"""Bad files: what a user gets to read for each."""

from __future__ import annotations

from pathlib import Path

import pytest

from device import config
from device.errors import ConfigError, SecretError
from device.settings import Settings

# (name, text of the file, line blamed, words that the message must hold)
MISTAKES: list[tuple[str, str, int | None, tuple[str, ...]]] = [
    ("unknown section", "[wakeup]\n", 1, ("no section [wakeup]", "service", "audio")),
    ("misspelt section", "\n[servce]\n", 2, ('did you mean "service"?',)),
    ("misspelt key", "[wake]\nthreshhold = 0.5\n", 2, ('did you mean "threshold"?',)),
    ("key of another section", "[wake]\nvoice = 'x'\n", 2, ("did you mean [service] voice?",)),
    ("key that exists nowhere", "[vad]\nfoo = 1\n", 2, ("no such setting in [vad]", "onset_ms")),
    ("key without a section", "threshold = 0.5\n", 1, ("section", "did you mean [wake] threshold")),
    ("unknown key at the top", "foo = 1\n", 1, ("a setting must stand in a section",)),
    ("section as a value", "wake = 3\n", 1, ("expected a section [wake], found 3",)),
    ("text for a number", "[wake]\nthreshold = '0.5'\n", 2, ("a number", 'found "0.5"')),
    ("too small", "[wake]\nthreshold = 0.0\n", 2, ("from 0.05 to 0.99", "found 0")),
    ("too large", "[audio]\nvolume_percent = 101\n", 2, ("from 0 to 100", "found 101")),
    ("fraction for a count", "[audio]\nperiod_ms = 10.5\n", 2, ("a whole number", "found 10.5")),
    ("true for a number", "[wake]\npatience = true\n", 2, ("a whole number", "found true")),
    ("true for a fraction", "[wake]\nthreshold = true\n", 2, ("a number", "found true")),
    ("number for true", "[turn]\nsend_wake_word = 1\n", 2, ("true or false", "found 1")),
    ("text for true", "[log]\ntranscripts = 'yes'\n", 2, ("true or false", 'found "yes"')),
    ("not a number", "[wake]\nthreshold = nan\n", 2, ("a number", "found nan")),
    ("infinite", "[service]\nidle_close_s = inf\n", 2, ("from 0 to 3600", "found inf")),
    ("text for a list", "[wake]\nwords = 'alexa'\n", 2, ("a list of texts", 'found "alexa"')),
    ("list of numbers", "[wake]\nwords = [1]\n", 2, ("a list of texts", "found [1]")),
    ("list for a text", "[service]\nvoice = ['a']\n", 2, ("text in quotes",)),
    ("table for a text", "[service]\nvoice = {a = 1}\n", 2, ("text in quotes", "a section")),
    ("date for a text", "[service]\nvoice = 2020-01-01\n", 2, ("text in quotes", "found a date")),
    ("unknown choice", "[service]\nprovider = 'google'\n", 2, ('"offline", "openai_realtime"',)),
    ("near choice", "[wake]\nengine = 'lite-rt'\n", 2, ('did you mean "litert"?',)),
    ("first word", "[service]\nprovider = 'openai'\n", 2, ('mean "openai_realtime"?',)),
    ("unsupported rate", "[audio]\ncapture_rate_hz = 44100\n", 2, ("one of 16000, 48000",)),
    ("no wake word", "[wake]\nwords = []\n", 2, ("at least one wake word",)),
    ("unknown word", "[wake]\nwords = ['hey jarvi']\n", 2, ('did you mean "hey_jarvis"?',)),
    ("word twice", "[wake]\nwords = ['alexa', 'Alexa']\n", 2, ('"alexa" is listed twice',)),
    ("channel out of range", "[audio]\ncapture_channel = 1\n", 2, ("at most 0, found 1",)),
    ("prebuffers", "[audio]\nprebuffer_min_ms = 300\n", 2, ("at most prebuffer_max_ms (200)",)),
    (
        "broken period",
        "[audio]\nplayback_rate_hz = 44100\nperiod_ms = 5\n",
        3,
        ("whole number of",),
    ),
    ("empty device", "[audio]\ncapture = ' '\n", 2, ("name of an ALSA PCM",)),
    ("pins clash", "[board]\nname = 'gpio'\nred_pin = 17\n", 3, ("17 is already button_pin",)),
    (
        "pin of a default",
        "[board]\nname = 'gpio'\nbutton_pin = 22\n",
        3,
        ("board.button_pin: pin 22 is already red_pin by default",),
    ),
    (
        "pins clash, last first",
        "[board]\nname = 'gpio'\nred_pin = 5\nbutton_pin = 5\n",
        4,
        ("board.button_pin: pin 5 is already red_pin;",),
    ),
    (
        "board of nothing",
        "[board]\nname = 'gpio'\nbutton_pin = -1\nred_pin = -1\ngreen_pin = -1\nblue_pin = -1\n",
        3,
        ("without button and lights",),
    ),
    ("virtual board", "[board]\nname = 'virtual'\n", 1, ("simulator's socket",)),
    ("http for ws", "[service]\nurl = 'https://h/x'\n", 2, ("wss://", 'did you mean "wss://h/x"?')),
    ("no host", "[service]\nurl = 'wss:///x'\n", 2, ("names no host",)),
    ("broken address", "[service]\nurl = 'wss://[::1/x'\n", 2, ("starts with wss://",)),
    ("space in it", "[service]\nurl = 'wss://my host/x'\n", 2, ("without spaces",)),
    ("space before", "[service]\nurl = ' wss://h/x'\n", 2, ('did you mean "wss://h/x"?',)),
    ("no scheme", "[service]\nurl = 'a.example/x'\n", 2, ('mean "wss://a.example/x"?',)),
    ("no scheme here", "[service]\nurl = 'localhost:9'\n", 2, ('mean "ws://localhost:9"?',)),
    ("bad port", "[service]\nurl = 'wss://h:99999/'\n", 2, ("a port from 1 to 65535",)),
    ("loud address", "[service]\nurl = 'WSS://h/x'\n", 2, ('did you mean "wss://h/x"?',)),
    ("huge number", "[wake]\nthreshold = 1" + "0" * 400 + "\n", 2, ("found a huge number",)),
    ("too many digits", "[wake]\nthreshold = 1" + "0" * 9000 + "\n", None, ("too long",)),
    ("too deep", "x = " + "[" * 20000 + "]" * 20000 + "\n", None, ("nested too deeply",)),
    ("NUL", '[service]\nkey_file = "\\u0000"\n', 2, ("without control characters",)),
    ("sections of sections", "[a.b.c]\nx = 1\n", 1, ("no section [a]",)),
    ("list of sections", "[[wake]]\nx = 1\n", 1, ("found a list of sections",)),
    ("empty name", "[wake]\n'' = 1\n", 2, ('wake."": there is no such setting',)),
    ("number as text", "[wake]\nthreshold = '0,7'\n", 2, ("did you mean 0.7?",)),
    ("whole number", "[audio]\nvolume_percent = 50.0\n", 2, ("did you mean 50?",)),
    ("yes", "[log]\ntranscripts = 'yes'\n", 2, ("did you mean true?",)),
    ("one word", "[wake]\nwords = 'alexa'\n", 2, ('did you mean ["alexa"]?',)),
    ("language tag", "[service]\nlanguage = 'en_us'\n", 2, ('did you mean "en-US"?',)),
    ("colon", "[wake]\nthreshold: 0.5\n", 2, ('expected "=" between name and value',)),
    ("comma", "[wake]\nthreshold = 0,5\n", 2, ("with a point",)),
    ("chat without model", "[offline]\nchat_url = 'http://h/v1'\n", 1, ("name of its model",)),
    ("language", "[service]\nlanguage = 'english'\n", 2, ('a language code such as "en"',)),
    ("credential path", "[service]\nkey_name = '/etc/key'\n", 2, ("without a path",)),
    ("no closing quote", '[service]\nvoice = "x\n', 2, ("not valid TOML",)),
    ("no quotes", "[service]\nvoice = marin\n", 2, ("not valid TOML", "double quotes")),
    ("no equals sign", "[service]\nvoice\n", 2, ("not valid TOML",)),
    ("key twice", "[wake]\npatience = 1\npatience = 2\n", 3, ("stands twice",)),
    ("section twice", "[wake]\n[wake]\n", 2, ("stands twice",)),
    ("open to the end", "[wake]\nwords = ['a',\n", 2, ("not valid TOML",)),
]


def errors_of(tmp_path: Path, text: str) -> list[ConfigError]:
    path = tmp_path / "parlor.toml"
    path.write_text(text, encoding="utf-8")
    return list(config.read(path).errors)


@pytest.mark.parametrize(
    ("text", "line", "words"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_a_mistake_is_explained(
    tmp_path: Path, text: str, line: int | None, words: tuple[str, ...]
) -> None:
    errors = errors_of(tmp_path, text)
    assert len(errors) == 1, [str(error) for error in errors]
    message = str(errors[0])
    assert message.startswith(str(tmp_path / "parlor.toml"))
    assert errors[0].line == line
    assert line is None or f"line {line}" in message
    for word in words:
        assert word in message


def test_every_mistake_is_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "[wake]\npatience = 0\nfoo = 1\n[audio]\nperiod_ms = 'x'\nvolume_percent = 900\n"
    assert [error.line for error in errors_of(tmp_path, text)] == [2, 3, 5, 6]


def test_a_refused_value_is_not_judged_again_with_its_default(tmp_path: Path) -> None:
    errors = errors_of(tmp_path, "[audio]\ncapture_channels = 2\ncapture_channel = 9\n")
    assert [error.key for error in errors] == ["audio.capture_channel"]


@pytest.mark.parametrize(
    "text",
    [
        '[service]\napi_key = "{}"\n',
        '[service]\nkey = "{}"\n',
        '[service]\ntoken = "{}"\n',
        '[service]\nPassword = "{}"\n',
        '[service]\nopenai-api-key = "{}"\n',
        'api_key = "{}"\n',
        '[service]\nkey_file = "sk-{}"\n',
        '[service]\ninstructions = "sk-{}"\n',
        '[service]\ninstructions = "Your key is sk-proj-{}, keep it."\n',
        '[service]\ninstructions = """\nBe kind.\n(ek_68af{})\n"""\n',
        '[service]\ninstructions = "Say Authorization: Bearer 9{}."\n',
        '[service]\nvoice = "ek_{}"\n',
        '[service]\nvoice = "Bearer {}"\n',
        '[service]\nurl = "wss://me:{}@host/"\n',
        '[service]\nurl = "wss://host/?api_key={}"\n',
        '[elevenlabs]\nurl = "wss://host/?agent_id=a&conversation_signature={}"\n',
        '[wake]\nwords = ["sk-{}"]\n',
    ],
)
def test_secrets_are_sent_elsewhere_and_not_repeated(tmp_path: Path, text: str) -> None:
    errors = errors_of(tmp_path, text.format("hunter2hunter2"))
    assert [type(error) for error in errors] == [SecretError]
    message = str(errors[0])
    assert "/etc/parlor/service_key" in message
    assert "credential" in message
    assert "hunter2" not in message


def test_a_text_that_only_resembles_a_secret_is_kept(tmp_path: Path) -> None:
    text = "Take no risk-everything-considered-carefully, speak sk-SK, know bearer certificates."
    assert errors_of(tmp_path, f'[service]\ninstructions = "{text}"\n') == []


@pytest.mark.parametrize(
    ("text", "line", "first", "says"),
    [
        ("[wake]\nthreshold = 0.5\n\nthreshold = 0.6\n", 4, 2, "wake.threshold: stands twice"),
        ("[wake]\n[audio]\n[wake]\n", 3, 1, "wake: stands twice"),
        (
            '[service]\nvoice = "a"\nvoice = """\nb\n"""\n[wake]\n',
            3,
            2,
            "service.voice: stands twice",
        ),
    ],
)
def test_a_key_that_stands_twice_is_named(
    tmp_path: Path, text: str, line: int, first: int, says: str
) -> None:
    (error,) = errors_of(tmp_path, text)
    assert error.line == line
    assert says in str(error)
    assert f"first in line {first}" in str(error)


def test_a_missing_file(tmp_path: Path) -> None:
    (error,) = config.read(tmp_path / "none.toml").errors
    assert "there is no such file" in str(error)
    assert "parlor config example" in str(error)


def test_a_directory(tmp_path: Path) -> None:
    (error,) = config.read(tmp_path).errors
    assert "cannot be read" in str(error)


def test_not_text(tmp_path: Path) -> None:
    path = tmp_path / "parlor.toml"
    path.write_bytes(b"[wake]\n\xff\xfe = 1\n")
    (error,) = config.read(path).errors
    assert "UTF-8" in str(error)
    assert error.line == 2


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "parlor.toml"
    path.write_bytes(b"#" * (config.LARGEST + 1))
    (error,) = config.read(path).errors
    assert "too large" in str(error)


def test_load_raises_one_or_all(tmp_path: Path) -> None:
    path = tmp_path / "parlor.toml"
    path.write_text("[wake]\npatience = 0\n")
    with pytest.raises(ConfigError, match=r"wake\.patience"):
        config.load(path)
    path.write_text("[wake]\npatience = 0\nthreshold = 9\n")
    with pytest.raises(config.ConfigMistakesError) as caught:
        config.load(path)
    assert len(caught.value.errors) == 2
    assert len(str(caught.value).splitlines()) == 2


def test_what_is_right_in_a_bad_file_still_counts(tmp_path: Path) -> None:
    path = tmp_path / "parlor.toml"
    path.write_text("[board]\nname = 'gpio'\nred_pin = 5\n[wake]\nthreshold = 9\n")
    outcome = config.read(path)
    assert len(outcome.errors) == 1
    assert outcome.settings.board.name == "gpio"
    assert outcome.settings.board.red_pin == 5
    assert outcome.settings.wake == Settings().wake
