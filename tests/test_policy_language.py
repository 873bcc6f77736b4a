"""What a policy can say beside its rules: when a rule is in force, what it extends, what is required of each domain."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from judging import TODAY, decide, file_gap, finding, item_gap, package, policy, run
from magray_sec.errors import SettingsError
from magray_sec.model.decision import Decision
from magray_sec.model.scale import Domain, Outcome, State, Verdict
from magray_sec.policy.check import check_policy
from magray_sec.policy.judge import exit_code
from magray_sec.policy.load import load_policy
from magray_sec.policy.types import EVENTS, Policy

CODE = finding(domain=Domain.CODE, rule="x", path="src/a.py")

# --- when


@pytest.mark.parametrize(
    ("when", "branch", "event", "path", "holds"),
    [
        ("{event: pull_request}", None, "pull_request", "src/a.py", True),
        ("{event: pull_request}", None, "push", "src/a.py", False),
        ("{event: [push, schedule]}", None, "schedule", "src/a.py", True),
        ("{event: release}", "main", None, "src/a.py", False),
        ("{branch: main}", "main", None, "src/a.py", True),
        ("{branch: 'release/*'}", "release/1/2", None, "src/a.py", True),
        ("{branch: main}", "other", None, "src/a.py", False),
        ("{branch: main}", None, None, "src/a.py", False),
        ("{path: 'src/**'}", None, None, "src/a.py", True),
        ("{path: ['docs/', '*.py']}", None, None, "src/a.py", True),
        ("{path: 'docs/**'}", None, None, "src/a.py", False),
        ("{branch: main, event: push, path: 'src/**'}", "main", "push", "src/a.py", True),
        ("{branch: main, event: push, path: 'src/**'}", "main", "push", "lib/a.py", False),
        ("{branch: main, event: push, path: 'src/**'}", "main", "release", "src/a.py", False),
    ],
)
def test_a_rule_is_in_force_when_all_it_asks_holds(
    when: str, branch: str | None, event: str | None, path: str, *, holds: bool
) -> None:
    made = policy(f"[{{id: a, match: {{domain: code}}, when: {when}, verdict: block}}]")
    found = finding(domain=Domain.CODE, rule="x", path=path)
    decision = decide(made, found, branch=branch, event=event)
    assert (decision.verdict is Verdict.BLOCK) is holds
    assert decision.rulings[0].rule == ("a" if holds else "default")


def test_what_nobody_states_is_said_and_never_guessed() -> None:
    rules = "\n- {id: a, match: {}, when: {event: [push, release]}, verdict: block}\n- {id: b, match: {}, when: {branch: main}, verdict: block}"
    made = policy(rules)
    assert decide(made, CODE).notes == (
        "rule 'a' (p.yaml:4) is for push or release, and no event is stated (--event): it is not in force",
        "rule 'b' (p.yaml:5) is for main, and the branch is not known: it is not in force",
    )
    assert decide(made, CODE, branch="x", event="schedule").notes == ()


def test_the_events_are_those_of_the_schema() -> None:
    for event in EVENTS:
        assert policy(f"[{{id: a, match: {{}}, when: {{event: {event}}}, verdict: pass}}]").rules[0].when.event == (
            event,
        )


def test_a_rule_of_another_time_takes_nothing_of_the_next_one() -> None:
    rules = "[{id: a, match: {domain: code}, when: {event: push}, verdict: pass}, {id: b, match: {domain: code}, verdict: block}]"
    made = policy(rules)
    assert made.warnings == ()
    assert decide(made, CODE, event="push").verdict is Verdict.PASS
    assert decide(made, CODE, event="release").verdict is Verdict.BLOCK


def test_a_rule_that_is_narrower_by_its_time_alone_is_reached_and_the_other_way_round_is_not() -> None:
    narrow, wide = (
        "{id: n, match: {domain: code}, when: {event: push, branch: main}, verdict: pass}",
        "{id: w, match: {domain: code}, when: {event: [push, release]}, verdict: pass}",
    )
    assert policy(f"[{narrow}, {wide}]").warnings == ()
    (found,) = policy(f"[{wide}, {narrow}]").warnings
    assert found.message == "rule 'n' is never reached: 'w' (line 3) takes all it matches"


# --- extends


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "ci").mkdir()
    return tmp_path


def load(folder: Path, files: dict[str, str], first: str = "ci/policy.yaml", cache: str | None = None) -> Policy:
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return load_policy(first, root=os.path.realpath(folder), cache=cache)


WAIVER = "{match: {rule: %s}, reason: r, owner: o, expires: 2027-01-01}"
BASE = f"""\
version: 1
require: [secrets, code]
on_incomplete: block
rules:
  - {{id: one, match: {{domain: code}}, max: 5, verdict: block}}
  - {{id: two, match: {{domain: secrets}}, verdict: block}}
default: review
gaps: {{item: review, file: incomplete}}
waivers: [{WAIVER % "base"}]
accept: [{{scanner: base, reason: r, owner: o, expires: 2027-01-01}}]
licenses: {{allow: [MIT, ISC], deny: [GPL-3.0-only], exceptions: [{{package: a, allow: [MPL-2.0], reason: r}}]}}
waiver_limits: {{critical: 30d, high: 90d}}
"""


def test_a_policy_over_another(folder: Path) -> None:
    own = f"""\
version: 1
extends: ../base.yaml
rules:
  - {{id: three, match: {{domain: unsafe}}, verdict: review}}
  - {{id: one, match: {{domain: code}}, verdict: pass}}
gaps: {{file: review}}
waivers: [{WAIVER % "own"}]
accept: [{{scanner: own, reason: r, owner: o, expires: 2027-01-01}}]
licenses: {{deny: [MIT], clarify: [{{package: b, license: MIT, reason: r}}]}}
waiver_limits: {{high: 60d}}
"""
    made = load(folder, {"base.yaml": BASE, "ci/policy.yaml": own})
    assert [(rule.id, rule.verdict, rule.max, rule.file, rule.line) for rule in made.rules] == [
        ("three", Verdict.REVIEW, 0, "ci/policy.yaml", 4),
        ("one", Verdict.PASS, 0, "ci/policy.yaml", 5),
        ("two", Verdict.BLOCK, 0, "base.yaml", 6),
    ]
    assert (made.require, made.on_incomplete, made.default) == ((Domain.SECRETS, Domain.CODE), "block", Verdict.REVIEW)
    assert (made.gaps.item, made.gaps.file) == ("review", "review")
    assert [(waiver.match.rule, waiver.file) for waiver in made.waivers] == [
        (("base",), "base.yaml"),
        (("own",), "ci/policy.yaml"),
    ]
    assert [entry.scanner for entry in made.accept] == ["base", "own"]
    terms = made.licenses
    assert (terms.allow, terms.deny) == (("ISC",), ("MIT",))
    assert (len(terms.exceptions), len(terms.clarify)) == (1, 1)
    assert {severity.value: days for severity, days in made.waiver_limits} == {"critical": 30, "high": 60}
    assert (made.name, made.file, made.bases) == ("ci/policy.yaml", "ci/policy.yaml", ("base.yaml",))
    assert made.require_file == "base.yaml"


def test_several_policies_the_later_over_the_earlier(folder: Path) -> None:
    one = "version: 1\nrequire: [code]\ndefault: review\nrules: [{id: a, match: {}, verdict: pass}, {id: b, match: {}, verdict: pass}]\n"
    two = "version: 1\nextends: ./empty.yaml\nrules: [{id: b, match: {}, verdict: block}, {id: c, match: {}, verdict: pass}]\n"
    files = {
        "ci/one.yaml": one,
        "ci/two.yaml": two,
        "ci/empty.yaml": "version: 1\nrequire: []\nrules: []\n",
        "ci/policy.yaml": "version: 1\nextends: [./one.yaml, ./two.yaml]\n",
    }
    made = load(folder, files)
    assert [(rule.id, rule.verdict.value) for rule in made.rules] == [("c", "pass"), ("a", "pass"), ("b", "block")]
    assert made.default is Verdict.REVIEW, "two.yaml says nothing of it"
    assert made.require == (), "empty.yaml says that nothing is required"
    assert made.bases == ("ci/one.yaml", "ci/empty.yaml", "ci/two.yaml")


def test_a_shipped_policy_is_extended_by_its_name(folder: Path) -> None:
    made = load(folder, {"ci/policy.yaml": "version: 1\nextends: default\n"})
    plain = load_policy("default", root=None, cache=None)
    assert [rule.id for rule in made.rules] == [rule.id for rule in plain.rules]
    assert made.require == plain.require
    assert made.digest != plain.digest
    assert check_policy(made) == ()


def test_what_is_extended_twice_is_there_once(folder: Path) -> None:
    files = {"ci/base.yaml": BASE}
    for number in range(12):
        below = "base" if not number else f"l{number - 1}"
        for side in "ab":
            files[f"ci/{'l' if side == 'a' else 'r'}{number}.yaml"] = (
                f"version: 1\nextends: [./{below}.yaml, ./{below.replace('l', 'r')}.yaml]\n"
                if number
                else "version: 1\nextends: ./base.yaml\n"
            )
    files["ci/policy.yaml"] = "version: 1\nextends: [./l11.yaml, ./r11.yaml]\n"
    made = load(folder, files)
    assert (len(made.rules), len(made.waivers), len(made.accept)) == (2, 1, 1)


@pytest.mark.parametrize(
    ("files", "place", "says"),
    [
        ({"ci/policy.yaml": "version: 1\nextends: ./policy.yaml\n"}, "ci/policy.yaml:2:10", "extends itself: ci/policy.yaml > ci/policy.yaml"),
        (
            {"ci/policy.yaml": "version: 1\nextends: [default, ./b.yaml]\n", "ci/b.yaml": "version: 1\n# b\nextends: ../ci/./policy.yaml\n"},
            "ci/b.yaml:3:10",
            "extends itself: ci/policy.yaml > ci/b.yaml > ci/policy.yaml",
        ),
        ({"ci/policy.yaml": "version: 1\nextends: defualt\n"}, "ci/policy.yaml:2:10", "no policy is called 'defualt'"),
        ({"ci/policy.yaml": "version: 1\nextends: ./nosuch.yaml\n"}, "ci/policy.yaml:2:10", "there is no policy file './nosuch.yaml'"),
        ({"ci/policy.yaml": "version: 1\nextends: [default, ../../x.yaml]\n"}, "ci/policy.yaml:2:20", "lies outside the target"),
        ({"ci/policy.yaml": "version: 1\nextends: /etc/x.yaml\n"}, "ci/policy.yaml:2:10", "lies outside the target"),
        ({"ci/policy.yaml": "version: 1\nextends: ./b.yaml\n", "ci/b.yaml": "version: 1\nrules: []\n"}, "ci/b.yaml:1:1", "missing key 'require'"),
        ({"ci/policy.yaml": "version: 1\nextends: []\n"}, "ci/policy.yaml:2:10", "extends: expected"),
        ({"ci/policy.yaml": "version: 1\nextends: {a: b}\n"}, "ci/policy.yaml:2:10", "expected a policy's name or path"),
        ({"ci/policy.yaml": "version: 1\nextends: default\nvex: ../../v.json\n"}, "ci/policy.yaml:3:6", "lies outside the target"),
    ],
)  # fmt: skip
def test_what_cannot_be_extended(folder: Path, files: dict[str, str], place: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(folder, files)
    assert str(caught.value).startswith(f"{place}: ")
    assert says in str(caught.value)


def test_a_link_that_leads_out_of_the_target_is_not_extended(folder: Path) -> None:
    root = folder / "root"
    root.mkdir()
    (folder / "out.yaml").write_text(BASE)
    (root / "in.yaml").symlink_to(folder / "out.yaml")
    (root / "p.yaml").write_text("version: 1\nextends: ./in.yaml\n")
    with pytest.raises(SettingsError, match="leads out of the target"):
        load_policy("p.yaml", root=os.path.realpath(root), cache=None)


def test_a_policy_of_too_many_files(folder: Path) -> None:
    files = {f"ci/p{n}.yaml": f"version: 1\nextends: ./p{n + 1}.yaml\n" for n in range(60)}
    with pytest.raises(SettingsError, match="a policy of more than 50 files"):
        load(folder, files, "ci/p0.yaml")


def test_a_change_of_what_is_extended_counts_and_the_cache_holds_each_file(folder: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    own = {"ci/policy.yaml": "version: 1\nextends: ../base.yaml\n"}
    first = load(folder, {"base.yaml": BASE, **own}, cache=cache)
    again = load(folder, {}, cache=cache)
    assert again == first
    changed = load(folder, {"base.yaml": BASE.replace("max: 5", "max: 6")}, cache=cache)
    assert changed.rules[0].max == 6
    assert changed.digest != first.digest


def test_the_warnings_of_both_are_said_with_their_files(folder: Path) -> None:
    own = "version: 1\nextends: ../base.yaml\nrules: [{id: mine, match: {domain: code}, verdict: pass}]\n"
    made = load(folder, {"base.yaml": BASE, "ci/policy.yaml": own})
    (note,) = decide(made, today=TODAY, runs=(run(),)).notes[:1]
    assert note == (
        "base.yaml:5: rule 'one' contradicts 'mine' (ci/policy.yaml:3): they are for the same findings, "
        "and the first one decides (pass)"
    )


# --- what is required of each domain


def incomplete(required: str, more: str = "", **scan: object) -> Decision:
    return decide(policy("[]", more, require=required), **scan)


@pytest.mark.parametrize(
    ("word", "verdict", "complete", "effect", "code"),
    [
        ("incomplete", Verdict.PASS, False, "incomplete", 3),
        ("block", Verdict.BLOCK, False, "incomplete", 1),
        ("review", Verdict.REVIEW, True, "review", 0),
        ("warn", Verdict.PASS, True, "noted", 0),
    ],
)
@pytest.mark.parametrize("is_of_domain", [True, False])
def test_what_it_does_that_a_domain_was_not_looked_at(
    word: str, verdict: Verdict, effect: str, code: int, *, complete: bool, is_of_domain: bool
) -> None:
    required = f"[{{domain: dependencies, on_incomplete: {word}}}]" if is_of_domain else "[dependencies]"
    more = "on_incomplete: incomplete" if is_of_domain else f"on_incomplete: {word}"
    decision = incomplete(required, more, gaps=(item_gap(),))
    assert (decision.verdict, decision.complete, decision.gaps[0].effect) == (verdict, complete, effect)
    assert exit_code(decision, "block") == code
    said = [note for note in decision.notes if "on_incomplete: warn" in note]
    assert bool(said) is (word == "warn")
    nobody = incomplete(required, more, runs=(run(domains=(Domain.CODE,)),))
    assert (nobody.verdict, nobody.complete) == (verdict, complete)


@pytest.mark.parametrize(("word", "verdict"), [("incomplete", Verdict.PASS), ("block", Verdict.BLOCK), ("review", Verdict.REVIEW), ("warn", Verdict.PASS)])  # fmt: skip
def test_a_scanner_that_broke_is_incomplete_whatever_the_policy_says(word: str, verdict: Verdict) -> None:
    broke = run("zizmor", Outcome.FAILED, (Domain.WORKFLOWS,), reason="exit 1")
    decision = incomplete("[]", f"on_incomplete: {word}", runs=(broke,))
    assert (decision.verdict, decision.complete) == (verdict, False)
    assert exit_code(decision, "block") in (1, 3)
    missing = incomplete("[]", f"on_incomplete: {word}\nrequire_scanners: [zizmor]")
    assert (missing.verdict, missing.complete) == (verdict, False)


def test_the_strictest_word_counts_where_several_domains_are_lost() -> None:
    required = "[{domain: code, on_incomplete: block}, {domain: secrets, on_incomplete: warn}]"
    broke = run("x", Outcome.TIMED_OUT, (Domain.CODE, Domain.SECRETS))
    assert incomplete(required, runs=(broke, run())).verdict is Verdict.BLOCK
    files = tuple(file_gap(f"{domain.value}.x", domain=domain) for domain in (Domain.SECRETS, Domain.CODE))
    decision = incomplete(required, "gaps: {file: incomplete}", gaps=files)
    assert [ruling.effect for ruling in decision.gaps] == ["incomplete", "noted"]
    assert (decision.verdict, decision.complete) == (Verdict.BLOCK, False)


def test_a_domain_is_required_once() -> None:
    with pytest.raises(SettingsError, match=r"p.yaml:2:17: 'code' is required twice"):
        policy(require="[code, {domain: code, on_incomplete: warn}]")


# --- licences


def licence(expression: str | None, name: str = "a", version: str = "1.0", **more: object):
    return finding(domain=Domain.LICENSES, rule="x", package=package(name, version, license=expression), **more)


TERMS = """licenses:
  allow: [MIT, Apache-2.0, Apache-2.0 WITH LLVM-exception]
  review: [MPL-2.0]
  deny: [GPL-3.0-only, AGPL-3.0-only]
"""


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        ("MIT", "pass"),
        ("mit", "pass"),
        ("MPL-2.0", "review"),
        ("GPL-3.0-only", "block"),
        ("Zlib", "block"),
        ("MIT OR GPL-3.0-only", "pass"),
        ("MIT AND GPL-3.0-only", "block"),
        ("MIT AND MPL-2.0", "review"),
        ("MIT AND (MPL-2.0 OR Apache-2.0)", "pass"),
        ("MPL-2.0 OR GPL-3.0-only", "review"),
        ("(MIT AND MPL-2.0) OR Zlib", "review"),
        ("GPL-3.0-or-later", "block"),
        ("GPL-3.0+", "block"),
        ("Apache-2.0 WITH LLVM-exception", "pass"),
        ("GPL-3.0-only WITH GCC-exception-3.1", "block"),
        (None, "review"),
        ("unknown", "review"),
        ("See LICENSE", "review"),
        ("MIT AND Strange", "review"),
        ("MIT OR Strange", "pass"),
        ("LicenseRef-ours", "review"),
        ("(" * 3000, "review"),
    ],
)
def test_what_the_licence_policy_says(expression: str | None, verdict: str) -> None:
    decision = decide(policy("[{id: all, match: {}, verdict: block}]", TERMS), licence(expression))
    assert decision.verdict.value == verdict
    assert (
        decision.rulings[0].rule
        == {"block": "licenses.deny", "review": "licenses.review", "pass": "licenses.allow"}[verdict]
    )


@pytest.mark.parametrize(
    ("terms", "expression", "verdict"),
    [
        ("{deny: [GPL-3.0-only]}", "Zlib", "pass"),
        ("{deny: [GPL-3.0-only]}", "unknown", "review"),
        ("{deny: [unknown]}", "unknown", "block"),
        ("{deny: [unknown]}", "file-only", "block"),
        ("{allow: [unknown]}", "unknown", "pass"),
        ("{allow: [MIT], unlisted: review}", "Zlib", "review"),
        ("{review: [MIT], unlisted: block}", "Zlib", "block"),
        ("{allow: [LicenseRef-ours]}", "LicenseRef-ours", "pass"),
        ("{allow: [unknown], deny: [LicenseRef-ours]}", "LicenseRef-ours", "block"),
    ],
)
def test_what_no_list_names(terms: str, expression: str, verdict: str) -> None:
    assert decide(policy("[]", f"licenses: {terms}"), licence(expression)).verdict.value == verdict


def test_exceptions_and_clarifications_are_of_a_package_and_its_versions() -> None:
    more = """licenses:
  allow: [MIT]
  exceptions:
    - {package: [webpki, 'pkg:cargo/colored'], version: '<2', allow: [MPL-2.0], reason: linked alone}
  clarify:
    - {package: ring, version: '>=0.16,<0.18', license: MIT AND ISC, reason: its LICENSE file}
    - {package: ring, license: MIT, reason: its LICENSE file}
"""
    made = policy("[]", more)
    cases = [
        (licence("MPL-2.0", "webpki", "1.9"), Verdict.PASS),
        (licence("MPL-2.0", "webpki", "2.0"), Verdict.BLOCK),
        (licence("MPL-2.0", "colored", "1.0"), Verdict.PASS),
        (licence("MPL-2.0", "other", "1.0"), Verdict.BLOCK),
        (licence("MPL-2.0 AND MIT", "webpki", "1.0"), Verdict.PASS),
        (licence(None, "ring", "0.17.0"), Verdict.BLOCK),
        (licence(None, "ring", "0.18.0"), Verdict.PASS),
        (licence("GPL-3.0-only", "ring", "1.0"), Verdict.PASS),
    ]
    for found, verdict in cases:
        assert decide(made, found).verdict is verdict, found.package
    rules = (
        "[{id: a, match: {domain: licenses, license_not: [MIT]}, verdict: block}, {id: b, match: {}, verdict: pass}]"
    )
    plain = policy(rules, "licenses: {clarify: [{package: ring, license: MIT, reason: r}]}")
    assert decide(plain, licence("GPL-3.0-only", "ring")).rulings[0].rule == "b", "a clarified licence is for rules too"
    assert decide(plain, licence("GPL-3.0-only", "other")).rulings[0].rule == "a"


def test_the_licence_policy_is_a_reason_and_leaves_other_domains_to_the_rules() -> None:
    made = policy("[{id: all, match: {}, verdict: pass}]", TERMS)
    decision = decide(made, licence("Zlib"), licence("GPL-3.0-only"), licence("MPL-2.0"), CODE)
    assert [(reason.rule, reason.verdict.value, reason.count, reason.message) for reason in decision.reasons] == [
        ("licenses.deny", "block", 2, "2 licences are denied by the licence policy"),
        ("licenses.review", "review", 1, "1 licence is to be reviewed by the licence policy"),
    ]
    assert decision.rulings[-1].rule == "all"
    known = decide(made, licence("Zlib", state=State.EXISTING))
    assert (known.verdict, known.rulings[0].rule) == (Verdict.PASS, "baseline")


def test_a_rule_of_licences_beside_a_licence_policy_is_never_reached() -> None:
    made = policy("[{id: a, match: {domain: licenses, license: MIT}, verdict: block}]", TERMS, require="[licenses]")
    (found,) = check_policy(made)
    assert found.message == "rule 'a' is never reached: 'licenses' decides on every licence"


@pytest.mark.parametrize(
    ("terms", "says", "hint"),
    [
        ("{allow: [MIT], deny: [ISC, mit]}", "'mit' stands in 'allow' as well", "one place"),
        ("{allow: [MIT, mit]}", "'mit' is given twice", "one place"),
        ("{allow: [MTI]}", "'MTI' is not a licence of the SPDX list", "did you mean"),
        ("{allow: ['MIT OR ISC']}", "not a licence of the SPDX list", "each licence by itself"),
        ("{exceptions: [{package: a, allow: [Apache], reason: r}]}", "'Apache' is not a licence", "Apache-2.0"),
        ("{clarify: [{package: a, license: MIT AND, reason: r}]}", "'MIT AND' is no SPDX expression", "OR, AND and WITH"),
        ("{clarify: [{package: a, license: Strange, reason: r}]}", "'Strange' is no SPDX expression", "LicenseRef-name"),
        ("{clarify: [{package: a, license: MIT}]}", "missing key 'reason'", "why it may"),
        ("{alow: [MIT]}", "unknown key 'alow' in licenses", "'allow'"),
        ("{unlisted: deny}", "'deny' is not allowed", "block"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_licence_policy(terms: str, says: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        policy("[]", f"licenses: {terms}")
    assert str(caught.value).startswith("p.yaml:4:")
    assert says in str(caught.value)
    assert hint in caught.value.hint
