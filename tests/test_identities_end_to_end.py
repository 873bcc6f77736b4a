"""What a problem is called stays the same while the file around it changes, for every scanner that names a place; a
copy of a flawed line is exactly one more. Through the real command line for scanners that can be run here; for programs,
what was recorded is told again with its places where they have moved to.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cases import Scene, heard, lay_out
from command_line import scan, surroundings
from magray_sec.model.adapter import Interpretation
from magray_sec.model.finding import Place, Sighting
from magray_sec.model.run import Limits
from magray_sec.model.scale import Domain
from magray_sec.normalize import normalize
from magray_sec.regex.examples import fill
from magray_sec.scopes import Wanted
from magray_sec.scopes import look as look_at
from planting import DATABASE, SECRET_RULE, sample, token
from replays import PROGRAMS, SCANNERS, case_of, lay_over_all
from trees import git, write

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
    """An empty line more above every line that something was found on, but for what a script is."""
    lines = text.splitlines(keepends=True)
    flawed = {number for number in flawed if not lines[number - 1 : number] or not lines[number - 1].startswith("#!")}
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
        git(root, "init", "-q")
        git(root, "add", "-A", "-f")
        git(root, "commit", "-qm", "one", "--allow-empty")
        options = (*DATABASE, "--offline", "--history")
        scanned = scan(root, *options, environment=environment, reports=folder, full=False)
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


@pytest.mark.parametrize("adapter", sorted({*SCANNERS} - {*PROGRAMS}))
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


# Programs: the places of what they saw move with the lines.


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Where the lines of a text have gone. `lines`: old number -> new number; `indent`: by how many bytes to the right."""

    old: bytes
    new: bytes
    lines: Mapping[int, int]
    indent: Mapping[int, int]

    def place(self, place: Place) -> Place:
        """The same place in the new text."""
        if place.span:
            start, end = (self._offset(at) for at in place.span)
            return replace(place, span=(start, end))
        return replace(
            place,
            start_line=self.lines.get(place.start_line or 0, place.start_line),
            end_line=self.lines.get(place.end_line or 0, place.end_line),
            start_column=self._column(place.start_line, place.start_column),
            end_column=self._column(place.end_line or place.start_line, place.end_column),
        )

    def _column(self, line: int | None, column: int | None) -> int | None:
        return column and column + self.indent.get(line or 0, 0)

    def _offset(self, at: int) -> int:
        line = self.old.count(b"\n", 0, at) + 1
        column = at - (self.old.rfind(b"\n", 0, at) + 1)
        starts = [0, *(match.end() for match in re.finditer(b"\n", self.new))]
        return starts[self.lines[line] - 1] + self.indent.get(line, 0) + column


def moved(old: str, change: Change, flawed: set[int]) -> Moved:
    """The text after a change, and where its lines are: each is told by a mark that is put on it first."""
    lines = old.split("\n")
    marked = [f"{line}\x00{number}\x00" if line else line for number, line in enumerate(lines, 1)]
    told = change("\n".join(marked), flawed).replace("\r\n", "\n").split("\n")
    places: dict[int, int] = {}
    indent: dict[int, int] = {}
    for number, line in enumerate(told, 1):
        if match := re.fullmatch(r"(.*)\x00(\d+)\x00", line, re.DOTALL):
            places[int(match[2])] = number
            indent[int(match[2])] = len(match[1]) - len(lines[int(match[2]) - 1])
    return Moved(old=old.encode(), new=change(old, flawed).encode(), lines=places, indent=indent)


def told_again(scene: Scene, change: Change) -> tuple[Counter[str], Counter[str], int]:
    """What the recorded sightings are called before and after a change of every text that they are in, and in how many
    of these there was a change.
    """
    before = called(scene, heard(scene))
    interpretation = heard(scene)
    by_path: dict[str, list[Sighting]] = {}
    for sighting in interpretation.sightings:
        if sighting.place and not sighting.place.commit:
            by_path.setdefault(str(scene_path(scene, sighting.place)), []).append(sighting)
    texts: dict[str, Moved] = {}
    for path, sightings in by_path.items():
        data = Path(path).read_bytes() if Path(path).is_file() else b"\r"
        if b"\r" in data or not _is_text(data):
            continue
        regions = [lines_of(sighting.place, data) for sighting in sightings if sighting.place]
        within = {number for first, last in regions for number in range(first + 1, last + 1)}
        texts[path] = moved(data.decode(), change, {first for first, _ in regions} - within)
        Path(path).write_bytes(texts[path].new)
    after = []
    for sighting in interpretation.sightings:
        text = texts.get(str(scene_path(scene, sighting.place))) if sighting.place else None
        place = text.place(sighting.place) if text and sighting.place else sighting.place
        after.append(replace(sighting, place=place))
    changed = sum(text.old != text.new for text in texts.values())
    return before, called(scene, replace(interpretation, sightings=tuple(after))), changed


def lines_of(place: Place, data: bytes) -> tuple[int, int]:
    """The first line and the last of a place in a file; zero where it has none."""
    if place.span:
        first, last = (data.count(b"\n", 0, at) + 1 for at in (place.span[0], place.span[1] - 1))
        return first, last
    return place.start_line or 0, place.end_line or place.start_line or 0


def _is_text(data: bytes) -> bool:
    try:
        return "\0" not in data.decode("utf-8")
    except UnicodeDecodeError:
        return False


def scene_path(scene: Scene, place: Place) -> Path:
    """A place's file; a tool's path is absolute, or relative to the target."""
    return Path(scene.target.root) / place.path


def called(scene: Scene, interpretation: Interpretation) -> Counter[str]:
    """The names of what a scanner saw in the target as it is now."""
    source = look_at(scene.target.root, Limits(), Wanted()).source
    findings = normalize([interpretation], source, {scene.adapter.id: scene.adapter}, anchor="").findings
    return Counter(f"{finding.rule.id} {finding.location.path} {finding.identity}" for finding in findings)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("adapter", PROGRAMS)
def test_the_names_of_what_programs_see_stay(adapter: str, change: str, tmp_path: Path) -> None:
    before, after, changed = told_again(lay_out(case_of(adapter), tmp_path), CHANGES[change])
    assert before
    assert changed
    assert after == before


@pytest.mark.parametrize("adapter", PROGRAMS)
def test_a_copy_of_a_line_that_a_program_sees_is_one_more(adapter: str, tmp_path: Path) -> None:
    """Of a finding that is named by what stands in its place; packages are named by themselves."""
    scene = lay_out(case_of(adapter), tmp_path)
    before, interpretation = called(scene, heard(scene)), heard(scene)
    by_line: dict[tuple[str, int], list[Sighting]] = {}
    for sighting in interpretation.sightings:
        place = sighting.place
        if place and place.start_line and place.end_line in (None, place.start_line) and not sighting.package:
            by_line.setdefault((str(scene_path(scene, place)), place.start_line), []).append(sighting)
    alone = [key for key, entries in sorted(by_line.items()) if len(entries) == 1 and entries[0].domain in COPIED]
    if not alone:
        assert not [key for key, entries in by_line.items() if entries[0].domain in COPIED and len(entries) == 1]
        return
    path, line = alone[0]
    lines = Path(path).read_bytes().split(b"\n")
    Path(path).write_bytes(b"\n".join([*lines[:line], lines[line - 1], *lines[line:]]))
    after = []
    for sighting in interpretation.sightings:
        place = sighting.place
        if place and str(scene_path(scene, place)) == path and (place.start_line or 0) > line:
            last = place.end_line and place.end_line + 1
            place = replace(place, start_line=(place.start_line or 0) + 1, end_line=last)
        after.append(replace(sighting, place=place))
    (twin,) = [sighting for sighting in heard(scene).sightings if same_place(scene, sighting, path, line)]
    assert twin.place
    last = twin.place.end_line and twin.place.end_line + 1
    after.append(replace(twin, place=replace(twin.place, start_line=line + 1, end_line=last)))
    now = called(scene, replace(interpretation, sightings=tuple(after)))
    assert not before - now
    assert sum((now - before).values()) == 1


COPIED = (Domain.CODE, Domain.SECRETS, Domain.WORKFLOWS)


def same_place(scene: Scene, sighting: Sighting, path: str, line: int) -> bool:
    """Whether it starts on that line of that file."""
    place = sighting.place
    return bool(place and str(scene_path(scene, place)) == path and place.start_line == line)
