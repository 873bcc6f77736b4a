"""A cache speeds things up or does nothing; it never decides what is found."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import hyperscan
import pytest

import patterns
from magray_sec import _kept as cache
from magray_sec.errors import SettingsError
from magray_sec.model.run import File
from magray_sec.regex import compile as compiling
from magray_sec.regex.compile import Databases, compile_rules
from magray_sec.regex.pack import load_packs
from magray_sec.regex.scan import Engine

RULES = patterns.ruleset(patterns.rule("abc", "a"), patterns.rule("[0-9]{4}x", "b"))


def finds(databases: Databases) -> bool:
    engine = Engine(RULES, databases)
    return [found.rule.title for found in engine.examine("f", b"abc 1234x")] == ["a", "b"]


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many expressions were compiled, call by call."""
    calls: list[int] = []
    real = compiling._database

    def count(expressions: list[str]) -> hyperscan.Database:
        calls.append(len(expressions))
        return real(expressions)

    monkeypatch.setattr(compiling, "_database", count)
    return calls


def entry(folder: Path, suffix: str = ".hsdb") -> Path:
    (found,) = (folder / "regex").glob(f"*{suffix}")
    return found


def test_what_was_kept_is_recalled(tmp_path: Path) -> None:
    folder = str(tmp_path / "c")
    cache.keep(folder, "x", b"content")
    assert cache.recall(folder, "x") == b"content"
    assert cache.recall(folder, "y") is None
    assert cache.recall(None, "x") is None
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(os.path.join(folder, "x")).st_mode) == 0o600
    assert os.listdir(folder) == ["x"]


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: data + b"x", lambda data: data[:60] + b"?" + data[61:], lambda _: b""],
)
def test_what_is_damaged_is_not_recalled(tmp_path: Path, damage: object) -> None:
    folder = str(tmp_path / "c")
    cache.keep(folder, "x", b"content" * 20)
    path = Path(folder, "x")
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    assert cache.recall(folder, "x") is None


def test_one_entry_is_not_taken_for_another(tmp_path: Path) -> None:
    folder = str(tmp_path / "c")
    cache.keep(folder, "x", b"content")
    os.rename(os.path.join(folder, "x"), os.path.join(folder, "y"))
    assert cache.recall(folder, "y") is None


def test_what_others_may_have_written_is_not_recalled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "c"
    cache.keep(str(folder), "x", b"content")
    (folder / "x").chmod(0o666)
    assert cache.recall(str(folder), "x") is None
    (folder / "x").chmod(0o600)
    folder.chmod(0o755)
    assert cache.recall(str(folder), "x") == b"content"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700, "closed to others"
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert cache.recall(str(folder), "x") is None
    cache.keep(str(folder), "z", b"content")
    assert not (folder / "z").exists()


def test_links_are_not_followed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "c", tmp_path / "d"
    cache.keep(str(elsewhere), "x", b"content")
    os.symlink(elsewhere, folder)
    assert cache.recall(str(folder), "x") is None
    cache.keep(str(folder), "y", b"content")
    assert not (elsewhere / "y").exists()
    os.unlink(folder)
    folder.mkdir(0o700)
    os.symlink(elsewhere / "x", folder / "x")
    assert cache.recall(str(folder), "x") is None


def test_old_entries_are_swept_out(tmp_path: Path) -> None:
    for number in range(40):
        cache.keep(str(tmp_path), f"{number}", b"content", most=20)
        os.utime(tmp_path / f"{number}", (number, number))
    assert len(list(tmp_path.iterdir())) == 20
    assert cache.recall(str(tmp_path), "39") == b"content"
    cache.keep(str(tmp_path), "large", b"x" * 1000, most_bytes=1)
    assert [path.name for path in tmp_path.iterdir()] == ["large"]


def test_a_database_is_compiled_once(tmp_path: Path, compiled: list[int]) -> None:
    assert finds(compile_rules(RULES, str(tmp_path)))
    assert finds(compile_rules(RULES, str(tmp_path)))
    assert compiled == [2]
    compile_rules(patterns.ruleset(patterns.rule("abcd")), str(tmp_path)).prepare([0])
    assert compiled == [2, 1]


def test_only_what_looks_at_the_files_is_compiled(tmp_path: Path, compiled: list[int]) -> None:
    rust = [patterns.rule(word, word, languages=("rust",)) for word in ("let", "mut", "impl")]
    made = patterns.ruleset(patterns.rule("abc", "a"), *rust, patterns.rule("from", languages=("python",)))
    databases = compile_rules(made, str(tmp_path))
    assert compiled == []
    engine = Engine(made, databases)
    engine.scan([File(path="a.txt", size=3)], lambda _: b"abc")
    assert compiled == [1]
    engine.scan([File(path="a.rs", size=3), File(path="b.rs", size=3)], lambda _: b"abc", jobs=2)
    assert compiled == [1, 3]
    Engine(made, compile_rules(made, str(tmp_path))).scan([File(path="a.rs", size=3)], lambda _: b"abc")
    assert compiled == [1, 3]
    # One rule more for Python, and that database alone is another one.
    more = patterns.ruleset(*made.rules, patterns.rule("yield", languages=("python",)))
    compile_rules(more, str(tmp_path)).prepare(range(3), jobs=2)
    assert compiled == [1, 3, 2]


def test_a_library_or_flags_of_another_kind_has_a_database_of_its_own(
    tmp_path: Path, compiled: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for count, change in enumerate(
        ((compiling.hyperscan, "__version__"), (compiling, "_FLAGS"), (compiling, "_FORMAT"))
    ):
        compile_rules(RULES, str(tmp_path)).prepare([0])
        assert len(compiled) == count + 1
        value = getattr(*change)
        other = {str: "0", int: 0, bytes: b"0"}[type(value)]
        monkeypatch.setattr(*change, other)


@pytest.mark.parametrize("flip", [0, 30, 90, 200, 2000, -1])
def test_a_flipped_bit_never_reaches_hyperscan(
    tmp_path: Path, compiled: list[int], monkeypatch: pytest.MonkeyPatch, flip: int
) -> None:
    compile_rules(RULES, str(tmp_path)).prepare([0])
    path = entry(tmp_path)
    data = bytearray(path.read_bytes())
    data[flip] ^= 4
    path.write_bytes(data)
    with monkeypatch.context() as patch:
        patch.setattr(hyperscan, "loadb", lambda *_: pytest.fail("it was loaded"))
        assert finds(compile_rules(RULES, str(tmp_path)))
    assert compiled == [2, 2]
    assert finds(compile_rules(RULES, str(tmp_path)))
    assert compiled == [2, 2], "and it was kept anew"


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o720])
def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path, compiled: list[int], mode: int) -> None:
    compile_rules(RULES, str(tmp_path)).prepare([0])
    (tmp_path / "regex").chmod(mode)
    before = entry(tmp_path).read_bytes()
    assert finds(compile_rules(RULES, str(tmp_path)))
    assert compiled == [2, 2]
    assert entry(tmp_path).read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"garbage", b"\0" * 4096])
def test_a_damaged_database_is_compiled_anew(tmp_path: Path, compiled: list[int], content: bytes) -> None:
    compile_rules(RULES, str(tmp_path)).prepare([0])
    entry(tmp_path).write_bytes(content)
    assert finds(compile_rules(RULES, str(tmp_path)))
    # Ours by its digest, and yet no database: of another processor, or of a library with the same version.
    cache.keep(str(tmp_path / "regex"), entry(tmp_path).name, content)
    assert finds(compile_rules(RULES, str(tmp_path)))
    assert compiled == [2, 2, 2]


@pytest.mark.parametrize("place", ["file", "missing/\0", "readonly"])
def test_without_a_cache_all_works(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("not a folder")
    if place == "readonly":
        (tmp_path / place).mkdir(0o500)
    folder = str(tmp_path / place)
    if "\0" in place:
        folder = os.path.join(os.sep, "dev", "null", "cache")
    assert finds(compile_rules(RULES, folder))


PACK = """\
version: 1
pack: test
rules:
  - {id: abc, domain: secrets, title: t, description: d, help: h, severity: low, confidence: high, pattern: abc,
     examples: {match: [abc], no_match: [abd]}}
"""


def test_a_pack_is_validated_once_and_anew_when_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(PACK)
    folder = str(tmp_path / "cache")
    first = load_packs([str(path)], folder)
    monkeypatch.setattr("magray_sec.regex.pack.load", lambda *_, **__: pytest.fail("validated again"))
    assert load_packs([str(path)], folder) == first
    monkeypatch.undo()
    path.write_text(PACK.replace("severity: low", "severity: none"))
    with pytest.raises(SettingsError, match="severity"):
        load_packs([str(path)], folder)
    path.write_text(PACK)
    kept = entry(Path(folder), ".pack")
    cache.keep(folder + "/regex", kept.name, b"\xc1")
    assert load_packs([str(path)], folder) == first


def test_a_pack_from_the_cache_says_where_it_was_loaded_from_now(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(PACK)
        (pack,) = load_packs([str(tmp_path / name)], str(tmp_path / "cache")).packs
        assert pack.file == str(tmp_path / name)
