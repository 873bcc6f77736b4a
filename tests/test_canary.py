"""Secrets of every kind that the shipped rules know, made for this test and planted where people leave them: none of
them, nor a dozen characters in a row of one, is in anything that a scan leaves behind. Two scans: of scanners that print
all of them and break, and of scanners that report what they found in words that hold some.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from command_line import Scanned, surroundings
from magray_sec import adapters, datafiles
from magray_sec.model.scale import Domain
from magray_sec.regex.examples import fill
from magray_sec.regex.pack import PatternRule, load_packs
from magray_sec.regex.trial import example_path
from planting import DATABASE, operator, sample, token
from replays import GRANTED, PROGRAMS, SCANNERS, Whole, case_of, lay_over_all, programs, replays, reworded, scan_whole
from trees import git, write

WINDOW = 12
"""So many characters in a row of a secret are a part of it, and in nothing else by chance."""
_PLACEHOLDER = re.compile(r"\{\{([A-Za-z0-9-]+)(?::[^{}#]*)?(?:#\w+)?\}\}")
_NO_SECRET = ("word", "repeat")
SHORTEST = 9
"""A shorter value stands in many a text by chance."""
FEW = 40


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


def is_remembered(adapter: str) -> bool:
    """Whether what it says of a tree is kept in the cache."""
    needs = adapters.load(adapter).needs
    return not (needs.runs_target_code or needs.git_history)


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for entry in pair for text in strings(entry))
    elif isinstance(value, list):
        yield from (text for entry in value for text in strings(entry))


def windows(data: bytes, size: int = WINDOW) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(len(data) - size + 1))


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """Scans of planted secrets, and all that they left behind by name."""

    canaries: tuple[Canary, ...]
    broken: Whole
    reported: Whole
    left: dict[str, bytes]
    temporary: list[Path]

    @property
    def scanned(self) -> Scanned:
        return self.reported.first


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory: pytest.TempPathFactory, warm_cache: Path) -> Aftermath:
    folder = tmp_path_factory.mktemp("canaries")
    shutil.copytree(warm_cache, folder / "cache")
    planted = tuple(canaries("canary"))
    of_fixtures = tuple(fixture_secrets(planted[0].rule))
    lines = [entry.text for entry in planted if "\n" not in entry.text]
    address = f"https://someone:{token('address')}@example.org/x"
    manifest = (
        '[package]\nname = "member"\nversion = "0.1.0"\n[workspace]\n'
        f'repository = "{address}"\n[dependencies]\nx = {{ git = "{address}" }}\n'
    )
    # A few of them for the scanners that break, and the history; all of them for those that come to their end.
    targets = (folder / "few", folder / "target")
    for target, some in zip(targets, (lines[:FEW], lines), strict=True):
        lay_over_all(sample(target))
        git(target, "init", "-q")
        git(target, "remote", "add", "origin", f"https://x-access-token:{token('remote')}@github.com/example/x.git")
        write(target, {".env": "\n".join(some)})
        git(target, "add", "-A", "-f")
        git(target, "commit", "-qm", "one")
        comments = "".join(f"# {line}\n" for line in some)
        code = "".join(f"// {line}\nlet _ = {line!r};\n" for line in some)
        write(target, {"planted/code.rs": code, "planted/build.sh": comments})
        write(target, {"member/Cargo.toml": manifest + comments})
        # In the kind of file that its rule is for.
        kinds = {f"planted/{i}/{example_path(e.rule)}": f"{e.text}\n" for i, e in enumerate(planted) if e.text in some}
        write(target, kinds)
    few, target = targets
    several = {
        f"planted/{i}/{example_path(e.rule)}": f"{e.text}\n" for i, e in enumerate(planted) if e.text not in lines
    }
    write(target, several)
    temporary = folder / "tmp"
    temporary.mkdir()
    environment = surroundings(folder / "home", TMPDIR=str(temporary), XDG_CACHE_HOME=str(folder / "cache"))
    # Scanners that saw all of it, print it, and break.
    said = "error: it broke\n" + "\n".join(lines[:2]) + f"\n{address}\n{lines[0]}\n"
    breaks = programs(
        folder / "breaks",
        lambda fakes, _, executable: fakes.prints(executable, said.encode(), stderr=said.encode(), exit_code=101),
    )
    operator(folder / "home", {"tools": breaks})
    options = (*DATABASE, "-v")
    broken = scan_whole(few, *options, *GRANTED, environment=environment, reports=folder / "broken", timeout=300)
    # Scanners that came to their end, and quote what they read.
    quotes = programs(
        folder / "quotes",
        lambda fakes, name, _: replays(
            fakes.folder,
            case_of(name),
            change=lambda data: reworded(data, lambda text: f"{text} {lines[0]} {token('address')}"),
            chatter=f"warning: {lines[1]}\n".encode(),
        ),
    )
    operator(folder / "home", {"tools": quotes})
    # NOTE: without the history, of which nothing is kept in the cache.
    reported = scan_whole(
        target, *options, "--allow-build", environment=environment, reports=folder / "reports", timeout=300
    )
    left: dict[str, bytes] = {}
    for number, scanned in enumerate((*broken.scans, *reported.scans)):
        left |= {f"stdout {number}": scanned.out.encode(), f"stderr {number}": scanned.err.encode()}
    for place in ("broken", "broken-others", "reports", "reports-others", "cache", "home", "tmp"):
        left |= {str(p.relative_to(folder)): p.read_bytes() for p in (folder / place).rglob("*") if p.is_file()}
    others = (token("address"), token("remote"))
    extra = Canary(rule=planted[0].rule, text="", values=others)
    return Aftermath(
        canaries=(*planted, extra, *of_fixtures),
        broken=broken,
        reported=reported,
        left=left,
        temporary=list(temporary.iterdir()),
    )


def fixture_secrets(rule: PatternRule) -> Iterator[Canary]:
    """What the templates in the fixtures are filled with, which the scanners were recorded to print."""
    for name in PROGRAMS:
        case = case_of(name)
        for path in sorted((case.folder / "input").rglob("*")):
            text = path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
            if "{{" in text:
                yield Canary(rule=rule, text=f"{name}: {path.name}", values=tuple(made_up(text, f"{name}/{case.name}")))


def test_no_secret_is_left_anywhere(aftermath: Aftermath) -> None:
    wanted: dict[bytes, str] = {}
    for entry in aftermath.canaries:
        for value in entry.values:
            wanted |= dict.fromkeys(traces(value), f"{entry.rule.canonical}: {entry.text or value}")
    # What other secrets of the kind have in common with it, such as the header of a key, is none.
    for trace in (trace for entry in canaries("other") for value in entry.values for trace in traces(value)):
        wanted.pop(trace, None)
    short = {value for entry in aftermath.canaries for value in entry.values if SHORTEST <= len(value) < WINDOW}
    assert len(wanted) > 10_000
    assert short
    reports = ("report.json", "github.sarif", "full.sarif")
    assert {"stdout 0", "stderr 0", *(f"{place}/{name}" for place in ("broken", "reports") for name in reports)} <= set(
        aftermath.left
    )
    for name, data in aftermath.left.items():
        found = {wanted[trace] for size in (WINDOW, 2 * WINDOW) for trace in wanted.keys() & set(windows(data, size))}
        assert not found, f"{name} holds a part of: {sorted(found)[:5]}"
        whole = [value for value in short if value.encode() in data]
        assert not whole, f"{name} holds {whole}"


@pytest.mark.parametrize("adapter", SCANNERS)
def test_every_scanner_was_there(adapter: str, aftermath: Aftermath) -> None:
    ended = aftermath.broken.run(adapter)["outcome"]
    assert ended in (("failed",) if adapter in PROGRAMS else ("completed", "partial"))
    of_history = adapters.load(adapter).needs.git_history
    assert aftermath.reported.run(adapter)["outcome"] in (
        ("not-applicable",) if of_history else ("completed", "partial")
    )


@pytest.mark.parametrize("adapter", [name for name in SCANNERS if is_remembered(name)])
def test_every_scanners_word_is_in_the_cache(adapter: str, aftermath: Aftermath) -> None:
    """It is no accident that the secrets are not there, and no way of writing hides them from the search."""
    entries = {name: data for name, data in aftermath.left.items() if name.startswith("cache/")}
    words = [json.loads(data[data.index(b'{"states"') :]) for data in entries.values() if b'{"states"' in data]
    own = [entry for entry in words if entry["run"]["adapter"] == adapter]
    assert any(entry["sightings"] for entry in own)
    for entry in own:
        text = "\n".join(strings(entry)).encode()
        values = {value for canary in aftermath.canaries for value in canary.values if len(value) >= SHORTEST}
        assert not [value for value in values if value.encode() in text]


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
    planted = tuple(canaries("canary"))
    unseen = [e.rule.canonical for i, e in enumerate(planted) if str(i) not in seen]
    assert len(unseen) <= len(aftermath.canaries) // 50, unseen
    for name in (".env", "planted/code.rs", "planted/build.sh", "member/Cargo.toml"):
        own = [finding for finding in secrets(aftermath) if finding["location"]["path"] == name]
        assert len(own) > len(aftermath.canaries) // 4, name


def secrets(aftermath: Aftermath) -> list[dict]:
    return [finding for finding in aftermath.scanned.json["findings"] if finding["domain"] == "secrets"]


@pytest.mark.parametrize("adapter", PROGRAMS)
def test_a_broken_scanners_words_are_told_without_them(adapter: str, aftermath: Aftermath) -> None:
    reason = aftermath.broken.run(adapter)["reason"]
    assert "it ended with exit code 101: error: it broke / " in reason, reason
    assert "[REDACTED]" in reason


def test_addresses_are_told_without_their_users(aftermath: Aftermath) -> None:
    assert aftermath.scanned.json["target"]["repository"] == "https://github.com/example/x.git"
    assert any("https://example.org/x" in gap["reason"] for gap in aftermath.scanned.json["gaps"])
