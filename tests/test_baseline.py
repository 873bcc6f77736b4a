"""What a repository is known to have, and what is new in it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magray_sec.errors import SettingsError
from magray_sec.model.finding import Finding, Location, Region, Rule
from magray_sec.model.scale import Confidence, Domain, Severity, State
from magray_sec.policy.baseline import compare, dump, load, make


def finding(name: str, line: int = 1, *others: str, path: str = "a.rs") -> Finding:
    return Finding(
        identity=f"v1:{name}",
        also_known_as=tuple(f"v1:{other}" for other in others),
        domain=Domain.CODE,
        rule=Rule(id="code/x", domain=Domain.CODE, title="X"),
        severity=Severity.HIGH,
        confidence=Confidence.HIGH,
        message="m",
        location=Location(path=path, region=Region(start_line=line)),
    )


def states(findings: list[Finding], known: list[Finding]) -> list[str]:
    return [entry.state.value for entry in compare(findings, load(dump(make(known)), file="b")).findings]


def test_known_findings_are_existing_wherever_they_moved() -> None:
    known = [finding("a", 3), finding("b", 9)]
    assert states([finding("a", 40), finding("b", 90)], known) == ["existing", "existing"]


def test_a_copy_is_exactly_one_new() -> None:
    assert states([finding("a", 1), finding("a", 2), finding("a", 3)], [finding("a"), finding("a", 2)]) == [
        "existing",
        "existing",
        "new",
    ]


def test_another_scanner_s_name_for_it_is_the_same() -> None:
    assert states([finding("cve", 1, "rustsec")], [finding("rustsec", 1, "cve")]) == ["existing"]


def test_what_is_left_over_is_gone_with_its_count() -> None:
    compared = compare([finding("a")], make([finding("a"), finding("a"), finding("b")]))
    assert [(entry.identity, entry.count) for entry in compared.gone] == [("v1:a", 1), ("v1:b", 1)]


def test_the_file_has_no_line_number_and_no_order_but_its_own() -> None:
    one = dump(make([finding("b", 5), finding("a", 1)]))
    assert one == dump(make([finding("a", 77), finding("b", 99)]))
    assert [json.loads(line)["identity"] for line in one.splitlines()] == ["v1:a", "v1:b"]


def test_equal_lines_of_two_branches_are_one() -> None:
    line = dump(make([finding("a")]))
    both = dump(make([finding("a"), finding("a")]))
    assert [entry.count for entry in load(line + both + line, file="b")] == [2]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'{"identity": "v1:a"}',
        b'{"identity": "v2:a", "count": 1}',
        b'{"identity": "v1:a", "count": 0}',
        b'{"identity": "v1:a", "count": true}',
        b'{"identity": "v1:a", "count": 1, "line": 3}',
        b'{"identity": "v1:a", "count": 1, "also_known_as": "x"}',
        b"<<<<<<< HEAD",
        b"[" * 100_000,
    ],
)
def test_a_damaged_line_is_named(line: bytes) -> None:
    with pytest.raises(SettingsError, match=r"^base\.jsonl:2:1: "):
        load(dump(make([finding("a")])) + line + b"\n", file="base.jsonl")


NAMES = st.lists(st.sampled_from("abcd"), max_size=12)


@given(known=NAMES, now=NAMES)
def test_counts_add_up(known: list[str], now: list[str]) -> None:
    compared = compare([finding(name) for name in now], make([finding(name) for name in known]))
    existing = sum(1 for entry in compared.findings if entry.state is State.EXISTING)
    assert existing == sum(min(known.count(name), now.count(name)) for name in "abcd")
    assert sum(entry.count for entry in compared.gone) == len(known) - existing
