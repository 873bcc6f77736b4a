"""Whatever stands in a rule pack: rules, or an error with its place, in no time."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from magray_sec.errors import SettingsError
from magray_sec.regex.pack import load_packs
from magray_sec.regex.written import written
from test_pack_mistakes import PACK

_QUICK = settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
_WORDS = st.sampled_from(
    ["a", "(", "[", "(?i)é", "a{9}", "\\pL", "x|", "{{hex:9}}", "{{hex:x}}", "CWE-1", "high", "code", "workflows", "rust", "!", "\\"]
)  # fmt: skip
_VALUES = st.recursive(
    st.one_of(_WORDS, st.text(max_size=6), st.integers(-2, 9), st.booleans(), st.none(), st.floats()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["match", "include", "words", "line", "x"]), inner)
    ),
    max_leaves=5,
)
_PLACES = st.sampled_from(
    [
        (), ("version",), ("pack",), ("languages",), ("reject",), ("reject", 0), ("reject", 0, "paths"), ("rules",), ("rules", 0),
        ("rules", 0, "id"), ("rules", 0, "domain"), ("rules", 0, "cwe"), ("rules", 0, "pattern"), ("rules", 0, "keywords"),
        ("rules", 0, "keywords_in"), ("rules", 0, "entropy"), ("rules", 0, "paths"), ("rules", 0, "paths", "include"),
        ("rules", 0, "paths", "matching"), ("rules", 0, "reject"), ("rules", 0, "reject", 0), ("rules", 0, "reject", 0, "token"),
        ("rules", 0, "examples"), ("rules", 0, "examples", "match"), ("rules", 0, "examples", "no_match", 0),
        ("rules", 0, "checksum"), ("rules", 0, "languages"), ("rules", 0, "aliases"), ("rules", 0, "comments"),
        ("rules", 0, "ignore_case"), ("rules", 0, "generic"), ("rules", 0, "preview"), ("rules", 0, "anything"),
    ]
)  # fmt: skip
_BASE: dict[str, Any] = {
    "version": 1,
    "pack": "p",
    "reject": [{"words": ["a"]}],
    "rules": [
        {
            "id": "r",
            "domain": "secrets",
            "title": "t",
            "description": "d",
            "help": "h",
            "severity": "high",
            "confidence": "low",
            "pattern": "abc[a-z]{9}",
            "paths": {"include": ["*.a"]},
            "reject": [{"token": ["x"], "line": ["y"]}],
            "examples": {"match": ["abc{{lower:9}}"], "no_match": ["b"]},
        }
    ],
}


def planted(value: Any, place: tuple[str | int, ...], what: Any) -> Any:
    if not place:
        return what
    step, *rest = place
    if isinstance(value, list) and isinstance(step, int):
        return [planted(entry, tuple(rest), what) if index == step else entry for index, entry in enumerate(value)]
    if isinstance(value, dict):
        return {**value, step: planted(value.get(step), tuple(rest), what)}
    return what


def read(folder: Any, text: str) -> str:
    """What becomes of a pack: `rules`, or the error."""
    path = folder / "p.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    began = time.monotonic()
    try:
        said = "rules" if load_packs([str(path)], None).rules else "none"
    except SettingsError as error:
        said = str(error)
        assert said.startswith(f"{path}:")
        assert said.removeprefix(f"{path}:").split(":")[0].isdigit()
    assert time.monotonic() - began < 20
    return said


@_QUICK
@given(data=st.lists(st.tuples(_PLACES, _VALUES), min_size=1, max_size=3))
def test_values_of_any_kind_at_any_place(tmp_path_factory: pytest.TempPathFactory, data: list[Any]) -> None:
    made: Any = _BASE
    for place, value in data:
        made = planted(made, place, value)
    text = written(made) if isinstance(made, dict) else repr(made)
    assert read(tmp_path_factory.mktemp("fuzz"), text)


@_QUICK
@given(at=st.integers(0, len(PACK)), length=st.integers(0, 30), what=st.text(max_size=20))
def test_a_pack_with_a_piece_replaced(
    tmp_path_factory: pytest.TempPathFactory, at: int, length: int, what: str
) -> None:
    assert read(tmp_path_factory.mktemp("fuzz"), PACK[:at] + what + PACK[at + length :])


@_QUICK
@given(pattern=st.text(alphabet="ab()[]{}|*+?^$\\.-,:pLQExz0193é<>PisU=!", max_size=24), ignore_case=st.booleans())
def test_any_pattern(tmp_path_factory: pytest.TempPathFactory, pattern: str, *, ignore_case: bool) -> None:
    made = planted(planted(_BASE, ("rules", 0, "pattern"), pattern), ("rules", 0, "ignore_case"), ignore_case)
    assert read(tmp_path_factory.mktemp("fuzz"), written(made))


@_QUICK
@given(data=st.dictionaries(st.sampled_from(["a", "b", "c"]), _VALUES, min_size=1))
def test_what_is_written_is_what_is_read(tmp_path_factory: pytest.TempPathFactory, data: dict[str, Any]) -> None:
    from magray_sec.documents import load

    try:
        document = load(written(data), file="p", schema={})
    except SettingsError:
        return  # what YAML has no way to say, such as a number without end
    assert document.data == data or "nan" in repr(data)
