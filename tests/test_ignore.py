from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from magray_sec._ignore import Patterns
from trees import git, write


def ignored(patterns: str, path: str) -> bool:
    """Whether a file is ignored, asked from the top down."""
    rules = Patterns([patterns.encode()])
    parts = path.split("/")
    folders = ["/".join(parts[:count]) for count in range(1, len(parts))]
    return any(rules.decide(folder, is_folder=True) for folder in folders) or bool(rules.decide(path, is_folder=False))


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        ("*.log", "a/b.log", True),
        ("*.log", "a/b.logs", False),
        ("/a", "a", True),
        ("/a", "b/a", False),
        ("a/b", "c/a/b", False),
        ("a/", "a", False),
        ("a/", "x/a/y", True),
        ("a/*", "a/b/c", True),
        ("*", "a/b", True),
        ("**/a", "x/y/a", True),
        ("**/a", "a", True),
        ("a/**", "a/b/c", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "a/xb", False),
        ("?.c", "a.c", True),
        ("?.c", "ab.c", False),
        ("[a-c]x", "bx", True),
        ("[!a-c]x", "bx", False),
        ("[^a]x", "bx", True),
        ("[]]x", "]x", True),
        ("[[:digit:]]x", "1x", True),
        ("[[:punct:]]x", "-x", True),
        ("[[:nonsense:]]x", "1x", False),
        ("[a", "[a", False),
        ("[z-a]", "z", False),
        ("a?b", "a/b", False),
        ("[a/]b", "a/b", False),
        ("\\#a", "#a", True),
        ("#a", "#a", False),
        ("\\!a", "!a", True),
        ("a ", "a", True),
        ("a\\ ", "a ", True),
        ("a\\", "a", False),
        ("a\r\nb", "a", True),
        ("\ufeffa", "a", True),
        ("*\n!*/\n!*.rs", "src/a.rs", False),
        ("*\n!*/\n!*.rs", "src/a.py", True),
        ("*.log\n!keep.log", "keep.log", False),
        ("!keep.log\n*.log", "keep.log", True),
        ("out/\n!out/keep", "out/keep", True),
        ("", "a", False),
        ("/", "a", False),
        ("!", "a", False),
        ("é?", "éx", True),
    ],
)
def test_a_pattern(patterns: str, path: str, expected: bool) -> None:
    assert ignored(patterns, path) is expected


def test_the_nearest_place_decides_and_an_outer_one_is_asked_else() -> None:
    outer = Patterns([b"*.log\n", b"!b.log\n"])
    inner = Patterns([b"!a.log\n/own\n"], place="sub", above=outer)
    asked = {
        path: inner.decide(path, is_folder=False)
        for path in ("sub/a.log", "sub/b.log", "sub/c.log", "sub/own", "sub/x/own")
    }
    assert asked == {"sub/a.log": False, "sub/b.log": False, "sub/c.log": True, "sub/own": True, "sub/x/own": None}


def test_names_that_are_not_utf8() -> None:
    rules = Patterns([b"caf\xe9*\n"])
    assert rules.decide(os.fsdecode(b"caf\xe9.txt"), is_folder=False)
    assert rules.decide("café.txt", is_folder=False) is None


def test_more_patterns_than_fit_at_once() -> None:
    many = b"\n".join(b"dir%d/*.x%d" % (n, n) for n in range(5000)) + b"\n!dir7/a.x7\n" + b"x" * 200_000
    rules = Patterns([many])
    assert rules.decide("dir4999/a.x4999", is_folder=False) is True
    assert rules.decide("dir7/a.x7", is_folder=False) is False
    assert rules.decide("dir7/b.x7", is_folder=False) is True


@pytest.mark.parametrize("seed", range(6))
def test_git_gives_the_same_answers(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    names = ["a", "b", "ab", "a.rs", "b.log", "x y", "é"]
    parts = [
        "a",
        "b",
        "ab",
        "*",
        "*.rs",
        "?",
        "**",
        "[ab]",
        "x y",
        "é",
        "a*",
        "\\a",
        "b.log",
        "[!a]",
        "[[:alpha:]]",
        "???",
    ]

    def pattern() -> str:
        body = "/".join(chance.choice(parts) for _ in range(chance.randrange(1, 4)))
        start = chance.choice(["", "", "", "!", "!/", "/"])
        return start + body + chance.choice(["", "", "/", "  "])

    for _ in range(40):
        path = tmp_path.joinpath(*(chance.choice(names) for _ in range(chance.randrange(1, 5))))
        if not any(place.is_file() for place in (path, *path.parents)) and not path.is_dir():
            write(path.parent, {path.name: ""})
    folders = sorted(place for place in tmp_path.rglob("*") if place.is_dir())
    for place in (tmp_path, *chance.sample(folders, min(3, len(folders)))):
        write(place, {".gitignore": "".join(pattern() + "\n" for _ in range(4))})
    git(tmp_path, "init", "-q")
    expected = git(tmp_path, "ls-files", "-z", "--others", "--exclude-standard").split("\0")[:-1]

    found = []

    def walk(folder: str, above: Patterns | None) -> None:
        here = tmp_path / folder
        rules = above
        if (here / ".gitignore").is_file():
            rules = Patterns([(here / ".gitignore").read_bytes()], place=folder, above=above)
        for entry in os.scandir(here):
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.name == ".git" or (rules and rules.decide(path, is_folder=entry.is_dir())):
                continue
            if entry.is_dir():
                walk(path, rules)
            else:
                found.append(path)

    walk("", None)
    assert sorted(found) == sorted(expected)
