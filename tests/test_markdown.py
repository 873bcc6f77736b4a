"""The Markdown report: what matters comes first, nothing foreign is markup, and what does not fit is counted."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt

import reports
import strategies
from command_line import SAMPLE, magray_sec, surroundings
from magray_sec.model.decision import GapRuling, Reason, Ruling, WaiverUse
from magray_sec.model.finding import Location, Region, Witness
from magray_sec.model.run import Gap, GapKind, Level, Notification, Skipped, SkipReason
from magray_sec.model.scale import Domain, Outcome, Severity, State, Verdict
from magray_sec.report import json_v1, markdown
from planting import DATABASE

MEBIBYTE = 1 << 20
PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS = {"<code>", "</code>"}
BLOCKS = {
    *("heading_open", "heading_close", "paragraph_open", "paragraph_close", "inline", "html_block"),
    *("bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"),
    *("blockquote_open", "blockquote_close"),
    *(f"{name}_{end}" for name in ("table", "thead", "tbody", "tr", "th", "td") for end in ("open", "close")),
}
INLINE = {"text", "text_special", "strong_open", "strong_close", "html_inline"}


def rendered(report) -> str:
    sink = io.BytesIO()
    markdown.render(report, sink)
    return sink.getvalue().decode("utf-8")


def visible(page: str) -> str:
    """What a reader sees, without the characters of no width."""
    text = []
    for token in PARSER.parse(page):
        text += [inner.content for inner in token.children or () if inner.type != "html_inline"]
        text.append("\n")
    return "".join(text).replace("\u200b", "")


def headings(page: str) -> list[str]:
    return [line.removeprefix("## ") for line in page.splitlines() if line.startswith("## ")]


def judged(*pairs, **changes):
    """A report of findings with their verdicts."""
    return reports.report(tuple(finding for finding, _ in pairs), tuple(verdict for _, verdict in pairs), **changes)


def with_decision(report, **changes):
    return replace(report, decision=replace(report.decision, **changes))


def gap(number: int = 1, effect: str = "incomplete", **changes) -> GapRuling:
    values = {
        "kind": GapKind.ITEM,
        "domain": Domain.DEPENDENCIES,
        "item": f"lockfile:d{number}/Cargo.lock",
        "reason": "no reason",
    }
    return GapRuling(gap=Gap(**(values | changes)), effect=effect)


# --- order and content -----------------------------------------------------------------------------------------------


def test_the_order_is_verdict_reasons_gaps_domains_findings_waivers_scanners():
    made = judged(
        (reports.finding(1), Verdict.PASS),
        (reports.finding(2), Verdict.BLOCK),
        (reports.finding(3), Verdict.REVIEW),
        runs=(reports.run(),),
        options=(("--offline", "yes"),),
    )
    waiver = WaiverUse(
        label="rule X", reason="known", owner="@sec", expires=date(2027, 1, 1), line=1, used=1, expired=False
    )
    made = with_decision(
        made,
        verdict=Verdict.BLOCK,
        complete=False,
        gaps=(gap(),),
        waivers=(waiver,),
        reasons=(
            Reason(verdict=Verdict.BLOCK, rule="r", message="it blocks"),
            Reason(verdict=Verdict.PASS, rule="coverage", message="it is not whole", incomplete=True),
        ),
    )
    page = rendered(made)
    assert page.startswith("# magray-sec: BLOCK, INCOMPLETE\n")
    assert headings(page) == [
        *("Why", "Not looked at", "Notes", "Domains", "Blocks: 1 finding", "To review: 1 finding", "Other findings: 1"),
        *("Waivers", "Scanners"),
    ]
    assert page.index("it is not whole") < page.index("it blocks") < page.index("no reason")
    assert "**This scan did not look at all it must: a pass here is not a pass.**" in page


def test_a_clean_scan_says_that_it_is_one():
    page = rendered(with_decision(reports.report(runs=(reports.run(),)), verdict=Verdict.PASS))
    assert page.startswith("# magray-sec: PASS\n")
    assert "All that the policy requires was looked at, and nothing in it calls for an action." in page
    assert headings(page) == ["Why", "Domains", "Scanners"]
    assert "cut" not in page


def test_a_finding_has_its_place_severity_rule_tools_and_what_would_have_hidden_it():
    made = reports.finding(
        7,
        severity=Severity.CRITICAL,
        state=State.NEW,
        hidden_by=("audit.toml",),
        witnesses=(
            Witness(tool="CodeQL", native_rule="q", imported=True),
            Witness(tool="regex-rules", native_rule="r"),
        ),
    )
    text = visible(rendered(judged((made, Verdict.BLOCK))))
    assert "critical, new" in text
    assert "src/db.rs:7" in text
    assert "A statement is built from 'name' (hidden from the scanner by the target: audit.toml)" in text
    assert "CodeQL (imported), regex-rules" in text


def test_waived_findings_are_counted_and_not_listed():
    made = judged((reports.finding(1), Verdict.PASS))
    waiver = WaiverUse(
        label="rule code/sql-format", reason="known", owner="me", expires=None, line=1, used=1, expired=True
    )
    ruling = Ruling(identity=made.findings[0].identity, rule="r", verdict=Verdict.PASS, waiver=0)
    page = rendered(with_decision(made, waivers=(waiver,), rulings=(ruling,)))
    assert "Other findings" not in page
    (row,) = [line for line in page.splitlines() if line.startswith("| code |")]
    assert [cell.strip() for cell in row.split("|")][1:9] == ["code", "", "", "", "", "", "", "1"]
    assert "never (**expired**)" in page


def test_what_was_not_looked_at_is_told_whole():
    made = reports.report(
        runs=(
            reports.run("semgrep", Outcome.MISSING, reason="semgrep is not installed", hint="pip install semgrep"),
            reports.run("regex-rules", skipped=(Skipped(reason=SkipReason.BINARY, path="a.png"),)),
        ),
        skipped=(Skipped(reason=SkipReason.BINARY, path="b.png"), Skipped(reason=SkipReason.TOO_LARGE, path="c")),
    )
    made = with_decision(
        made,
        gaps=(
            gap(1, "noted", domain=Domain.LICENSES),
            gap(2, "accepted"),
            gap(3, "review", kind=GapKind.FILE, path="x.yml", scanner="zizmor", hint="mend it"),
            gap(4),
        ),
    )
    text = visible(rendered(made))
    assert text.index("d4/Cargo.lock") < text.index("x.yml") < text.index("d2/Cargo.lock")
    assert "mend it" in text
    assert "licenses: 1 item not looked at; the policy does not require it" in text
    assert "the scanner semgrep is missing: semgrep is not installed (install: pip install semgrep)" in text
    assert "2 files or folders left out: binary" in text


def test_warnings_of_the_scan_and_of_its_scanners_are_notes():
    said = Notification(level=Level.WARNING, message="careful", path="a.txt")
    quiet = Notification(level=Level.NOTE, message="by the way")
    text = visible(rendered(reports.report(runs=(reports.run(notifications=(said, quiet)),), notifications=(quiet,))))
    assert "warning: regex-rules: a.txt: careful" in text
    assert text.count("by the way") == 1


# --- foreign strings -------------------------------------------------------------------------------------------------

ATTACKS = [
    "a | b | c",
    "\\| d \\\\| e",
    "`code` ``x`` `|`",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</code></td></table><h1>PASS</h1>",
    "<!-- hidden",
    "<details>",
    "[click](https://example.com)",
    "![pixel](https://example.com/p.png)",
    "[ref][1] [1]: https://example.com",
    "<https://example.com>",
    "see https://example.com/x and www.example.com or mail a@example.com",
    "HTTPS://EXAMPLE.COM",
    "@octocat please approve, cc @acme/security",
    "fixes #1 and GH-2 and acme/demo#3",
    "**bold** __bold__ *em* _em_ ~~gone~~",
    "$a^2$ and $$b$$",
    "&lt;b&gt; &#64;octocat &amp;",
    ":white_check_mark: all good :tada:",
    "# heading",
    "- [x] done",
    "1. one",
    "> quote",
    "---",
    "***",
    "```\nfence\n```",
    "line\n\n## Verdict: PASS\n\n| a |\n|---|",
    "\r\n| x |",
    "\u2028## x",
    "${{ github.token }}",
    "::set-output name=a::b",
]


def everywhere(text: str):
    """A report with a foreign string in every place that one can stand in."""
    path = text.replace("\n", "\\n") or "x"
    finding = reports.finding(
        1,
        message=text,
        hidden_by=(text,),
        rule=replace(reports.finding().rule, id=text, title=text, help=text),
        location=Location(path=path, region=Region(start_line=1), commit=text),
        witnesses=(Witness(tool=text, native_rule=text),),
    )
    waiver = WaiverUse(label=text, reason=text, owner=text, expires=None, line=1, used=0, expired=False)
    made = judged(
        *((replace(finding, identity=f"v1:{rank:032x}"), verdict) for rank, verdict in enumerate(Verdict)),
        runs=(
            reports.run(
                text,
                version=text,
                reason=text,
                notifications=(Notification(level=Level.ERROR, message=text, path=path),),
            ),
            reports.run("z", Outcome.MISSING, reason=text, hint=text),
        ),
        notifications=(Notification(level=Level.NOTE, message=text, path=path),),
        options=((text, text),),
        target=replace(reports.TARGET, name=text, branch=text),
    )
    item = {"item": f"lockfile:{path}", "reason": text, "hint": text, "scanner": text, "path": path}
    return with_decision(
        made,
        policy=text,
        notes=(text,),
        waivers=(waiver,),
        reasons=(Reason(verdict=Verdict.BLOCK, rule=text, message=text),),
        gaps=(gap(1, **item), replace(gap(2, "accepted", **item), accepted_because=text)),
    )


def harmless(page: str) -> None:
    """Only our own markup is in it, every row of a table has its cells, and nothing is linked, mentioned or loaded."""
    for token in PARSER.parse(page):
        assert token.type in BLOCKS, (token.type, token.content)
        if token.type == "html_block":
            assert token.content.strip() in ("<details><summary>Show them</summary>", "</details>")
        outside = True
        for inner in token.children or ():
            assert inner.type in INLINE, (inner.type, inner.content)
            if inner.type == "html_inline":
                assert inner.content in OURS
                outside = inner.content == "</code>"
            elif outside:
                unbroken(inner.content)
    width = 0
    for line in page.split("\n"):
        if not line.startswith("|"):
            width = 0
            continue
        width = width or line.count("|")
        assert line.count("|") == width, line
    # What GitHub's own parser would make a link of while it reads the source, code or not.
    assert not re.search(r"(?i)(https?|ftp)://|www\.\w|[\w.+-]@\w", page)


def unbroken(text: str) -> None:
    """Nothing in a finished text is a mention, an issue, an address or an emoji to GitHub."""
    assert not re.search(r"@\w|#\d|://|(?i:www\.\w)|GH-\d|:[a-z0-9_+-]+:", text), text


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_foreign_is_markup(attack):
    page = rendered(everywhere(attack))
    harmless(page)
    shown = " ".join(attack.split())
    if attack.isascii() and "::" not in attack:
        assert shown in visible(page).replace("\\n", " ")


@settings(max_examples=50, deadline=None)
@given(report=strategies.reports())
def test_any_report_is_harmless_and_whole(report):
    page = rendered(report)
    harmless(page)
    assert len(page.encode()) <= markdown.MOST_BYTES
    assert page == rendered(report)
    assert page.startswith(f"# magray-sec: {report.decision.verdict.value.upper()}")
    assert report.decision.complete == (", INCOMPLETE" not in page.split("\n")[0])


@settings(max_examples=40, deadline=None)
@given(text=strategies.texts)
def test_any_text_is_harmless_in_every_place(text):
    harmless(rendered(everywhere(text)))


# --- size ------------------------------------------------------------------------------------------------------------


def counted(page: str, name: str) -> int:
    """How many of something the page says it leaves out; both places have to agree."""
    (below,) = re.findall(rf"\.\.\. and (\d+) more {name}\.", page)
    (above,) = [
        part
        for line in page.split("\n")
        if line.startswith("> This summary was cut")
        for part in re.findall(rf"(\d+) {name}", line)
    ]
    assert below == above
    return int(below)


def test_25000_findings_are_less_than_a_mebibyte_and_what_is_cut_is_counted():
    made = reports.large(25_000)
    page = rendered(made)
    assert len(page.encode()) <= markdown.MOST_BYTES < MEBIBYTE
    names = {
        Verdict.BLOCK: "findings that block",
        Verdict.REVIEW: "findings that are to be reviewed",
        Verdict.PASS: "findings that pass",
    }
    shown = sum(
        1 for line in page.split("\n") if re.match(r"\| (critical|high|medium|low|info|unknown)\b.*<code>", line)
    )
    waived = sum(1 for ruling in made.decision.rulings if ruling.waiver is not None)
    there = {ruling.verdict for ruling in made.decision.rulings if ruling.waiver is None}
    assert shown + waived + sum(counted(page, names[verdict]) for verdict in there) == 25_000
    harmless(page)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_worst_of_many_are_the_ones_that_stay(verdict):
    mild = [(reports.finding(number, severity=Severity.LOW, message="x" * 900), verdict) for number in range(1, 2000)]
    worst = reports.finding(9999, severity=Severity.CRITICAL, message="the worst of all")
    assert "the worst of all" in rendered(judged(*mild, (worst, verdict)))


def test_no_other_part_of_a_report_makes_it_too_large():
    wide = "\u4e2d|" * 300
    many = range(3000)
    made = everywhere(wide)
    made = replace(
        made,
        runs=tuple(reports.run(f"scanner-{number}-{wide}", reason=wide) for number in range(300)),
        notifications=tuple(Notification(level=Level.ERROR, message=f"{number} {wide}", path=wide) for number in many),
        options=tuple((f"o{number}", wide) for number in range(2000)),
    )
    waiver = made.decision.waivers[0]
    made = with_decision(
        made,
        gaps=tuple(gap(number, reason=wide, hint=wide) for number in many),
        reasons=tuple(Reason(verdict=Verdict.BLOCK, rule="r", message=f"{number} {wide}") for number in many),
        notes=tuple(f"{number} {wide}" for number in many),
        waivers=(waiver,) * 3000,
    )
    page = rendered(made)
    assert len(page.encode()) <= markdown.MOST_BYTES
    for name in ("gaps", "reasons", "notes", "waivers", "scanners"):
        assert counted(page, name) > 0
    harmless(page)


# --- through the command line ----------------------------------------------------------------------------------------


def test_scan_and_report_write_the_same_bytes_under_any_hash_seed(tmp_path: Path, warm_cache: Path):
    environment = surroundings(tmp_path, XDG_CACHE_HOME=str(warm_cache), PYTHONHASHSEED="1")
    written = ["--json", tmp_path / "r.json", "--markdown", tmp_path / "a.md"]
    ended = magray_sec("scan", SAMPLE, *DATABASE, "--offline", *written, environment=environment)
    page = (tmp_path / "a.md").read_bytes()
    assert page.startswith(b"# magray-sec: "), ended.said
    made = magray_sec(
        "report", tmp_path / "r.json", "--markdown", "-", environment=environment | {"PYTHONHASHSEED": "2"}
    )
    assert made.out.encode() == page
    assert made.code == ended.code
    stored = json_v1.parse((tmp_path / "r.json").read_bytes())
    assert rendered(stored).encode() == page
    harmless(page.decode())


def test_two_reports_cannot_both_have_standard_output(tmp_path: Path):
    ended = magray_sec("scan", tmp_path, "--json", "-", "--markdown", "-", environment=surroundings(tmp_path))
    assert ended.code == 2
    assert "two reports want standard output" in ended.err
    assert not ended.out or json.loads(ended.out)
