"""Good files, the example, what changes mean, and what the machine lacks."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device import config
from device.audio.wakewords.models import find_wake_models
from device.config_example import example
from device.config_lines import key_lines, line_of
from device.config_schema import Option, options, show
from device.settings import AudioSettings, Settings, WakeSettings, setting

REPO = Path(__file__).resolve().parents[2]
ALL = [option for names in options().values() for option in names.values()]


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "parlor.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    assert config.load(write(tmp_path, "")) == Settings()


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "DEFAULT_PATH", tmp_path / "parlor.toml")
    assert config.load(None) == Settings()
    write(tmp_path, "[wake]\npatience = 3\n")
    assert config.load(None).wake.patience == 3


def test_values_arrive(tmp_path: Path) -> None:
    settings = config.load(
        write(
            tmp_path,
            '[wake]\nwords = ["alexa", "Hey Jarvis"]\nthreshold = 0.7\n'
            '[audio]\ncapture = "plughw:CARD=Device"\ncapture_channels = 4\n'
            "[turn]\nsend_wake_word = true\nfollow_up_s = 3\n",
        )
    )
    assert settings.wake == WakeSettings(words=("alexa", "Hey Jarvis"), threshold=0.7)
    assert settings.audio == AudioSettings(capture="plughw:CARD=Device", capture_channels=4)
    assert settings.turn.send_wake_word is True
    assert isinstance(settings.turn.follow_up_s, float)


def test_inline_tables_dotted_keys_and_a_byte_order_mark(tmp_path: Path) -> None:
    text = "\ufeffwake.patience = 2\nvad = { onset_ms = 100 }\n"
    settings = config.load(write(tmp_path, text))
    assert (settings.wake.patience, settings.vad.onset_ms) == (2, 100)


def test_paths_count_from_the_file(tmp_path: Path) -> None:
    settings = config.load(
        write(
            tmp_path,
            '[wake]\nwords = ["models/computer.tflite", "/abs/x.tflite"]\n'
            '[service]\nkey_file = "key"\n[log]\ntimeline = "t.jsonl"\n',
        )
    )
    assert settings.wake.words == (str(tmp_path / "models/computer.tflite"), "/abs/x.tflite")
    assert settings.service.key_file == str(tmp_path / "key")
    assert settings.log.timeline == str(tmp_path / "t.jsonl")


# --- the example -----------------------------------------------------------------


def test_the_example_in_hardware_is_the_generated_one() -> None:
    assert (REPO / "hardware" / "parlor.toml").read_text(encoding="utf-8") == example(), (
        "write it anew: parlor config example > hardware/parlor.toml"
    )


def test_the_example_as_it_is_changes_nothing(tmp_path: Path) -> None:
    assert config.load(write(tmp_path, example())) == Settings()


def test_the_example_uncommented_is_every_default(tmp_path: Path) -> None:
    text = re.sub(r"^#(\w+ = )", r"\1", example(), flags=re.MULTILINE)
    assert sum(len(table) for table in tomllib.loads(text).values()) == len(ALL)
    assert config.load(write(tmp_path, text)) == Settings()


@pytest.mark.parametrize("option", ALL, ids=lambda option: option.key)
def test_every_setting_is_documented_and_its_default_allowed(option: Option) -> None:
    assert option.doc
    if option.kind in (int, float):
        assert option.choices or (option.low is not None and option.high is not None), "bounds"
    if option.choices:
        assert option.default in option.choices


# --- properties -------------------------------------------------------------------


def value_of(option: Option) -> st.SearchStrategy[object]:
    if option.choices is not None:
        return st.sampled_from(option.choices)
    if option.kind is bool:
        return st.booleans()
    if option.kind is int:
        return st.integers(int(option.low or 0), int(option.high or 0))
    if option.kind is float:
        return st.floats(option.low, option.high)
    if option.kind is tuple:
        return st.sampled_from([("alexa",), ("okay_nabu", "hey_mycroft")])
    return st.sampled_from(["x", 'a "quoted" text', "ü\\n", "tab\there"])


@given(st.sampled_from(ALL).flatmap(lambda o: st.tuples(st.just(o), value_of(o))))
def test_an_allowed_value_comes_through_unchanged(pair: tuple[Option, object]) -> None:
    option, value = pair
    table = tomllib.loads(f"[{option.section}]\n{option.name} = {show(value)}\n")
    found: list[tuple[tuple[str, ...], object]] = []
    settings = config._build(table, Path("/"), found)  # type: ignore[arg-type]
    got = getattr(getattr(settings, option.section), option.name)
    assert not found
    if not isinstance(value, str) or got == value:
        assert got == value
    else:
        assert got == f"/{value}"


@given(
    st.dictionaries(
        st.text(min_size=1),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        ),
    )
)
def test_any_tree_gives_settings_and_never_an_exception(tree: dict[str, object]) -> None:
    found: list[tuple[tuple[str, ...], object]] = []
    for section in options():
        table = {section: tree}
        assert isinstance(config._build(table, Path("/"), found), Settings)  # type: ignore[arg-type]
    assert isinstance(config._build(dict(tree), Path("/"), found), Settings)  # type: ignore[arg-type]


# --- lines ------------------------------------------------------------------------


def test_lines_of_keys_in_awkward_files() -> None:
    text = (
        "# [wake]\n"  # 1
        '[service] # "x"\n'  # 2
        'instructions = """\n'  # 3
        "[audio]\n"  # 4
        'capture = "no" \\"""\n'  # 5
        '"""\n'  # 6
        'model = "a # b"\n'  # 7
        "[wake]\n"  # 8
        "words = [\n"  # 9
        '  "threshold = 1", # ]\n'  # 10
        "]\n"  # 11
        "threshold=0.5\n"  # 12
        "[ 'vad' ]\n"  # 13
        "'onset_ms' = 64\n"  # 14
        "log.level = 'info'\n"  # 15
    )
    lines = key_lines(text)
    assert lines == {
        ("service",): 2,
        ("service", "instructions"): 3,
        ("service", "model"): 7,
        ("wake",): 8,
        ("wake", "words"): 9,
        ("wake", "threshold"): 12,
        ("vad",): 13,
        ("vad", "onset_ms"): 14,
        ("vad", "log"): 15,
        ("vad", "log", "level"): 15,
    }
    assert line_of(lines, ("wake", "nothing")) == 8
    assert line_of(lines, ("nothing",)) is None


# --- changes -----------------------------------------------------------------------


def test_changes_say_what_is_live() -> None:
    old = Settings()
    new = dataclasses.replace(
        old,
        wake=dataclasses.replace(old.wake, threshold=0.6, engine="openwakeword"),
        audio=dataclasses.replace(old.audio, volume_percent=10, capture="hw:X"),
    )
    changed = config.changes(old, new)
    assert changed.live == ("wake.threshold", "audio.volume_percent")
    assert changed.restart == ("wake.engine", "audio.capture")
    in_force = config.with_live(old, new)
    assert (in_force.wake.threshold, in_force.wake.engine) == (0.6, "litert")
    assert (in_force.audio.volume_percent, in_force.audio.capture) == (10, "default")
    assert config.changes(in_force, new).live == ()
    assert config.changes(old, old) == config.Changes((), ())


# --- what the machine lacks ----------------------------------------------------------


def test_check_looks_for_model_files(tmp_path: Path) -> None:
    path = write(tmp_path, '[wake]\nwords = ["computer.tflite"]\n')
    (error,) = config.check(path, {})
    assert "there is no model file" in str(error)
    assert error.line == 2
    (good,) = find_wake_models(["hey_jarvis"])
    (tmp_path / "computer.tflite").write_bytes(good.path.read_bytes())
    assert config.check(path, {}) == []


def test_check_loads_the_models(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, '[wake]\nwords = ["hey_jarvis", "junk.tflite"]\n')
    (tmp_path / "junk.tflite").write_bytes(b"junk\n")
    (error,) = config.check(path, {})
    assert (error.key, error.line) == ("wake.words", 2)
    assert f"{tmp_path / 'junk.tflite'} is not a usable openWakeWord model" in str(error)
    assert "replace the file" in error.hint
    assert capfd.readouterr().err == "", "LiteRT's own lines"


def test_check_wants_a_folder_for_the_timeline(tmp_path: Path) -> None:
    path = write(tmp_path, '[log]\ntimeline = "nonexistent/dir/t.jsonl"\n')
    (error,) = config.check(path, {})
    assert (error.key, error.line) == ("log.timeline", 2)
    assert f'there is no folder "{tmp_path}/nonexistent/dir"' in str(error)
    assert "make the folder" in error.hint
    (tmp_path / "nonexistent" / "dir").mkdir(parents=True)
    assert config.check(path, {}) == []
    (tmp_path / "nonexistent" / "dir" / "t.jsonl").mkdir()
    (error,) = config.check(path, {})
    assert "is a folder; expected the name of a file" in str(error)


@pytest.mark.parametrize("what", ["folder", "file"])
def test_check_wants_to_write_the_timeline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    # Root may write anywhere, whatever the modes say: so the verdict is given here.
    def refuse(_path: Path, _mode: int) -> bool:
        return False

    monkeypatch.setattr("device.config_machine.os.access", refuse)
    if what == "file":
        (tmp_path / "t.jsonl").touch()
    path = write(tmp_path, '[log]\ntimeline = "t.jsonl"\n')
    (error,) = config.check(path, {})
    assert f"this user cannot write to the {what} " in str(error)


def test_check_wants_a_key_for_a_network_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("device.secrets.INSTALLED", tmp_path / "etc")
    path = write(tmp_path, '[service]\nprovider = "openai_realtime"\n')
    (error,) = config.check(path, {})
    assert "no API key" in str(error)
    assert error.key == "service.key_name"
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "service_key").write_text("some-key\n")
    assert config.check(path, {"CREDENTIALS_DIRECTORY": str(credentials)}) == []
    assert config.load(path).service.provider == "openai_realtime", "a missing key stops nobody"


def test_check_names_an_unreadable_key_file(tmp_path: Path) -> None:
    path = write(tmp_path, '[service]\nprovider = "openai_realtime"\nkey_file = "nowhere"\n')
    (error,) = config.check(path, {})
    assert (error.line, error.key) == (3, "service.key_file")
    assert "there is no file" in str(error)


def test_check_finds_the_installed_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device.secrets.INSTALLED", tmp_path)
    (tmp_path / "service_key").write_text("some-key")
    assert config.check(write(tmp_path, '[service]\nprovider = "openai_realtime"\n'), {}) == []


def test_settings_of_unknown_kinds_are_refused_early() -> None:
    @dataclasses.dataclass(frozen=True)
    class Section:
        odd: bytes = setting(b"", "cannot be written in TOML")

    @dataclasses.dataclass(frozen=True)
    class Tree:
        section: Section = dataclasses.field(default_factory=Section)

    Tree.__annotations__["section"] = Section
    Section.__annotations__["odd"] = bytes
    with pytest.raises(TypeError, match="not supported"):
        options(Tree)


@pytest.mark.parametrize("language", ["de", "fr-CA", "eng", "enm"])
def test_the_offline_service_speaks_english_only(tmp_path: Path, language: str) -> None:
    path = write(tmp_path, f'[service]\nprovider = "offline"\nlanguage = "{language}"\n')
    (error,) = config.check(path, {})
    assert (error.key, error.line) == ("service.language", 3)
    assert "English only" in str(error)
    assert f'found "{language}"' in str(error)
    assert config.load(path).service.language == language  # it runs, and says so itself


@pytest.mark.parametrize(
    "text",
    [
        'language = "en"',
        'language = "en-GB"',
        'language = "de"\nurl = "ws://192.168.1.7/v1/realtime"',
    ],
)
def test_english_of_any_kind_and_other_services_pass(tmp_path: Path, text: str) -> None:
    assert config.check(write(tmp_path, f"[service]\n{text}\n"), {}) == []
