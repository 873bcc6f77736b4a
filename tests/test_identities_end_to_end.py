"""What a problem is called stays the same while the file around it changes, for every scanner that names a place; a
copy of a flawed line is exactly one more. Through the real command line.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from command_line import scan, surroundings
from magray_sec.regex.examples import fill
from planting import DATABASE, SECRET_RULE, sample, token
from replays import SCANNERS, lay_over_all
from trees import write

TEXTS = (".rs", ".sh", ".env", ".toml", ".lock", ".pem")
SETTINGS = "config/settings.env"
KEY = "config/key.pem"
CODE = "src/flawed.rs"
SCRIPT = "scripts/flawed.sh"
HASH = "let digest = md5::compute(data);"


def tree(root: Path) -> Path:
    """The sample and every scanner's fixture, with secrets, dangerous and unsafe code more than once in a file."""
    made = sample(
        root,
        {
            SETTINGS: f"A={token('a')}\n\n# one more\nB={token('b')}\nPAIR={token('c')} {token('d')}\n",
            KEY: fill("{{pem:RSA}}\n\n{{pem:EC}}\n", "identities"),
            CODE: f"fn hash(data: &[u8]) {{\n    {HASH}\n    let other = Md5::new();\n}}\n\n"
            "pub fn read(at: *const u8) -> u8 {\n    unsafe { *at }\n}\n",
            SCRIPT: "#!/bin/sh\nset -e\ncurl -k https://example.org/x -o x\nif true; then\n    md5sum -c x; sha1sum -c y\nfi\n",
        },
    )
    return lay_over_all(made)


Change = Callable[[str, set[int]], str]


def lines_above(text: str, _: set[int]) -> str:
    """Forty lines more at the top; what a script is stays on its first line."""
    first, rest = re.fullmatch(r"(#![^\n]*\n)?(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    return (first or "") + "\n" * 40 + rest


def line_directly_above(text: str, flawed: set[int]) -> str:
    """An empty line more above every line that something was found on."""
    lines = text.splitlines(keepends=True)
    return "".join(("\n" if number in flawed else "") + line for number, line in enumerate(lines, 1))


def indented(text: str, _: set[int]) -> str:
    """Every line further to the right, but the one that says what a script is."""
    return re.sub(r"^(?!#!)(?=[^\n])", "\t  ", text, flags=re.MULTILINE)


def other_line_ends(text: str, _: set[int]) -> str:
    """CRLF, and none at the end of the file."""
    return text.removesuffix("\n").replace("\n", "\r\n")


CHANGES: Mapping[str, Change] = {
    change.__name__: change for change in (lines_above, line_directly_above, indented, other_line_ends)
}
Look = Callable[[Path], list[Any]]


@pytest.fixture(scope="module")
def look(tmp_path_factory: pytest.TempPathFactory, warm_cache: Path) -> Look:
    """The findings of a tree."""

    def findings(root: Path) -> list[Any]:
        folder = tmp_path_factory.mktemp("look")
        environment = surroundings(folder, XDG_CACHE_HOME=str(warm_cache))
        scanned = scan(root, *DATABASE, "--offline", environment=environment, reports=folder, full=False)
        assert scanned.json is not None, scanned.said
        return list(scanned.json["findings"])

    return findings


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, look: Look) -> list[Any]:
    return look(tree(tmp_path_factory.mktemp("before") / "tree"))


def names(findings: list[Any]) -> Counter[str]:
    return Counter(f"{finding['rule']} {finding['location']['path']} {finding['identity']}" for finding in findings)


def test_there_is_something_to_follow(before: list[Any]) -> None:
    """Of every domain that a place belongs to, and more than one in a file."""
    files = Counter((finding["domain"], finding["location"]["path"]) for finding in before)
    assert files["secrets", SETTINGS] == 4
    assert files["secrets", KEY] == 2
    assert files["code", CODE] >= 2
    assert files["code", SCRIPT] >= 3
    assert files["dependencies", "Cargo.lock"] == 7
    assert {finding["domain"] for finding in before} >= {"secrets", "code", "dependencies"}


@pytest.mark.parametrize("adapter", SCANNERS)
def test_every_scanner_found_something(adapter: str, before: list[Any]) -> None:
    assert adapter in {witness["tool"] for finding in before for witness in finding["witnesses"]}


def test_no_two_problems_have_one_name(before: list[Any]) -> None:
    own = [finding for finding in before if finding["location"]["path"] in (SETTINGS, KEY, CODE, "Cargo.lock")]
    assert Counter(finding["identity"] for finding in own).most_common(1)[0][1] == 1


@pytest.mark.parametrize("change", CHANGES)
def test_names_stay(change: str, before: list[Any], look: Look, tmp_path: Path) -> None:
    root = tree(tmp_path / "tree")
    changed = 0
    for path in sorted(root.rglob("*")):
        if path.suffix in TEXTS:
            own = [f for f in before if f["location"]["path"] == str(path.relative_to(root))]
            flawed = {f["location"]["region"]["start_line"] for f in own if f["location"].get("region")}
            text = path.read_bytes().decode("utf-8")
            path.write_bytes(CHANGES[change](text, flawed).encode("utf-8"))
            changed += path.read_bytes().decode("utf-8") != text
    assert changed > 5
    after = look(root)
    assert names(after) == names(before)
    if change == "lines_above":
        moved = {
            f["identity"]: f["location"]["region"]["start_line"] for f in before if f["location"]["path"] == SETTINGS
        }
        now = {f["identity"]: f["location"]["region"]["start_line"] for f in after if f["location"]["path"] == SETTINGS}
        assert now == {name: line + 40 for name, line in moved.items()}


def test_a_copy_of_a_flawed_line_is_one_more(before: list[Any], look: Look, tmp_path: Path) -> None:
    root = tree(tmp_path / "tree")
    for path, line in ((SETTINGS, f"A={token('a')}\n"), (CODE, f"    {HASH}\n")):
        text = (root / path).read_text()
        assert text.count(line) == 1
        (root / path).write_text(text.replace(line, line * 2))
    after = look(root)
    more = names(after) - names(before)
    assert not names(before) - names(after)
    assert sorted(name.split(" ")[1] for name in more.elements()) == [SETTINGS, CODE]
    assert all(names(before)[name] == 1 for name in more)


def test_two_on_one_line_are_two(before: list[Any], look: Look, tmp_path: Path) -> None:
    """Two secrets, two flaws of one rule in a script, two in Rust."""
    root = write(
        tmp_path / "tree",
        {
            "a.env": f"PAIR={token('c')} {token('d')}\n",
            "a.sh": "#!/bin/sh\nmd5sum -c x; md5sum -c y\n",
            "a.rs": "fn f() { let a = md5::compute(x); let b = md5::compute(y); }\n",
        },
    )
    found = look(root)
    places = Counter((f["rule"], f["location"]["path"]) for f in found)
    assert places[SECRET_RULE, "a.env"] == 2
    assert places["code/weak-checksum", "a.sh"] == 2, json.dumps(found)[:2000]
    assert places["code/weak-hash", "a.rs"] == 2, json.dumps(found)[:2000]
    columns = {f["location"]["region"]["start_column"] for f in found if f["location"]["path"] == "a.env"}
    assert columns == {6, 47}
