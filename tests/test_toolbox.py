from __future__ import annotations

import os
from pathlib import Path

import pytest

from magray_sec.model.run import Tool
from magray_sec.toolbox import locate


def program(folder: Path, name: str = "tool", mode: int = 0o755) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return str(path)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def find(
    target: Path, path: str = "", operator: dict[str, str] | None = None, package_dirs: tuple[str, ...] = ()
) -> Tool:
    return locate("tool", operator=operator or {}, path=path, package_dirs=package_dirs, target_root=str(target))


def test_the_operators_path_then_path_then_the_package(tmp_path: Path, target: Path) -> None:
    chosen = program(tmp_path / "own", "other-name")
    first, second, packaged = (program(tmp_path / name) for name in ("one", "two", "package"))
    path = f"{tmp_path}/none:{tmp_path}/one:{tmp_path}/two"
    package = (f"{tmp_path}/package",)
    assert find(target, path, {"tool": chosen}, package) == Tool(name="tool", path=chosen, found_by="operator")
    assert find(target, path, {"another": chosen}, package) == Tool(name="tool", path=first, found_by="path")
    os.unlink(first)
    assert find(target, path, {}, package) == Tool(name="tool", path=second, found_by="path")
    assert find(target, f"{tmp_path}/none", {}, package) == Tool(name="tool", path=packaged, found_by="package")


def test_missing_is_neither_found_nor_refused(tmp_path: Path, target: Path) -> None:
    assert find(target, f"{tmp_path}:/nowhere") == Tool(name="tool")
    assert find(target) == Tool(name="tool")


@pytest.mark.parametrize(
    "word", ["is not there", "is a folder", "is not executable", "is a link that leads nowhere", "is not a file"]
)
def test_what_is_wrong_with_the_operators_path_is_said_and_no_other_is_taken(
    tmp_path: Path, target: Path, word: str
) -> None:
    place = tmp_path / "own"
    match word:
        case "is a folder":
            place.mkdir()
        case "is not executable":
            program(tmp_path, "own", 0o644)
        case "is a link that leads nowhere":
            place.symlink_to("gone")
        case "is not a file":
            os.mkfifo(place)
    program(tmp_path / "one")
    found = find(target, f"{tmp_path}/one", {"tool": str(place)})
    assert (found.path, found.found_by, found.refused) == (None, "operator", f"'{place}' {word}")


def test_an_operators_path_has_to_be_absolute(tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, "tool")
    monkeypatch.chdir(tmp_path)
    for path in ("tool", "./tool"):
        found = find(target, operator={"tool": path})
        assert (found.path, found.refused) == (None, f"'{path}' is not an absolute path")


@pytest.mark.parametrize("entry", ["", ".", "bin", "./bin"])
def test_a_relative_path_entry_is_refused(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch, entry: str
) -> None:
    program(tmp_path)
    program(tmp_path / "bin")
    monkeypatch.chdir(tmp_path)
    found = find(target, f"{entry}:/nowhere")
    assert found.path is None
    assert "relative PATH entry" in found.refused
    safe = program(tmp_path / "safe")
    assert find(target, f"{entry}:{tmp_path}/safe").path == safe


@pytest.mark.parametrize("by", ["operator", "path"])
def test_what_lies_in_the_target_is_refused(tmp_path: Path, target: Path, by: str) -> None:
    inside = program(target / "bin")
    links = tmp_path / "links"
    links.mkdir()
    (links / "tool").symlink_to(inside)
    (tmp_path / "folder-link").symlink_to(target / "bin")
    outward = target / "outward"
    outward.mkdir()
    (outward / "tool").symlink_to(program(tmp_path / "elsewhere"))
    for folder in (target / "bin", links, tmp_path / "folder-link", outward):
        found = (
            find(target, str(folder))
            if by == "path"
            else find(target, f"{tmp_path}/elsewhere", operator={"tool": f"{folder}/tool"})
        )
        assert found.path is None
        assert found.refused == f"'{folder}/tool' lies inside the target"


def test_a_target_behind_a_link_is_the_target(tmp_path: Path, target: Path) -> None:
    program(target / "bin")
    (tmp_path / "alias").symlink_to(target)
    for root, folder in ((tmp_path / "alias", target / "bin"), (target, tmp_path / "alias" / "bin")):
        assert find(root, str(folder)).path is None


def test_a_refusal_on_the_way_is_kept_beside_what_is_used(tmp_path: Path, target: Path) -> None:
    program(target / "bin")
    program(tmp_path / "plain", mode=0o644)
    used = program(tmp_path / "one")
    found = find(target, f"{target}/bin:{tmp_path}/plain:{tmp_path}/one")
    assert (found.path, found.found_by) == (used, "path")
    assert found.refused == f"'{target}/bin/tool' lies inside the target"


def test_the_programs_own_environment_is_trusted_wherever_it_lies(tmp_path: Path, target: Path) -> None:
    own = program(target / ".venv" / "bin")
    found = find(target, f"{target}/.venv/bin", package_dirs=(f"{target}/.venv/bin",))
    assert (found.path, found.found_by) == (own, "package")


def test_a_link_is_not_resolved(tmp_path: Path, target: Path) -> None:
    program(tmp_path / "one", "proxy")
    (tmp_path / "one" / "tool").symlink_to("proxy")
    assert find(target, f"{tmp_path}/one").path == f"{tmp_path}/one/tool"


def test_a_refusal_is_one_harmless_line(tmp_path: Path, target: Path) -> None:
    program(target / "a\n::error::\x1b[31m")
    found = find(target, f"{target}/a\n::error::\x1b[31m")
    assert "\n" not in found.refused
    assert "\x1b" not in found.refused
