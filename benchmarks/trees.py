"""What scanners are measured on: trees, files and repositories, each with secrets planted where we know."""

from __future__ import annotations

import glob
import itertools
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from kinds import draw, kinds
from syntaxes import minified

PLANTED = ("github-pat", "gitlab-pat", "npm-token", "slack-bot-token", "stripe-secret-key")
"""Kinds that every scanner knows, so that the check of what was found says nothing of their rules."""
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Something to scan; `files` and `bytes` are what is there to read."""

    title: str
    path: str
    planted: tuple[tuple[str, str], ...]
    """Path and value of each secret."""
    files: int
    bytes: int
    base: str = ""
    """The commit before the last five, where the range of a push is measured."""


def registries(folder: str, at_least: int) -> tuple[list[Tree], list[str]]:
    """Sources that the ordinary clients of languages have put on this machine, copied; and what was not there."""
    trees, absent = [], []
    for title, places in (
        ("Go standard library", _go_standard()),
        ("Rust crates", sorted(glob.glob(os.path.expanduser("~/.cargo/registry/src/*/*")))),
        ("Python site-packages", [sysconfig.get_path("purelib"), sysconfig.get_path("stdlib")]),
    ):
        if len(trees) == 2:
            break
        target = os.path.join(folder, title.lower().replace(" ", "-"))
        if _copy(places, target, at_least) < at_least:
            absent.append(f"{title}: fewer than {at_least} files on this machine")
            shutil.rmtree(target, ignore_errors=True)
            continue
        trees.append(_described(title, target, plant(target, Random(11))))
    return trees, absent


def _go_standard() -> list[str]:
    if not shutil.which("go"):
        return []
    root = subprocess.run(("go", "env", "GOROOT"), capture_output=True, text=True, check=False).stdout.strip()
    return [os.path.join(root, "src")] if root else []


def _copy(places: list[str], target: str, at_least: int) -> int:
    """Whole folders until there are enough files, and no more than half as many again."""
    many = 0
    for place in places:
        for folder, names, files in os.walk(place):
            names[:] = sorted(name for name in names if name not in {".git", "__pycache__"})
            to = os.path.join(target, os.path.basename(place), os.path.relpath(folder, place))
            for name in files:
                here = os.path.join(folder, name)
                if os.path.isfile(here) and not os.path.islink(here):
                    os.makedirs(to, exist_ok=True)
                    shutil.copyfile(here, os.path.join(to, name))
                    many += 1
        if many >= at_least:
            break
    return many


def plant(tree: str, random: Random) -> tuple[tuple[str, str], ...]:
    """Writes one file with each kind into folders of the tree; their paths and values."""
    folders = sorted(entry.name for entry in os.scandir(tree) if entry.is_dir()) or [""]
    planted = []
    for index, value in enumerate(values(random)):
        path = os.path.join(folders[index * 7 % len(folders)], f"settings_{index}.py")
        with open(os.path.join(tree, path), "w", encoding="utf-8") as file:
            file.write(f'DEBUG = False\nTOKEN = "{value}"\n')
        planted.append((path, value))
    return tuple(planted)


def values(random: Random) -> tuple[str, ...]:
    """One value of each kind that is planted."""
    known = {kind.id: kind for kind in kinds()}
    return tuple(known[id_].make(random) for id_ in PLANTED)


def generated(folder: str, size: int) -> Tree:
    """A tree of about this many bytes in files of 50 kB."""
    random, target = Random(12), os.path.join(folder, "generated")
    pool = [_source(random, functions=12).encode() for _ in range(300)]
    each, total = 50_000, 0
    for index in itertools.count():
        if total >= size:
            break
        place = os.path.join(target, f"part{index % 97:02}", f"module_{index}.py")
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "wb") as file:
            written = 0
            while written < each:
                written += file.write(random.choice(pool))
        total += written
    return _described(f"generated tree of {size / 1e9:.1f} GB", target, plant(target, random))


def _source(random: Random, functions: int = 120) -> str:
    lines = [f'"""Module {draw(random, "{h8}")}."""', "", "import os", ""]
    for _ in range(functions):
        name = draw(random, "{l6}_{l5}")
        lines += [
            f"def {name}(request, token, password=None):",
            f'    """Return the {draw(random, "{l7}")} of a request."""',
            '    if request.headers.get("Authorization") != token:',
            f'        raise ValueError("{draw(random, "{l9} {l4} {l6}")}")',
            f"    key = hashlib.sha256(request.body).hexdigest() or '{draw(random, '{h40}')}'",
            f"    return {{'id': '{draw(random, '{uuid}')}', 'count': {random.randrange(10**6)}}}",
            "",
        ]
    return "\n".join(lines) + "\n"


def one_line(folder: str, size: int) -> Tree:
    """One file of one line, with secrets at its start, end and between."""
    random, target = Random(13), os.path.join(folder, "one-line")
    os.makedirs(target, exist_ok=True)
    pool = [minified(random).encode() for _ in range(400)]
    planted = values(random)
    places = sorted(range(0, size, max(size // len(planted), 1)))[: len(planted)]
    with open(os.path.join(target, "bundle.js"), "wb") as file:
        written, waiting = 0, list(zip(places, planted, strict=True))
        while written < size or waiting:
            if waiting and written >= waiting[0][0]:
                written += file.write(f'e.token="{waiting.pop(0)[1]}";'.encode())
            written += file.write(random.choice(pool))
    return _described(f"one line of {size / 1e6:.0f} MB", target, tuple(("bundle.js", value) for value in planted))


def history(folder: str, commits: int) -> Tree:
    """A bare history of so many commits, each changing three files; some bring secrets that later ones take away."""
    random, target = Random(14), os.path.join(folder, "history")
    planted = values(random)
    at = {commits * (index + 1) // (len(planted) + 2): value for index, value in enumerate(planted)}
    _import(target, _stream(random, commits, at))
    return _described(
        f"history of {commits} commits", target, tuple(("deploy/settings.py", value) for value in planted)
    )


def _stream(random: Random, commits: int, at: dict[int, str]) -> Iterator[bytes]:
    texts = {number: _source(random) for number in range(200)}
    for commit in range(commits):
        yield _commit(commit, f"change {commit}")
        for number in random.sample(range(200), 3):
            lines = texts[number].split("\n")
            where = random.randrange(len(lines))
            lines[where : where + 2] = [f"limit_{draw(random, '{l6}')} = {random.randrange(10**6)}"]
            texts[number] = "\n".join(lines)
            yield _file(f"src/module_{number}.py", texts[number])
        if commit in at:
            yield _file("deploy/settings.py", f'TOKEN = "{at[commit]}"\n')
        elif commit - 2 in at:
            yield _file("deploy/settings.py", 'TOKEN = os.environ["TOKEN"]\n')


def pushed(folder: str, files: int) -> Tree:
    """A repository of so many files, checked out, and five commits upon its first; the last but one holds a secret."""
    random, target = Random(15), os.path.join(folder, "pushed")
    pool = [_source(random)[:6000] for _ in range(50)]
    value = values(random)[0]

    def stream() -> Iterator[bytes]:
        yield _commit(0, "all files")
        for number in range(files):
            yield _file(f"src/part{number % 90}/module_{number}.py", f"# {number}\n" + random.choice(pool))
        for commit in range(1, 6):
            yield _commit(commit, f"change {commit}")
            for number in range(4):
                yield _file(f"src/part{number}/new_{commit}.py", random.choice(pool)[:3000])
            if commit == 4:
                yield _file("deploy/settings.py", f'TOKEN = "{value}"\n')

    _import(target, stream())
    base = _git(target, "rev-parse", "HEAD~5").strip()
    return _described(f"push of 5 commits to {files} files", target, (("deploy/settings.py", value),), base=base)


def _commit(number: int, message: str) -> bytes:
    when = 1_600_000_000 + number * 600
    text = message.encode()
    return b"commit refs/heads/main\ncommitter Dev <dev@northwind.dev> %d +0000\ndata %d\n%s\n" % (
        when,
        len(text),
        text,
    )


def _file(path: str, text: str) -> bytes:
    data = text.encode()
    return b"M 100644 inline %s\ndata %d\n%s\n" % (path.encode(), len(data), data)


def _import(target: str, stream: Iterator[bytes]) -> None:
    os.makedirs(target)
    _git(target, "init", "-q", "-b", "main")
    with subprocess.Popen(("git", "-C", target, "fast-import", "--quiet"), stdin=subprocess.PIPE) as importer:
        assert importer.stdin is not None
        for part in stream:
            importer.stdin.write(part)
    if importer.returncode:
        raise SystemExit(f"git fast-import ended with {importer.returncode}")
    _git(target, "reset", "-q", "--hard")


def _git(target: str, *words: str) -> str:
    return subprocess.run(("git", "-C", target, *words), capture_output=True, text=True, check=True).stdout


def _described(title: str, path: str, planted: tuple[tuple[str, str], ...], base: str = "") -> Tree:
    many = total = 0
    for folder, names, files in os.walk(path):
        names[:] = [name for name in names if name != ".git"]
        many += len(files)
        total += sum(os.path.getsize(os.path.join(folder, name)) for name in files)
    return Tree(title=title, path=path, planted=planted, files=many, bytes=total, base=base)
