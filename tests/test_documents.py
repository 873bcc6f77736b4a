"""Strict YAML and TOML: every fault is found at its place, with the likely word; no document hangs or crashes."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magray_sec import documents
from magray_sec.errors import SettingsError

SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version"],
    "x-refused": {"tools": "only the operator may set this"},
    "properties": {
        "version": {"const": 1, "type": "integer"},
        "exclude": {"type": "array", "items": {"type": "string"}},
        "name": {"type": "string", "minLength": 1},
        "strict": {"type": "boolean"},
        "since": {"type": "string", "format": "date"},
        "rules": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["id", "verdict"],
                "properties": {
                    "id": {"type": "string", "pattern": r"^[a-z-]+\Z", "x-says": "an id of small letters"},
                    "max": {"type": "integer", "minimum": 0},
                    "verdict": {"type": "string", "enum": ["block", "review", "pass"]},
                    "match": {"$ref": "#/$defs/match"},
                },
            },
        },
    },
    "$defs": {
        "word": {"type": "string", "enum": ["critical", "high", "low"]},
        "match": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "severity": {
                    "anyOf": [{"$ref": "#/$defs/word"}, {"type": "array", "items": {"$ref": "#/$defs/word"}}],
                    "x-says": "a severity or a list of them",
                },
                "path": {"type": "string"},
            },
        },
    },
}
ANY: dict[str, object] = {}


def refused(text: str, schema: dict[str, object] = SCHEMA) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        documents.load(text, file="p.yaml", schema=schema)
    assert caught.value.exit_code == 2
    return caught.value


def test_plain_data_and_positions() -> None:
    text = "version: 1\nrules:\n  - id: first\n    verdict: pass\n  - {id: second, max: 3, verdict: block}\n"
    document = documents.load(text, file="p.yaml", schema=SCHEMA)
    assert document.data == {
        "version": 1,
        "rules": [{"id": "first", "verdict": "pass"}, {"id": "second", "max": 3, "verdict": "block"}],
    }
    assert document.position(()) == (1, 1)
    assert document.position(("rules", 0)) == (3, 5)
    assert document.position(("rules", 1)) == (5, 5)
    assert document.position(("rules", 1, "max")) == (5, 23)
    assert document.key_position(("rules", 1, "max")) == (5, 18)
    assert document.position(("rules", 1, "max", "nothing", 7)) == (5, 23)
    assert document.line(("rules", 0, "verdict")) == 4


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("Off", "Off"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("2026-12-31", "2026-12-31"),
        ("12:30:45", "12:30:45"),
        ("0o17", 15),
        ("017", 17),
        ("0x1F", 31),
        ("-5", -5),
        ("1_000", "1_000"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("0.8.1", "0.8.1"),
        (".", "."),
        ("'1'", "1"),
        ('"true"', "true"),
        ("<7.0", "<7.0"),
        ("é ü 漢", "é ü 漢"),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(scalar: str, value: object) -> None:
    data = documents.load(f"key: {scalar}", file="p.yaml", schema=ANY).data
    assert data == {"key": value}
    assert type(data["key"]) is type(value)


@pytest.mark.parametrize(
    ("text", "place", "says", "hint"),
    [
        ("version: 1\nrules:\n- {id: a, verdict: pass, mathc: {}}", "3:26", "unknown key 'mathc' in rules[0]", "'match'"),
        ("version: 1\nrules:\n- id: a\n  verdict: pass\n  match: {sevrity: low}", "5:11", "unknown key 'sevrity' in rules[0].match", "'severity'"),
        ("version: 1\nrules:\n- {id: a, verdict: pass, severity: low}", "3:26", "unknown key 'severity' in rules[0]", "belongs in rules[].match"),
        ("version: 1\nzzz: 1", "2:1", "unknown key 'zzz'", "allowed: exclude"),
        ("version: 1\ntools: {}", "2:1", "'tools' may not be set here", "only the operator"),
        ("rules: []", "1:1", "missing key 'version'", "add 'version'"),
        ("verson: 1", "1:1", "missing key 'version'", "'verson' is probably meant"),
        ("version: 2", "1:10", "version: expected 1, found the number 2", "write 1"),
        ("version: 1\nexclude: 5", "2:10", "exclude: expected a list of words, found the number 5", ""),
        ("version: 1\nexclude: target", "2:10", "exclude: expected a list of words, found the text 'target'", "list"),
        ("version: 1\nexclude: [a, 5]", "2:14", "exclude[1]: expected text, found the number 5", "quotes"),
        ("version: 1\nname: 1.0", "2:7", "name: expected text, found the number 1.0", "put it in quotes"),
        ("version: 1\nname: ''", "2:7", "name: expected text, found nothing", "write at least one"),
        ("version: 1\nname: {{x}}", "2:8", "a list or mapping where a key is due", "quotes"),
        ("version: 1\nstrict: no", "2:9", "strict: expected true or false, found the text 'no'", "write false"),
        ("version: 1\nstrict: 'on'", "2:9", "expected true or false", "write true"),
        ("version: 1\nsince: 2026-02-30", "2:8", "since: expected a date as YYYY-MM-DD, found '2026-02-30'", ""),
        ("version: 1\nsince: 2026-02-03T00:00:00", "2:8", "expected a date as YYYY-MM-DD", ""),
        ("version: 1\nsince: 20260203", "2:8", "since: expected text, found the number", "quotes"),
        ("version: 1\nrules: {id: a}", "2:8", "rules: expected a list of mappings, found a mapping", "list"),
        ("version: 1\nrules:\n- {id: A, verdict: pass}", "3:8", "rules[0].id: expected an id of small letters, found 'A'", ""),
        ("version: 1\nrules:\n- {id: a, verdict: blok}", "3:20", "rules[0].verdict: 'blok' is not allowed", "did you mean 'block'? Allowed: block, review, pass"),
        ("version: 1\nrules:\n- {id: a, verdict: pass, max: -1}", "3:31", "rules[0].max: -1 is less than 0", ""),
        ("version: 1\nrules:\n- {id: a, verdict: pass, max: 1.0}", "3:31", "expected a whole number, found the number 1.0", ""),
        ("version: 1\nrules:\n- {id: a, verdict: pass, max: true}", "3:31", "expected a whole number, found true", ""),
        ("version: 1\nrules:\n- {id: a, verdict: pass, max: '2'}", "3:31", "expected a whole number, found the text '2'", "remove the quotes"),
        ("version: 1\nrules:\n- {id: a, verdict: pass, match: {severity: hihg}}", "3:44", "'hihg' is not allowed", "did you mean 'high'?"),
        ("version: 1\nrules:\n- {id: a, verdict: pass, match: {severity: [low, hihg]}}", "3:50", "rules[0].match.severity[1]: 'hihg' is not allowed", "'high'"),
        ("version: 1\nrules:\n- {id: a, verdict: pass, match: {severity: 3}}", "3:44", "expected a severity or a list of them, found the number 3", ""),
        ("- a", "1:1", "expected a mapping of keys, found a list", ""),
        ("# nothing\n", "1:1", "expected a mapping of keys, found nothing", ""),
        ("", "1:1", "expected a mapping of keys, found nothing", ""),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_schema(text: str, place: str, says: str, hint: str) -> None:
    error = refused(text)
    assert str(error).startswith(f"p.yaml:{place}: ")
    assert says in str(error)
    assert hint in error.hint


@pytest.mark.parametrize(
    ("text", "place", "says", "hint"),
    [
        ("a: 1\nb: 2\na: 3", "3:1", "the key 'a' is given twice", "line 1"),
        ("a: {b: 1, b: 2}", "1:11", "the key 'b' is given twice in a", "line 1"),
        ("a:\n\t- x", "2:1", "a tab cannot indent YAML", "spaces"),
        ("\ta: x", "1:1", "a tab cannot indent YAML", "spaces"),
        ("a: &x 1", "1:4", "an anchor ('&') is not allowed", "quotes"),
        ("a: *x", "1:4", "an alias ('*') is not allowed", "quotes"),
        ("a: **/*.lock", "1:4", "alias", "quotes"),
        ("<<: {a: 1}", "1:1", "merge key", "write the keys out"),
        ("a: !!python/object:os.system x", "1:4", "a tag", "'!' needs quotes"),
        ("a: !target x", "1:4", "a tag ('!target') is not allowed", "quotes"),
        ("%YAML 1.1\n---\na: yes", "1:1", "a YAML directive", "remove"),
        ("a: 1\n---\nb: 1", "2:1", "a second document", "one document"),
        ("owner: @sec", "1:8", "text that starts with '@' needs quotes", "single quotes"),
        ("s: >=high", "1:4", "text that starts with '>' needs quotes", "single quotes"),
        ("s: [>=high]", "1:5", "text that starts with '>' needs quotes", "single quotes"),
        ("s: `x`", "1:4", "text that starts with '`' needs quotes", "single quotes"),
        ('p: "\\d+"', "1:6", "unknown escape character 'd'", "single quotes"),
        ('p: "open\nb: 1\n', "1:4", "the quote that opens here is never closed", "close it"),
        ("p: [a,\n", "", "never closed", "close it"),
        ("a: b: c", "1:5", "a ':' that does not fit here", "quotes"),
        ("a:\n  - b\n - c", "3:2", "does not fit the lines above", "indentation"),
        ("- a\nb: c", "2:1", "does not fit the lines above", "indentation"),
        ("? [a]\n: b", "1:3", "where a key is due", "quotes"),
        ("a: \x07", "1:4", "a control character (U+0007)", "remove"),
        ("a: .inf", "1:4", "'.inf' is no number", "quotes"),
        ("a: .nan", "1:4", "'.nan' is no number", "quotes"),
        ("a: 1e999", "1:4", "too large", "quotes"),
        ("a: " + "9" * 5000, "1:4", "too many digits", "quotes"),
        ('a: "\\ud800"', "1:4", "half a character", "character itself"),
        ("a: " + "[" * 60, "", "nested deeper than 50", ""),
        ("\n".join("  " * n + "k:" for n in range(60)), "", "nested deeper than 50", ""),
        ("- " * 60 + "x", "", "nested deeper than 50", ""),
        ("x" * 1_000_001, "1:1", "larger than 1,000 kB", "split"),
        ("a: 1\n#" + "x" * 20_001, "2:1", "a line longer than 20,000 characters", "break"),
    ],
)
def test_what_is_not_strict_yaml(text: str, place: str, says: str, hint: str) -> None:
    error = refused(text, ANY)
    assert str(error).startswith(f"p.yaml:{place}")
    assert says in str(error)
    assert hint in error.hint
    assert "\n" not in str(error)


def test_ten_errors_in_order_of_position() -> None:
    error = refused("\n".join(f"key{n}: 1" for n in range(30)) + "\nversion: 1\n")
    lines = [str(one).split(": ")[0] for one in (error, *error.more)]
    assert lines == [f"p.yaml:{n}:1" for n in range(1, 11)]


def test_errors_of_one_place_do_not_hide_those_of_another() -> None:
    error = refused("version: 1\nrules:\n- {id: a, verdict: pas}\n- {id: b, verdict: pass, mx: 1}\n")
    assert "'pas' is not allowed" in str(error)
    assert [str(one) for one in error.more] == ["p.yaml:4:26: unknown key 'mx' in rules[1]"]


def test_an_empty_document_can_stand_for_something() -> None:
    document = documents.load("# only a comment\n", file="p.yaml", schema={"type": "object"}, empty={})
    assert document.data == {}


def test_hostile_words_do_not_reach_the_message() -> None:
    error = refused('version: 1\n"\\e[31m::error::x\\n\\u202e": 1')
    assert "\x1b" not in str(error)
    assert "\u202e" not in str(error)
    assert "\n" not in str(error)


BOMBS = {
    "billion laughs": "a: &a [x, x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)),
    "opened lists": "[" * 20_000,
    "opened lists on lines": "[\n" * 300_000,
    "opened mappings": "{" * 20_000,
    "mappings in mappings": "{a: " * 5_000,
    "mappings in mappings on lines": "{a: \n" * 150_000,
    "question marks": "? " * 10_000,
    "dashes": "- " * 10_000,
    "one long word": "a: " + "x" * 19_000,
    "one long quoted word": 'a: "' + "x" * 19_000 + '"',
    "many tags": "!" * 20_000,
    "tags on lines": "!\n" * 300_000,
    "anchors": "&a " * 6_000,
    "colons": ":" * 20_000,
    "colons apart": ": " * 10_000,
    "comments": "#\n" * 300_000,
    "blank lines": "\n" * 300_000,
    "folded lines": "a: x\n" + "  y\n" * 30_000,
    "escapes": 'a: "' + "\\x41" * 4_000 + '"',
    "an open quote": "'" + "\n" * 300_000,
    "digits": "a: " + "1" * 19_000,
    "one line": "x" * 900_000,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_no_document_hangs_or_crashes(name: str) -> None:
    started = time.process_time()
    try:
        documents.load(BOMBS[name], file="p.yaml", schema=ANY)
    except SettingsError as error:
        assert str(error).startswith("p.yaml:")  # noqa: PT017
    assert time.process_time() - started < 10


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from(list("ab:-?[]{}&*!|>'\"%@`#,\\ \n\t01.~<=\x00\x85\u2028\ufeffé")), max_size=60))
def test_any_text_is_a_document_or_a_settings_error(text: str) -> None:
    try:
        document = documents.load(text, file="p.yaml", schema=SCHEMA)
    except SettingsError as error:
        assert str(error).startswith("p.yaml:")  # noqa: PT017
    else:
        assert document.data["version"] == 1


def test_a_mangled_key_is_found_wherever_it_stands() -> None:
    for wrong, right in (("severty", "severity"), ("SEVERITY", "severity"), ("pat", "path"), ("paths", "path")):
        error = refused(f"version: 1\nrules: [{{id: a, verdict: pass, match: {{{wrong}: low}}}}]")
        assert error.hint == f"did you mean '{right}'?"


@pytest.mark.parametrize(
    ("word", "choices", "meant"),
    [
        ("hihg", ["high", "low"], "high"),
        ("High", ["high", "low"], "high"),
        ("dependency", ["dependencies", "secrets"], "dependencies"),
        ("supply_chain", ["supply-chain"], "supply-chain"),
        ("secret", ["secrets"], "secrets"),
        ("xyzzy", ["high", "low"], None),
        ("", ["high"], None),
    ],
)
def test_closest(word: str, choices: list[str], meant: str | None) -> None:
    assert documents.closest(word, choices) == meant


# --- TOML

TABLE = ("tool", "magray-sec")
PYPROJECT = """\
[project]
name = "x"

[tool.magray-sec]
version = 1
exclude = [
  "a",
]
rules = [{id = "a", verdict = "blok"}]

[tool.other]
rules = 1
"""


def table(text: str) -> documents.Document | None:
    return documents.load_table(text, file="pyproject.toml", table=TABLE, schema=SCHEMA)


def test_a_table_of_a_toml_document() -> None:
    document = table(PYPROJECT.replace("blok", "block"))
    assert document is not None
    assert document.data == {"version": 1, "exclude": ["a"], "rules": [{"id": "a", "verdict": "block"}]}
    assert document.line(("exclude", 0)) == 6
    assert document.line(()) == 4


def test_no_table_is_none() -> None:
    assert table("[project]\nname = 'x'\n") is None
    assert table("[project]\ndependencies = ['magray-sec']\n") is None
    assert table("this is = not TOML = [") is None


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        (PYPROJECT, "9:1", "rules[0].verdict: 'blok' is not allowed"),
        ("[tool.magray-sec]\nversion = 1\nexlude = []", "3:1", "unknown key 'exlude'"),
        ("[tool.magray-sec]\nversion = 1\n[[tool.magray-sec.rules]]\nid = 'a'\nverdict = 'no'", "5:1", "'no' is not allowed"),
        ("tool.magray-sec.version = 3", "1:1", "expected 1, found the number 3"),
        ("[tool.magray-sec]\nversion = = 1", "2:11", "not TOML"),
        ("[tool.magray-sec]\nversion = 1\nversion = 1", "", "not TOML"),
        ("[tool]\nmagray-sec = 3", "2:1", "expected a mapping of keys, found the number 3"),
        ("[tool.magray-sec]\nversion = 1\nsince = 2026-01-02T03:04:05", "3:1", "expected a date"),
        ("[tool.magray-sec]\nversion = nan", "", "no number"),
        ("[tool.magray-sec]\nversion = " + "[" * 5000, "", "nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_toml_table(text: str, place: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        table(text)
    assert str(caught.value).startswith(f"pyproject.toml:{place}")
    assert says in str(caught.value)


def test_a_toml_date_is_a_date() -> None:
    document = table("[tool.magray-sec]\nversion = 1\nsince = 2026-01-02")
    assert document is not None
    assert document.data["since"] == "2026-01-02"


# --- files


def test_read(tmp_path) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes("a: é\r\n".encode())
    assert documents.read(str(path), file="p.yaml") == "a: é\r\n"


def test_read_refuses_what_is_not_a_small_utf_8_file(tmp_path) -> None:
    def refusal(name: str) -> str:
        with pytest.raises(SettingsError) as caught:
            documents.read(str(tmp_path / name), file=name)
        return str(caught.value)

    (tmp_path / "latin").write_bytes(b"ok: 1\nn\xe4me: \xe4")
    assert refusal("latin").startswith("latin:2:2: not UTF-8")
    (tmp_path / "large").write_bytes(b"#" * 1_000_001)
    assert "larger than" in refusal("large")
    assert "cannot be read" in refusal("absent")
    assert "not a regular file" in refusal(".") or "cannot be read" in refusal(".")
    os.mkfifo(tmp_path / "fifo")
    assert "not a regular file" in refusal("fifo")
    assert "not a path" in refusal("a\0b")


def test_read_follows_no_link_out_of_the_root(tmp_path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret.yaml").write_text("a: 1")
    (root / "real.yaml").write_text("b: 1")
    (root / "out.yaml").symlink_to(tmp_path / "secret.yaml")
    (root / "in.yaml").symlink_to("real.yaml")
    resolved = os.path.realpath(root)
    assert documents.read(str(root / "in.yaml"), file="in.yaml", root=resolved) == "b: 1"
    with pytest.raises(SettingsError, match="leads out of the target"):
        documents.read(str(root / "out.yaml"), file="out.yaml", root=resolved)
