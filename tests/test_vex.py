"""OpenVEX documents: what of them waives which finding, and what is said of a document that is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line import ADVISORY_DB, SAMPLE, magray_sec, surroundings
from judging import decide, finding, package, policy
from magray_sec.errors import SettingsError
from magray_sec.model.scale import Verdict
from magray_sec.policy.load import load_policy
from magray_sec.policy.types import Statement
from magray_sec.policy.vex import parse_vex
from magray_sec.policy.waiver import is_product

RULES = "[{id: any, match: {}, verdict: block}]"
FOUND = finding(
    1, rule="RUSTSEC-2023-0071", aliases=("CVE-2023-49092", "GHSA-c38w-74pg-36hr"), package=package("rsa", "0.9.6")
)
WHY = {"justification": "vulnerable_code_not_in_execute_path", "impact_statement": "no private keys"}


def statement(status: str = "not_affected", product: str = "pkg:cargo/rsa@0.9.6", name: str = "CVE-2023-49092", **more: Any) -> dict[str, Any]:  # fmt: skip
    made: dict[str, Any] = {"vulnerability": {"name": name}, "products": [{"@id": product}], "status": status}
    made |= WHY if status == "not_affected" else {"action_statement": "upgrade"} if status == "affected" else {}
    return made | more


def document(*statements: dict[str, Any], **more: Any) -> str:
    made = {
        "@context": "https://openvex.dev/ns/v0.2.0",
        "@id": "https://example.com/vex/1",
        "author": "The team <team@example.com>",
        "timestamp": "2026-01-08T18:02:03.647787998-06:00",
        "version": 1,
        "statements": list(statements),
    }
    return json.dumps(made | more, indent=2)


def read(*statements: dict[str, Any], **more: Any) -> tuple[Statement, ...]:
    return parse_vex(document(*statements, **more), file="v.json")


def judged(*statements: dict[str, Any], found: Any = FOUND):
    made = policy(RULES)
    with_vex = type(made)(**{name: getattr(made, name) for name in made.__slots__} | {"vex": read(*statements)})
    return decide(with_vex, found)


@pytest.mark.parametrize(
    ("given_statement", "waives"),
    [
        (statement(), True),
        (statement(product="pkg:cargo/rsa"), True),
        (statement(product="pkg:cargo/rsa@0.9.7"), False),
        (statement(product="pkg:cargo/other@0.9.6"), False),
        (statement(product="pkg:pypi/rsa@0.9.6"), False),
        (statement(product="pkg:cargo/rsa@0.9.6?arch=x"), False),
        (statement("fixed"), True),
        (statement("affected"), False),
        (statement("under_investigation"), False),
        (statement(name="rustsec-2023-0071"), True),
        (statement(name="GHSA-c38w-74pg-36hr"), True),
        (statement(name="CVE-1", vulnerability={"name": "CVE-1", "aliases": ["CVE-2023-49092"]}), True),
        (statement(name="CVE-2023-4909"), False),
        (
            statement(products=[{"@id": "https://example.com/app", "identifiers": {"purl": "pkg:cargo/rsa@0.9.6"}}]),
            True,
        ),
        (statement(products=[{"@id": "pkg:oci/app", "subcomponents": [{"@id": "pkg:cargo/rsa"}]}]), True),
        (statement(products=[{"@id": "pkg:cargo/rsa", "subcomponents": [{"@id": "pkg:cargo/other"}]}]), False),
        (statement(products=[{"@id": "pkg:cargo/other"}, {"@id": "pkg:cargo/rsa"}]), True),
    ],
)
def test_what_a_statement_waives(given_statement: dict[str, Any], *, waives: bool) -> None:
    decision = judged(given_statement)
    assert (decision.verdict is Verdict.PASS) is waives
    assert (decision.rulings[0].waiver == 0) is waives


def test_a_statement_is_said_as_the_waiver_that_it_is() -> None:
    decision = judged(statement("affected", name="CVE-1"), statement())
    (use,) = decision.waivers
    assert use.label == "VEX statement on CVE-2023-49092"
    assert use.reason == ("not affected by CVE-2023-49092: vulnerable code not in execute path: no private keys")
    assert (use.owner, use.expires, use.used, use.file, use.line) == (
        "The team <team@example.com>",
        None,
        1,
        "v.json",
        20,
    )
    assert decision.notes == ()


def test_a_statement_that_is_of_nothing_is_said() -> None:
    decision = judged(statement(product="pkg:cargo/x"))
    assert decision.notes == ("VEX statement on CVE-2023-49092 (v.json:8) is unused: no finding is of it",)


@pytest.mark.parametrize("is_newest_first", [True, False])
@pytest.mark.parametrize(("newest", "waives"), [("affected", False), ("under_investigation", False), ("fixed", True)])
def test_the_newest_statement_holds(newest: str, *, waives: bool, is_newest_first: bool) -> None:
    old = statement(timestamp="2025-01-01T00:00:00Z")
    new = statement(newest, timestamp="2024-01-01T00:00:00Z", last_updated="2025-01-01T00:00:00+00:01")
    new["last_updated"] = "2025-06-01T00:00:00Z"
    pair = (new, old) if is_newest_first else (old, new)
    assert (judged(*pair).verdict is Verdict.PASS) is waives


def test_of_two_of_the_same_time_the_later_in_the_document_holds() -> None:
    assert judged(statement(), statement("affected")).verdict is Verdict.BLOCK
    assert judged(statement("affected"), statement()).verdict is Verdict.PASS


def test_a_finding_without_a_package_is_never_waived_by_a_statement() -> None:
    assert judged(statement(), found=finding(1, rule="CVE-2023-49092")).verdict is Verdict.BLOCK


def test_packages_by_their_urls() -> None:
    scoped = package(purl="pkg:npm/%40scope/name@1.0.0", name="@scope/name", version="1.0.0")
    assert is_product(scoped, ("pkg:npm/@scope/name@1.0.0",))
    assert is_product(scoped, ("pkg:npm/%40scope/name",))
    assert not is_product(scoped, ("pkg:npm/name@1.0.0",))
    local = package(purl="pkg:pypi/x@1.0%2Blocal", name="x", version="1.0+local")
    assert is_product(local, ("pkg:pypi/x@1.0+local",))
    assert not is_product(local, ("pkg:pypi/x@1.0",))
    assert is_product(package("x", "1.0"), ("pkg:cargo/x@1.0.0",))


def test_the_times_and_names_of_a_statement() -> None:
    (made,) = read(statement(timestamp="2026-02-01T12:00:00.5Z"))
    assert made.written == datetime(2026, 2, 1, 12, 0, 0, 500000, tzinfo=UTC)
    assert (made.names, made.products, made.waives) == (("cve-2023-49092",), ("pkg:cargo/rsa@0.9.6",), True)


@pytest.mark.parametrize(
    ("text", "place", "says", "hint"),
    [
        ("", "1:1", "not JSON", ""),
        ("{", "1:2", "not JSON", ""),
        ('{"a": 1,\n "a": 2}', "2:2", "the key 'a' is given twice", "line 1"),
        ('{"a": NaN}', "1:7", "'NaN' is no number", ""),
        ("[" * 60 + "]" * 60, "1:51", "nested deeper than 50 levels", ""),
        ("[" * 200_000, "1:1", "nested too deeply", ""),
        ("[]", "1:1", "expected an OpenVEX document, found a list", ""),
        ("{}", "1:1", "missing key '@context'", "OpenVEX context"),
        (document(**{"@context": "https://example.com"}), "2:15", "@context: expected the OpenVEX context", ""),
        (document(), "7:17", "statements: expected a list of statements, found nothing", ""),
        (document(statement(status="notaffected")), "17:17", "'notaffected' is not allowed", "'not_affected'"),
        (document(statement(justification="because")), "18:24", "'because' is not allowed", "component_not_present"),
        (document(statement(vulnerability="CVE-1")), "9:24", "expected a vulnerability", ""),
        (document(statement(timestamp="yesterday")), "20:20", "expected a time such as", ""),
        (document(statement(timestamp="2026-02-31T00:00:00Z")), "20:20", "there is no such time", ""),
        (document(statement(products=[])), "12:19", "expected a list of products, found nothing", ""),
        (document(statement(product="my app")), "12:19", "names no package by its package URL", "pkg:cargo/rsa@0.9.6"),
        (document({**statement("fixed"), "status": "not_affected"}), "8:5", "does not say why it is not affected", "'justification' or"),
        (document({**statement("fixed"), "status": "affected"}), "8:5", "does not say what to do", "'action_statement'"),
        (document(statement(), author=""), "4:13", "author: expected text", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_document(text: str, place: str, says: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_vex(text, file="v.json")
    every = [caught.value, *caught.value.more]
    found = [one for one in every if str(one).startswith(f"v.json:{place}: ") and says in str(one)]
    assert found, [str(one) for one in every]
    assert hint in found[0].hint


_plain = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["@id", "a", "name", "status"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["@context", "author", "timestamp", "statements", "version"]), _plain, st.integers(0, 4))
def test_any_json_is_a_document_or_refused_with_its_place(key: str, value: Any, indent: int) -> None:
    made = json.loads(document(statement()))
    made[key] = value
    try:
        assert parse_vex(json.dumps(made, indent=indent), file="v.json")
    except SettingsError as error:
        line, column = str(error).split(":")[1:3]
        assert int(line) >= 1 <= int(column)


def test_a_policy_names_its_documents_from_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci" / "v.json").write_text(document(statement()))
    (tmp_path / "ci" / "p.yaml").write_text(f"version: 1\nrequire: []\nrules: {RULES}\nvex: v.json\n")
    (tmp_path / "q.yaml").write_text("version: 1\nextends: ./ci/p.yaml\n")
    cache = str(tmp_path / "cache")
    for _ in range(2):
        made = load_policy("q.yaml", root=str(tmp_path.resolve()), cache=cache)
        assert [entry.file for entry in made.vex] == ["ci/v.json"]
        assert decide(made, FOUND).verdict is Verdict.PASS
    (tmp_path / "ci" / "v.json").write_text(document(statement("affected")))
    changed = load_policy("q.yaml", root=str(tmp_path.resolve()), cache=cache)
    assert changed.digest != made.digest
    assert decide(changed, FOUND).verdict is Verdict.BLOCK
    (tmp_path / "ci" / "v.json").write_text("{")
    with pytest.raises(SettingsError, match=r"ci/v.json:1:2: not JSON"):
        load_policy("q.yaml", root=str(tmp_path.resolve()), cache=cache)


def test_the_command_line_takes_a_document(tmp_path: Path) -> None:
    file = tmp_path / "v.json"
    file.write_text(document(statement(product="pkg:cargo/smallvec@1.6.0", name="CVE-2021-25900")))
    scan = ("scan", SAMPLE, "--advisory-db", ADVISORY_DB, "--offline", "--tool", "cargo-audit")
    environment = surroundings(tmp_path)
    assert "RUSTSEC-2021-0003" in magray_sec(*scan, environment=environment).out
    stored = tmp_path / "r.json"
    ended = magray_sec(*scan, "--vex", file, "--json", stored, environment=environment)
    report = json.loads(stored.read_text())
    assert "Verdict: BLOCK" not in ended.out
    assert ["--vex", "v.json"] in report["options"]
    assert [use["label"] for use in report["decision"]["waivers"] if use["used"]] == ["VEX statement on CVE-2021-25900"]
    file.write_text("[]")
    refused = magray_sec(*scan, "--vex", file, environment=environment)
    assert (refused.code, refused.out) == (2, "")
    assert "expected an OpenVEX document" in refused.err
