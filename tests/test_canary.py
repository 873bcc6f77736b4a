"""Secrets of every kind that the shipped rules know, made for this test and planted where people leave them: none of
them, nor a dozen characters in a row of one, is in anything that a scan leaves behind.
"""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from command_line import Scanned, scan, surroundings
from fake_tools import FakeTools
from magray_sec import datafiles
from magray_sec.model.scale import Domain
from magray_sec.regex.examples import fill
from magray_sec.regex.pack import PatternRule, load_packs
from magray_sec.regex.trial import example_path
from planting import DATABASE, operator, sample, token
from replays import SCANNERS, case_of, lay_over_all
from trees import git, write

WINDOW = 12
"""So many characters in a row of a secret are a part of it, and in nothing else by chance."""
_PLACEHOLDER = re.compile(r"\{\{([A-Za-z0-9-]+)(?::[^{}#]*)?(?:#\w+)?\}\}")
_NO_SECRET = ("word", "repeat")


@dataclass(frozen=True, kw_only=True)
class Canary:
    """An example of a rule, filled, and the parts of it that were made up."""

    rule: PatternRule
    text: str
    values: tuple[str, ...]


def canaries(seed: str) -> Iterator[Canary]:
    for rule in load_packs(datafiles.files("rules"), None).rules:
        if rule.domain is Domain.SECRETS:
            for index, template in enumerate(rule.match_examples):
                own = f"{seed}/{rule.canonical}/{index}"
                yield Canary(rule=rule, text=fill(template, own), values=tuple(made_up(template, own)))


def made_up(template: str, seed: str) -> Iterator[str]:
    """What the placeholders of a template are filled with, each line of a key by itself."""
    for match in _PLACEHOLDER.finditer(template):
        if match[1] not in _NO_SECRET:
            value = fill(template[: match.end()], seed).removeprefix(fill(template[: match.start()], seed))
            yield from (line for line in value.replace("\\n", "\n").split("\n") if not line.startswith("-----"))


def traces(value: str) -> Iterator[bytes]:
    """The ways in which a part of a secret could be left behind: as it is, in base64, in hexadecimal."""
    raw = value.encode()
    yield from windows(raw)
    for shift in range(3):
        encoded = base64.b64encode(bytes(shift) + raw)
        # The ends hold bits of what stands beside it.
        yield from windows(encoded[4 if shift else 0 : -4])
    yield from windows(raw.hex().encode(), 2 * WINDOW)


def windows(data: bytes, size: int = WINDOW) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(len(data) - size + 1))


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """A scan of planted secrets, and all that it left behind by name."""

    canaries: tuple[Canary, ...]
    scanned: Scanned
    left: dict[str, bytes]
    temporary: list[Path]


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory, warm_cache: Path) -> Aftermath:
    folder = tmp_path_factory.mktemp("canaries")
    shutil.copytree(warm_cache, folder / "cache")
    planted = tuple(canaries("canary"))
    target = lay_over_all(sample(folder / "target"))
    write(target, {f"planted/{i}/{example_path(entry.rule)}": f"{entry.text}\n" for i, entry in enumerate(planted)})
    lines = [entry.text for entry in planted if "\n" not in entry.text]
    address = f"https://someone:{token('address')}@example.org/x"
    write(
        target,
        {
            ".env": "\n".join(lines),
            "planted/code.rs": "".join(f"// {line}\nlet _ = {line!r};\n" for line in lines),
            "planted/build.sh": "".join(f"# {line}\n" for line in lines),
            "member/Cargo.toml": '[package]\nname = "member"\nversion = "0.1.0"\n[workspace]\n'
            f'repository = "{address}"\n[dependencies]\nx = {{ git = "{address}" }}\n'
            + "".join(f"# {line}\n" for line in lines),
        },
    )
    git(target, "init", "-q")
    git(target, "remote", "add", "origin", f"https://x-access-token:{token('remote')}@github.com/example/sample.git")
    # A scanner that saw all of it, prints it, and breaks.
    said = "error: it broke\n" + "\n".join(lines[:2]) + f"\n{address}\n"
    tools = FakeTools(folder / "tools", version=f"cargo-audit {case_of('cargo-audit').version}")
    fake = tools.prints("cargo-audit", "\n".join(lines).encode(), stderr=said.encode(), exit_code=101)
    temporary = folder / "tmp"
    temporary.mkdir()
    operator(folder / "home", {"tools": {"cargo-audit": str(fake), "cargo": "/nonexistent/cargo"}})
    scanned = scan(
        target,
        *(*DATABASE, "-v"),
        environment=surroundings(folder / "home", TMPDIR=str(temporary), XDG_CACHE_HOME=str(folder / "cache")),
        reports=folder / "reports",
        timeout=300,
    )
    left = {"stdout": scanned.out.encode(), "stderr": scanned.err.encode()}
    for place in ("reports", "cache", "home", "tmp"):
        left |= {str(p.relative_to(folder)): p.read_bytes() for p in (folder / place).rglob("*") if p.is_file()}
    others = (token("address"), token("remote"))
    extra = Canary(rule=planted[0].rule, text="", values=others)
    return Aftermath(canaries=(*planted, extra), scanned=scanned, left=left, temporary=list(temporary.iterdir()))


def test_no_secret_is_left_anywhere(aftermath: Aftermath) -> None:
    wanted: dict[bytes, str] = {}
    for entry in aftermath.canaries:
        for value in entry.values:
            wanted |= dict.fromkeys(traces(value), f"{entry.rule.canonical}: {entry.text or value}")
    # What other secrets of the kind have in common with it, such as the header of a key, is none.
    for trace in (trace for entry in canaries("other") for value in entry.values for trace in traces(value)):
        wanted.pop(trace, None)
    short = {value for entry in aftermath.canaries for value in entry.values if 9 <= len(value) < WINDOW}
    assert len(wanted) > 10_000
    assert short
    assert {"stdout", "stderr", "reports/report.json", "reports/github.sarif", "reports/full.sarif"} <= set(
        aftermath.left
    )
    assert any(name.startswith("cache/") for name in aftermath.left)
    for name, data in aftermath.left.items():
        found = {wanted[trace] for size in (WINDOW, 2 * WINDOW) for trace in wanted.keys() & set(windows(data, size))}
        assert not found, f"{name} holds a part of: {sorted(found)[:5]}"
        whole = [value for value in short if value.encode() in data]
        assert not whole, f"{name} holds {whole}"


@pytest.mark.parametrize("adapter", SCANNERS)
def test_every_scanner_was_there(adapter: str, aftermath: Aftermath) -> None:
    assert aftermath.scanned.run(adapter)["outcome"] in ("completed", "partial", "failed")


def test_the_search_would_find_one(aftermath: Aftermath) -> None:
    value = max((value for entry in aftermath.canaries for value in entry.values), key=len)
    for text in (value, base64.b64encode(b"x" + value.encode()).decode(), value.encode().hex()):
        data = f"something {text[7:]} something".encode()
        assert any(trace in data for trace in traces(value))


def test_nothing_is_left_in_the_temporary_folder(aftermath: Aftermath) -> None:
    assert aftermath.temporary == []


def test_the_scanner_saw_them(aftermath: Aftermath) -> None:
    seen = {
        f["location"]["path"].split("/")[1] for f in secrets(aftermath) if f["location"]["path"].startswith("planted/")
    }
    unseen = [e.rule.canonical for i, e in enumerate(aftermath.canaries[:-1]) if str(i) not in seen]
    assert len(unseen) <= len(aftermath.canaries) // 50, unseen
    for name in (".env", "planted/code.rs", "planted/build.sh", "member/Cargo.toml"):
        own = [finding for finding in secrets(aftermath) if finding["location"]["path"] == name]
        assert len(own) > len(aftermath.canaries) // 4, name


def secrets(aftermath: Aftermath) -> list[dict]:
    return [finding for finding in aftermath.scanned.json["findings"] if finding["domain"] == "secrets"]


def test_a_broken_scanners_words_are_told_without_them(aftermath: Aftermath) -> None:
    reason = aftermath.scanned.run("cargo-audit")["reason"]
    assert reason.startswith("Cargo.lock: it ended with exit code 101: error: it broke / ")
    assert "[REDACTED]" in reason


def test_addresses_are_told_without_their_users(aftermath: Aftermath) -> None:
    assert aftermath.scanned.json["target"]["repository"] == "https://github.com/example/sample.git"
    assert any("https://example.org/x" in gap["reason"] for gap in aftermath.scanned.json["gaps"])
