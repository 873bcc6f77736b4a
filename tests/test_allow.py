"""Comments that allow findings: what is one, what it allows, what is said of it, and how every report shows it."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line import REPOSITORY, Scanned, magray_sec, read, scan, surroundings
from judging import TODAY, decide, policy
from magray_sec import worker
from magray_sec.adapters import regex_rules
from magray_sec.allow import Known, allow, comment_for
from magray_sec.allowance import MOST, START, Allowance, allowances
from magray_sec.interpret import interpret
from magray_sec.model.adapter import Adapter, Marked, Step, StepOutput
from magray_sec.model.decision import Allowed, Decision
from magray_sec.model.finding import Finding, Location, Region, Rule, Sighting, Witness
from magray_sec.model.run import Claim, Command, Gap, RawOutput, ScanContext, ToolRun
from magray_sec.model.scale import Confidence, Domain, Outcome, Severity, Verdict
from magray_sec.policy.judge import judge
from memory import MemorySource
from planting import found, notifications, token
from trees import git, write

ALLOW = START  # such a comment in this file, written out, would be one
BLOCKS = "[{id: any, match: {}, verdict: block}]"
PACK = """version: 1
pack: test
rules:
  - id: new-name
    aliases: [old-name]
    domain: secrets
    title: A key
    description: A key of the test.
    help: Take it out.
    severity: high
    confidence: high
    cwe: CWE-798
    pattern: 'key_[a-z0-9]{20}'
    examples: {match: ['key_{{lowernum:20}}'], no_match: ['key_']}
"""


def only(text: str) -> Allowance:
    (mark,) = allowances(text.encode())
    return mark


# --- what is such a comment


@pytest.mark.parametrize(
    "text",
    [
        "TOKEN=x # {}",
        "key: x  # {}",
        "let a = 1; // {}",
        "/// {}",
        "select 1 -- {}",
        "x <!-- {} -->",
        "<!-- {} -->text",
        "/* {} */",
        "int a; /* {} */ int b;",
        " * {}",
        "; {}",
        "% {}",
        "{{# {} #}}",
        "{{- {} -}}",
        "(* {} *)",
        "--[[ {} ]]",
        "REM {}",
        "' {}",
        '" {}',
        '"""{}"""',
        '  "//": "{}",',
        "  'note': '{}'",
        '  "note": "# {}",',
        "# noqa: S105 {}",
        "x = 1  # type: ignore # {}",
        "see `x` # {}",
        "#{}",
        "/* # {} */",
    ],
)
def test_it_stands_in_what_looks_like_a_comment_and_ends_with_it(text: str) -> None:
    mark = only(text.replace("{{", "{").replace("}}", "}").replace("{}", f"{ALLOW} secrets/github-pat used in tests"))
    assert (mark.rules, mark.reason) == (("secrets/github-pat",), "used in tests")
    assert mark.counts


@pytest.mark.parametrize(
    "text",
    [
        "{} a reason",
        "prose that says {} a reason",
        "write `{} a reason` there",
        "write `# {} a reason` there",
        "``# {} a reason``".replace("``", "`"),
        "# {}ed a reason",
        "# {}-list a reason",
    ],
)
def test_prose_and_quoted_code_are_none(text: str) -> None:
    assert allowances(text.replace("{}", ALLOW).encode()) == ()


@pytest.mark.parametrize(
    ("said", "rules", "reason"),
    [
        ("a, b,code/c why not", ("a", "b", "code/c"), "why not"),
        ("a: because", ("a",), "because"),
        ("a - because", ("a",), "because"),
        ("a \u2014 because", ("a",), "because"),
        ("a , b because", ("a", "b"), "because"),
        ("a don't care", ("a",), "don't care"),
        ('a the "demo" key', ("a",), 'the "demo" key'),
        ("a", ("a",), ""),
        ("a, b", ("a", "b"), ""),
        ("a - !", ("a",), ""),
        ("", (), ""),
        ("   ", (), ""),
        ("* everything", ("*",), "everything"),
    ],
)
def test_it_names_rules_and_gives_a_reason(said: str, rules: tuple[str, ...], reason: str) -> None:
    mark = only(f"X=1 # {ALLOW} {said}")
    assert (mark.rules, mark.reason) == (rules, reason)
    assert mark.counts is bool(rules and reason)


def test_it_tells_whether_nothing_else_stands_on_its_line() -> None:
    why = f"{ALLOW} a why"
    alone = (f"# {why}", f"\t// {why}", f"<!-- {why} -->", f'  "//": "{why}",', f"# other words {why}", f"/* {why} */ ")
    beside = (f"x = 1 # {why}", f"/* {why} */ x = 1", f"`x` <!-- {why} -->", f"<!-- {why} --> x", f'f("a", "{why}")')
    assert [only(text).is_alone for text in alone] == [True] * len(alone)
    assert [only(text).is_alone for text in beside] == [False] * len(beside)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_findings_count_them(newline: str) -> None:
    text = newline.join(["a", f"# {ALLOW} a b", "", "c", f"# {ALLOW} c d", f"x # {ALLOW} e f; # {ALLOW} g h"])
    assert [(mark.line, mark.rules, mark.reason) for mark in allowances(text.encode())] == [
        (2, ("a",), "b"),
        (5, ("c",), "d"),
        (6, ("e",), "f"),
        (6, ("g",), "h"),
    ]


def test_a_cut_reason_ends_with_a_whole_word() -> None:
    mark = only(f"# {ALLOW} a {'word ' * 815}{'x' * 200}")
    assert mark.reason.endswith("word")
    assert "xx" not in mark.reason
    assert only(f"# {ALLOW} a {'x' * 5000}").reason == ""


def test_of_very_many_the_first_are_read() -> None:
    data = f"# {ALLOW} a b\n".encode() * (MOST + 5)
    assert len(allowances(data)) == MOST
    assert allowances(data)[-1].line == MOST


@given(st.binary(max_size=80), st.binary(max_size=80), st.binary(max_size=40))
@settings(max_examples=60, deadline=None)
def test_any_bytes_are_read(before: bytes, between: bytes, after: bytes) -> None:
    mark = ALLOW.encode()
    data = before + b"# " + mark + b" " + between + b"# " + mark + after
    marks = allowances(data)
    assert marks == allowances(data)
    lines = len(re.findall(rb"\r\n|\r|\n", data)) + 1
    assert all(1 <= one.line <= lines for one in marks)
    assert [one.line for one in marks] == sorted(one.line for one in marks)
    assert all(one.reason == "" or re.search(r"\w", one.reason) for one in marks)


# --- what it allows


def secret(
    line: int | None = 1,
    rule: str = "secrets/new-name",
    path: str = "a.env",
    domain: Domain = Domain.SECRETS,
    **more: Any,
) -> Finding:
    region = Region(start_line=line, start_column=1) if line else None
    values = {
        "identity": f"v1:{hash((line, rule, path)) & (1 << 64) - 1:032x}",
        "domain": domain,
        "rule": Rule(id=rule, domain=domain, title=rule),
        "severity": Severity.HIGH,
        "confidence": Confidence.HIGH,
        "message": "a key",
        "location": Location(path=path, region=region),
        "witnesses": (Witness(tool="regex-rules", native_rule=rule),),
    }
    return Finding(**(values | more))


def run(adapter: str = "regex-rules", outcome: Outcome = Outcome.COMPLETED, **more: Any) -> ToolRun:
    return ToolRun(adapter=adapter, domains=(Domain.SECRETS,), outcome=outcome, **more)


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write(tmp_path_factory.mktemp("pack"), {"p.yaml": PACK}) / "p.yaml")


Ask = Callable[..., Allowed]


@pytest.fixture
def ask(pack: str) -> Ask:
    """What comments in texts allow of findings, as the pipeline asks it: files with a finding were read before."""

    def asked(
        texts: Mapping[str, str], *findings: Finding, runs: tuple[ToolRun, ...] = (run(),), **more: Any
    ) -> Allowed:
        contents = {path: text.encode() for path, text in texts.items()}
        named = {finding.location.path for finding in findings}
        written = {(path, ""): allowances(data) for path, data in contents.items() if path in named}
        adapter = Adapter(
            id="other", title="other", domains=frozenset(), claims=lambda _: (), canonical={"x": "code/mapped"}
        )
        known = Known(adapters=(adapter,), packs=(pack,), cache=None, runs=runs)
        marked = [path for path, data in sorted(contents.items()) if ALLOW.encode() in data]
        return allow(findings, written, MemorySource(contents), known, marked=marked, **more)

    return asked


def said(allowed: Allowed) -> list[str]:
    return [entry.message for entry in allowed.warnings]


@pytest.mark.parametrize(
    "name", ["secrets/new-name", "new-name", "secrets/old-name", "old-name", "NEW-NAME", "x1, new-name"]
)
def test_a_rule_is_named_by_any_of_its_names(ask: Ask, name: str) -> None:
    allowed = ask({"a.env": f"X=1 # {ALLOW} {name} used in tests\n"}, secret())
    assert allowed.by == (0,)
    (comment,) = allowed.comments
    assert (comment.file, comment.line, comment.reason) == ("a.env", 1, "used in tests")
    assert len(comment.rules) == 1
    assert len(said(allowed)) == ("x1" in name)


@pytest.mark.parametrize(
    ("text", "line", "is_allowed"),
    [
        ("X # {} why", 1, True),
        ("# {} why\nX", 2, True),
        ("# {} why\n\nX", 3, False),
        ("# {} why\n# other\nX", 3, False),
        ("# {} why\n# {} too\n# {} also\nX", 4, True),
        ("X # {} why\nY", 2, False),
        ("Y\n# {} why", 1, False),
        ("# {} why\n" + "# MARK other-rule why\n" * 3 + "X", 5, True),
        ("# {}\nX", 2, False),
    ],
)
def test_it_speaks_for_its_line_and_alone_on_it_for_the_line_below(
    ask: Ask, text: str, line: int, is_allowed: bool
) -> None:
    text = text.replace("{}", f"{ALLOW} new-name").replace("MARK", ALLOW)
    (by,) = ask({"a.env": text}, secret(line)).by
    assert (by is not None) is is_allowed


def test_of_several_the_nearest_is_named_and_all_are_used(ask: Ask) -> None:
    text = f"# {ALLOW} new-name far\n# {ALLOW} new-name near\nX # {ALLOW} new-name same\n"
    allowed = ask({"a.env": text}, secret(3))
    assert [allowed.comments[index or 0].reason for index in allowed.by] == ["same"]
    assert [comment.reason for comment in allowed.comments] == ["far", "near", "same"]
    assert said(allowed) == []


@pytest.mark.parametrize("domain", list(Domain))
def test_it_allows_what_is_written_here_and_no_dependency(ask: Ask, domain: Domain) -> None:
    text = f"X # {ALLOW} {domain.value}/thing why\n"
    is_allowed = domain in {Domain.SECRETS, Domain.CODE, Domain.UNSAFE, Domain.WORKFLOWS}
    allowed = ask({"a.env": text}, secret(rule=f"{domain.value}/thing", domain=domain))
    assert allowed.by == ((0,) if is_allowed else (None,))
    assert len(said(allowed)) == (not is_allowed)
    if not is_allowed:
        assert "waived in the policy" in said(allowed)[0]


def test_another_rule_another_file_another_commit_and_no_line_are_not_allowed(ask: Ask) -> None:
    findings = (
        secret(rule="secrets/new-name-2"),
        secret(path="b.env"),
        secret(location=Location(path="a.env", region=Region(start_line=1), commit="c" * 40)),
        secret(line=None),
    )
    allowed = ask({"a.env": f"X # {ALLOW} new-name why\n", "b.env": "X\n"}, *findings)
    assert allowed.by == (None,) * 4
    assert allowed.comments == ()


def test_a_finding_in_a_commit_is_allowed_by_that_commits_lines(pack: str) -> None:
    finding = secret(location=Location(path="a.env", region=Region(start_line=1), commit="c" * 40))
    written = {("a.env", "c" * 40): allowances(f"X # {ALLOW} new-name why\n".encode())}
    known = Known(adapters=(), packs=(pack,), cache=None, runs=(run(),))
    allowed = allow((finding,), written, MemorySource({}), known)
    assert allowed.by == (0,)
    assert allowed.comments[0].file == f"{'c' * 12}:a.env"


def test_a_finding_of_another_scanner_is_allowed_where_the_rule_engine_did_not_run(ask: Ask) -> None:
    seen = secret(rule="secrets/detect-secrets.thing", witnesses=(Witness(tool="detect-secrets", native_rule="thing"),))
    text = {"a.env": f"X # {ALLOW} detect-secrets.thing why\nY # {ALLOW} new-name why\n"}
    allowed = ask(text, seen, runs=(run("detect-secrets"), run("regex-rules", Outcome.SKIPPED)))
    assert allowed.by == (0,)
    assert said(allowed) == [], "what nobody looked for is not called unused"


# --- what is said of it


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# {}", "a.env:1: the comment names no rule and allows nothing: write '{} RULE why it is fine'"),
        ("\n# {} new-name", "a.env:2: the comment gives no reason and allows nothing: write '{} new-name why it is fine'"),
        ("# {} * all", "a.env:1: '*' is no rule: there is no wildcard, name each rule by its id"),
        ("# {} secrets/* all", "a.env:1: 'secrets/*' is no rule: there is no wildcard, name each rule by its id"),
        ("# {} nwe-name x", "a.env:1: the comment allows 'nwe-name', and there is no such rule: did you mean 'secrets/new-name'?"),
        ("# {} zzz x", "a.env:1: the comment allows 'zzz', and there is no such rule: `magray-sec list rules` shows all"),
        ("# {} new-name x", "a.env:1: the comment allows 'new-name', and there is no such finding here: remove it"),
        ("# {} RUSTSEC-2023-0071 x", "a.env:1: 'RUSTSEC-2023-0071' cannot be allowed by a comment: findings in dependencies are waived in the policy"),
        ("# {} licenses/gpl x", "a.env:1: 'licenses/gpl' cannot be allowed by a comment: findings in dependencies are waived in the policy"),
    ],
)  # fmt: skip
def test_what_allows_nothing_is_told_with_its_place_and_what_to_do(ask: Ask, text: str, message: str) -> None:
    allowed = ask({"a.env": text.replace("{}", ALLOW)})
    assert said(allowed) == [message.replace("{}", ALLOW)]
    assert allowed.by == ()


def test_one_rule_of_several_may_be_unused(ask: Ask) -> None:
    allowed = ask({"a.env": f"X # {ALLOW} new-name, mapped why\n"}, secret(), runs=(run(), run("other")))
    assert allowed.comments[0].rules == ("new-name",)
    assert said(allowed) == ["a.env:1: the comment allows 'mapped', and there is no such finding here: remove it"]


@pytest.mark.parametrize(
    "runs",
    [
        (),
        (run("regex-rules", Outcome.SKIPPED),),
        (run("regex-rules", Outcome.FAILED),),
        (run("regex-rules", Outcome.TIMED_OUT),),
    ],
)
def test_unused_is_said_only_where_it_was_looked_for(ask: Ask, runs: tuple[ToolRun, ...]) -> None:
    text = {"a.env": f"# {ALLOW} new-name x"}
    assert said(ask(text, runs=runs)) == []
    assert said(ask(text, is_part=True)) == []
    assert len(said(ask(text))) == 1


def test_examples_in_the_code_blocks_of_markdown_are_not_told_and_yet_count(ask: Ask) -> None:
    text = f"```sh\n# {ALLOW} new-name x\nX\n```\n<!-- {ALLOW} new-name x -->\n"
    assert [entry[:8] for entry in said(ask({"a.md": text}))] == ["a.md:5: "]
    assert ask({"a.md": text}, secret(3, path="a.md")).by == (0,)


def test_what_a_comment_says_is_harmless_and_holds_no_secret(ask: Ask) -> None:
    value = "".join(random.Random(3).choices("abcdefgh234", k=24))
    split = f"{value[:12]}\u200b{value[12:]}"
    text = f"X # {ALLOW} new-name,{value} \x1b[31mred\x1b[0m ::error::x {value} {split} | <b>\n"
    allowed = ask({"a.env": text}, secret(), hide=lambda line: line.replace(value, "[REDACTED]"))
    everything = repr(allowed)
    assert value not in everything
    assert "\\x1b" not in everything
    assert allowed.comments[0].reason == "red : :error::x [REDACTED] [REDACTED] | <b>"


def test_a_reason_of_invisible_characters_is_none(ask: Ask) -> None:
    allowed = ask({"a.env": f"X # {ALLOW} new-name \x1b[31m\u200b\n"}, secret())
    assert allowed.by == (None,)
    assert "gives no reason" in said(allowed)[0]


def test_a_flood_is_bounded_and_said(ask: Ask) -> None:
    text = f"# {ALLOW} zzz why\n" * (2 * MOST)
    allowed = ask({"a.env": text + f"X # {ALLOW} new-name why\n"}, secret(2 * MOST + 1))
    assert allowed.by == (None,)
    messages = said(allowed)
    assert len(messages) == 52
    assert messages[0] == f"a.env: it holds {MOST} comments that allow something; those beyond are not read"
    assert messages[-1] == f"{MOST - 50} more comments that are to allow something do not"


def test_nothing_depends_on_the_order_of_findings(ask: Ask) -> None:
    text = {"a.env": "".join(f"X # {ALLOW} new-name why {n}\n" for n in range(4)), "b.env": f"Y # {ALLOW} new-name b\n"}
    findings = (*(secret(n) for n in (1, 2, 4, 5)), secret(1, path="b.env"))
    first = ask(text, *findings)
    for order in itertools.islice(itertools.permutations(findings), 0, 120, 17):
        again = ask(text, *order)
        assert (again.comments, again.warnings) == (first.comments, first.warnings)
        assert dict(zip(order, again.by, strict=True)) == dict(zip(findings, first.by, strict=True))


# --- what the policy makes of it


def test_an_allowed_finding_is_ruled_like_a_waived_one(ask: Ask) -> None:
    allowed = ask({"a.env": f"X # {ALLOW} new-name why\n"}, secret())
    decision = decide(policy(BLOCKS), secret(), allowed=allowed)
    assert decision.verdict is Verdict.PASS
    assert decision.rulings[0].waiver == 0
    (use,) = decision.waivers
    assert (use.label, use.reason, use.owner, use.expires) == ("rule new-name", "why", "", None)
    assert (use.file, use.line, use.used, use.expired, use.is_inline) == ("a.env", 1, 1, False, True)
    assert decision.notes == ()


def test_a_waiver_of_the_policy_comes_first_and_the_comment_is_used_all_the_same(ask: Ask) -> None:
    waivers = "waivers:\n  - {match: {rule: new-name}, reason: p, owner: '@sec', expires: %s}\n"
    allowed = ask({"a.env": f"X # {ALLOW} new-name why\n"}, secret())
    assert said(allowed) == []
    decision = decide(policy(BLOCKS, waivers % "2027-01-01"), secret(), allowed=allowed)
    assert decision.rulings[0].waiver == 0
    assert [(use.is_inline, use.used) for use in decision.waivers] == [(False, 1), (True, 0)]
    expired = decide(policy(BLOCKS, waivers % "2025-01-01"), secret(), allowed=allowed)
    assert expired.rulings[0].waiver == 1
    assert "fits no finding that counts" in expired.notes[0]


def test_a_policy_may_ignore_comments_and_says_what_they_would_allow(ask: Ask) -> None:
    allowed = ask({"a.env": f"X # {ALLOW} new-name why\n"}, secret())
    decision = decide(policy(BLOCKS, "inline_allow: ignore"), secret(), allowed=allowed)
    assert decision.verdict is Verdict.BLOCK
    assert decision.rulings[0].waiver is None
    assert decision.waivers == ()
    assert decision.notes == (
        "1 finding is allowed by comments in the target (a.env:1), not honoured here (inline_allow: ignore): each counts",
    )
    assert decide(policy(BLOCKS, "inline_allow: honour"), secret(), allowed=allowed).verdict is Verdict.PASS


LINES = st.lists(
    st.sampled_from(
        ["X", "", "# c", f"# {ALLOW} new-name why", f"X # {ALLOW} new-name,mapped why", f"# {ALLOW} mapped y"]
    ),
    min_size=1,
    max_size=7,
)


@given(lines=LINES, taken=st.integers(0, 6), places=st.sets(st.integers(1, 7), min_size=1), most=st.integers(0, 2))
@settings(max_examples=60, deadline=None)
def test_a_comment_less_never_lowers_the_verdict_nor_touches_another_finding(
    lines: list[str], taken: int, places: set[int], most: int
) -> None:
    findings = tuple(
        secret(line, rule)
        for line in sorted(places)
        if line <= len(lines)
        for rule in ("secrets/new-name", "code/mapped")
    )
    # Its text goes, its line stays: what is below keeps its place.
    less = [line if at != taken else line.partition("#")[0] for at, line in enumerate(lines)]
    given_policy = policy(f"[{{id: any, match: {{}}, max: {most}, verdict: block}}]")
    known = Known(adapters=(), packs=("no such pack",), cache=None, runs=(run(),))

    def decided(texts: list[str]) -> Decision:
        written = {("a.env", ""): allowances("\n".join(texts).encode())}
        allowed = allow(findings, written, MemorySource({}), known)
        return judge(
            findings=findings,
            gaps=(),
            runs=(run(),),
            not_applicable=frozenset(),
            database=None,
            policy=given_policy,
            today=TODAY,
            allowed=allowed,
        )

    with_it, without = decided(lines), decided(less)
    assert without.verdict.rank >= with_it.verdict.rank
    for before, after in zip(with_it.rulings, without.rulings, strict=True):
        assert before.waiver is not None or after.waiver is None
        assert after.verdict.rank >= before.verdict.rank or before.waiver is None


# --- how the rule engine tells of them


def test_the_engine_names_the_files_that_hold_them_and_a_flood_of_them_is_no_gap(tmp_path: Path, pack: str) -> None:
    mark = f"# {ALLOW} new-name why\n"
    contents = {
        "a.txt": mark,
        "b/c.txt": "# magray-sec says allow",
        "flood.txt": mark * (MOST + 100),
        "z.txt": f"{ALLOW}",
    }
    source = MemorySource({path: text.encode() for path, text in contents.items()})
    moment = datetime(2026, 6, 15, tzinfo=UTC)
    context = ScanContext(today=TODAY, started=moment, work=str(tmp_path), cache=None, packs=(pack,))
    claim = Claim(domain=Domain.SECRETS, item="tree:.")
    heard = list(regex_rules.inspect(source, (claim,), context))
    assert [entry.path for entry in heard if isinstance(entry, Marked)] == ["a.txt", "flood.txt", "z.txt"]
    assert not [entry for entry in heard if isinstance(entry, (Gap, Sighting))]


def test_what_the_engine_says_of_them_comes_out_of_its_process(tmp_path: Path) -> None:
    entries = [Marked(path="b"), Marked(path="a \udcff"), Marked(path="b")]
    lines = "".join(f"{line}\n" for line in worker.frames(iter(entries)))
    raw = RawOutput(command=Command(argv=()), exit_code=0, stdout=lines.encode())
    assert list(worker.parse(raw)) == entries
    step = Step(adapter=regex_rules.ADAPTER, claims=(), commands=(raw.command,))
    moment = datetime(2026, 6, 15, tzinfo=UTC)
    output = StepOutput(step=step, version=None, outputs=(raw,), started=moment, duration_s=0.0)
    assert interpret(output, worker.parse).marked == ("a \udcff", "b")


def test_this_repository_holds_none_but_in_the_examples_of_its_documentation() -> None:
    listed = git(REPOSITORY, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    paths = [REPOSITORY / name for name in listed if name]
    holders = {str(path.relative_to(REPOSITORY)) for path in paths if path.is_file() and allowances(path.read_bytes())}
    assert {name for name in holders if not name.endswith(".md")} == set()


# --- the command line


@pytest.mark.parametrize(
    ("path", "start", "end"),
    [
        ("a.rs", "// ", ""),
        ("a.py", "# ", ""),
        (".env", "# ", ""),
        ("a.yml", "# ", ""),
        ("Dockerfile", "# ", ""),
        ("a.sql", "-- ", ""),
        ("a.html", "<!-- ", " -->"),
        ("docs/README.md", "<!-- ", " -->"),
        ("a.css", "/* ", " */"),
        ("a.json", '"//": "', '",'),
    ],
)
def test_the_line_to_paste_is_one_that_counts_there(ask: Ask, path: str, start: str, end: str) -> None:
    finding = secret(2, path=path)
    line = comment_for(finding)
    assert line == f"{start}{ALLOW} secrets/new-name WHY IT IS FINE{end}"
    assert ask({path: f"{line}\nX\n"}, finding).by == (0,)


@pytest.fixture(scope="module")
def places() -> dict[str, str]:
    """A secret in each kind of file, with the comment on its line or the line above."""
    allow_it = f"{ALLOW} secrets/github-pat used in tests"
    return {
        "deploy.env": f"TOKEN={token('env')} # {allow_it}\n",
        "a.yaml": f"# {allow_it}\ntoken: {token('yaml')}\n",
        "README.md": f"Use `{token('md')}` <!-- {ALLOW} github-pat shown on purpose -->\n",
        "src/main.rs": f'fn main() {{}}\n// {allow_it}\nconst T: &str = "{token("rs")}";\n',
        "a.sql": f"select '{token('sql')}'; -- {allow_it}\n",
        "a.html": f"<p>{token('html')}</p><!-- {allow_it} -->\n",
        "a.json": f'{{\n  "//": "{allow_it}",\n  "token": "{token("json")}"\n}}\n',
        "wide.txt": f"# {allow_it}\r\ntoken={token('wide')}\r\n",
    }


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory, warm_cache: Path, places: dict[str, str]) -> Scanned:
    """A scan of a tree whose every finding is allowed, and of comments that allow nothing."""
    folder = tmp_path_factory.mktemp("allow")
    leak = token("env")
    others = {
        "utf16.txt": ("\ufeff" + places["wide.txt"]).encode("utf-16-le"),
        "unused.py": f"# {ALLOW} secrets/github-pat nothing here\n# {ALLOW} secrets/github-pta typo\n# {ALLOW} github-pat\n",
        "said.env": f"TOKEN={token('said')} # {ALLOW} github-pat as in {leak} \x1b[31m| [x](https://example.com)\n",
    }
    target = write(folder / "target", {**places, **others})
    git(target, "init", "-q")
    environment = surroundings(folder, XDG_CACHE_HOME=str(warm_cache))
    return scan(target, "--offline", environment=environment, reports=folder / "reports")


def test_a_tree_whose_every_finding_is_allowed_passes_and_says_so(everything: Scanned, places: dict[str, str]) -> None:
    count = len(places) + 3  # one stands in the reason of a comment
    secrets = found(everything.json, "secrets/github-pat")
    assert sorted(entry["location"]["path"] for entry in secrets) == sorted([*places, *["said.env"] * 2, "utf16.txt"])
    assert {entry["verdict"] for entry in secrets} == {"pass"}
    waivers = everything.json["decision"]["waivers"]
    assert [waivers[entry["waiver"]]["file"] for entry in secrets] == [entry["location"]["path"] for entry in secrets]
    assert {waiver["source"] for waiver in waivers} == {"inline"}
    assert {waiver["owner"] for waiver in waivers} == {""}
    assert f"{count} findings are allowed inline, by comments in the target: README.md:1, " in everything.out
    assert f"none ({count} allowed inline)" in everything.out
    assert everything.json["decision"]["verdict"] == "pass"


def test_comments_that_allow_nothing_are_warned_of_in_every_report(everything: Scanned) -> None:
    wanted = [
        "unused.py:1: the comment allows 'secrets/github-pat', and there is no such finding here: remove it",
        "unused.py:2: the comment allows 'secrets/github-pta', and there is no such rule: did you mean 'secrets/github-pat'?",
        f"unused.py:3: the comment gives no reason and allows nothing: write '{ALLOW} github-pat why it is fine'",
    ]
    told = [entry for entry in everything.json["notifications"] if entry["level"] == "warning"]
    assert [entry["message"] for entry in told if "comment" in entry["message"]] == wanted
    assert all(f"warning: {message}" in everything.out for message in wanted)
    assert all(any(message in said for said in notifications(everything.full)) for message in wanted)


def test_sarif_suppresses_them_in_source_and_leaves_them_out_for_github(everything: Scanned) -> None:
    results = [
        result
        for run in everything.full["runs"]
        for result in run["results"]
        if result["ruleId"] == "secrets/github-pat"
    ]
    assert len(results) == 11
    assert {entry["kind"] for result in results for entry in result["suppressions"]} == {"inSource"}
    texts = {entry["justification"] for result in results for entry in result["suppressions"]}
    assert "used in tests (comment at deploy.env:1)" in texts
    uploaded = [result["ruleId"] for run in everything.sarif["runs"] for result in run["results"]]
    assert "secrets/github-pat" not in uploaded


def test_a_secret_in_a_reason_and_what_would_be_markup_leak_nowhere(everything: Scanned, tmp_path: Path) -> None:
    written = json.dumps(everything.json) + json.dumps(everything.full) + everything.said
    for seed in ("env", "said"):
        assert token(seed) not in written
        assert token(seed)[4:20] not in written
    assert "\x1b" not in everything.out
    assert "as in [REDACTED] | [x](https://example.com)" in {
        w["reason"] for w in everything.json["decision"]["waivers"]
    }
    (tmp_path / "report.json").write_text(json.dumps(everything.json))
    environment = surroundings(tmp_path)
    page = magray_sec("report", tmp_path / "report.json", "--markdown", "-", environment=environment)
    assert "## Allowed inline: 11 findings" in page.out
    assert "as in &#91;REDACTED&#93; &#124; &#91;x&#93;" in page.out
    assert "<code>deploy.env</code>:1" in page.out


def test_without_the_comment_and_where_it_is_not_honoured_the_scan_blocks(tmp_path: Path, warm_cache: Path) -> None:
    environment = surroundings(tmp_path, XDG_CACHE_HOME=str(warm_cache))
    target = write(tmp_path / "target", {"a.env": f"# {ALLOW} github-pat used in tests\nTOKEN={token('a')}\n"})
    write(tmp_path, {"p.yaml": "version: 1\nrequire: [secrets]\nrules: [{id: s, match: {}, verdict: block}]\n"})
    stored = tmp_path / "report.json"
    options = ("--tool", "regex-rules", "--offline", "--policy", tmp_path / "p.yaml", "--json", stored)

    def ended(*more: str | Path) -> tuple[int, str, Any]:
        scanned = magray_sec("scan", target, *options, *more, environment=environment)
        return scanned.code, scanned.out, read(stored)

    assert ended()[0] == 0
    code, out, report = ended("--no-target-config")
    assert code == 1
    assert "1 finding is allowed by comments in the target (a.env:1), not honoured here" in out
    assert "waivers" not in report["decision"]
    write(target, {"a.env": f"TOKEN={token('a')}\n"})
    code, _, report = ended()
    assert code == 1
    (finding,) = report["findings"]
    told = magray_sec("explain", finding["identity"], "--report", stored, environment=environment)
    line = f"# {ALLOW} secrets/github-pat WHY IT IS FINE"
    assert f"to allow it {line}" in told.out
    write(target, {"a.env": f"{line}\nTOKEN={token('a')}\n"})
    code, out, _ = ended("-q")
    assert code == 0
    assert "1 finding is allowed inline, by comments in the target: a.env:1" in out
    told = magray_sec("explain", finding["identity"], "--report", stored, environment=environment)
    assert "allowed     WHY IT IS FINE (comment at a.env:1)" in told.out
    assert "to allow it" not in told.out


def test_policy_check_says_whether_comments_are_honoured(tmp_path: Path) -> None:
    environment = surroundings(tmp_path)
    assert (
        "comments in the target may allow findings"
        in magray_sec("policy", "check", "default", environment=environment).out
    )
    assert (
        "comments in the target may not allow findings"
        in magray_sec("policy", "check", "strict", environment=environment).out
    )
    write(tmp_path, {"p.yaml": "version: 1\nrequire: []\nrules: []\ninline_allow: honor\n"})
    wrong = magray_sec("policy", "check", tmp_path / "p.yaml", environment=environment)
    assert wrong.code == 2
    assert "p.yaml:4:" in wrong.err
    assert "honour" in wrong.err
