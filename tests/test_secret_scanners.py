"""gitleaks, kingfisher and trufflehog: what their recorded cases cannot hold, and reports of theirs made elsewhere."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from cases import cases, heard, lay_out, shared_cache
from histories import History
from magray_sec import adapters, datafiles
from magray_sec.interpret import interpret
from magray_sec.model.adapter import Interpretation, Step, StepOutput
from magray_sec.model.finding import Sighting
from magray_sec.model.run import (
    Claim,
    Command,
    File,
    Inventory,
    Item,
    ItemKind,
    Limits,
    RawOutput,
    ScanContext,
    Skipped,
    SkipReason,
    Target,
)
from magray_sec.model.scale import Confidence, Domain, Outcome
from magray_sec.regex.examples import fill
from magray_sec.regex.pack import load_packs
from magray_sec.scopes import Wanted, look

SCANNERS = ("gitleaks", "kingfisher", "trufflehog")
TREE = Claim(domain=Domain.SECRETS, item="tree:files")
HISTORY = Claim(domain=Domain.SECRETS, item="history:commits")
ENDS = {
    "gitleaks": b"1:00AM INF 1 commits scanned.\n1:00AM INF scanned ~99 bytes (99 bytes) in 1ms\n",
    "kingfisher": b"",
    "trufflehog": b'{"level":"info-0","msg":"finished scanning","bytes":99}\n',
}


def token(seed: str) -> str:
    return fill("glpat-{{alnum:20}}", seed)


def record(scanner: str, path: str, line: int, value: str, **more: Any) -> dict[str, Any]:
    """A finding in a scanner's own words."""
    if scanner == "gitleaks":
        return {
            "RuleID": "gitlab-pat",
            "Description": "A token.",
            "StartLine": line,
            "EndLine": line,
            "Secret": value,
            "Match": f"PASSWORD={value}",
            "File": path,
            "Tags": ["decoded:base64", "decode-depth:1"] if more.get("decoded") else [],
            "Commit": more.get("commit", ""),
            "Email": "someone@example.org",
            "Date": "2026-01-02T03:04:05Z",
        }
    if scanner == "kingfisher":
        return {
            "rule": {"id": "betterleaks.gitlab-pat", "name": "gitlab-pat", "description": "A token."},
            "finding": {
                "path": path,
                "line": line,
                "snippet": value,
                "confidence": "high",
                "validation": {"outcome": more.get("outcome", "not_attempted"), "response": value},
                **({"encoding": "base64"} if more.get("decoded") else {}),
                **(
                    {"git_metadata": {"commit": {"id": more["commit"], "date": "2026-01-02"}}}
                    if more.get("commit")
                    else {}
                ),
            },
        }
    place = {"file": path.partition("!")[0], "line": line}
    kind = "Filesystem"
    if more.get("commit"):
        kind, place = "Git", {**place, "commit": more["commit"], "timestamp": "2026-01-02 04:04:05 +0100"}
    return {
        "SourceMetadata": {"Data": {kind: place}},
        "DetectorName": "Gitlab",
        "DecoderName": "BASE64" if more.get("decoded") else "PLAIN",
        "Verified": more.get("outcome") == "verified_active",
        **({"VerificationError": "no such host"} if more.get("outcome") == "unavailable" else {}),
        "Raw": value,
        "Redacted": value[:12],
        "ExtraData": {"account": "1234"},
    }


def said(scanner: str, *records: dict[str, Any]) -> bytes:
    """The report that holds them."""
    if scanner == "gitleaks":
        return json.dumps(records).encode()
    if scanner == "trufflehog":
        return b"".join(json.dumps(entry).encode() + b"\n" for entry in records)
    summary = {"findings": len(records), "rules_applied": 488, "bytes_scanned": 99}
    audit = {"summary": {"scan_succeeded": 1, "scan_partial": 0, "scan_failed": 0}}
    return json.dumps({"findings": records, "audit": audit, "metadata": {"summary": summary}}).encode()


def take(
    scanner: str, report: bytes, files: dict[str, bytes] | None = None, *, imported: bool = False, **facts: str
) -> Interpretation:
    """What is made of a report over a target with these files."""
    adapter = adapters.load(scanner)
    inputs = {f"/t/{name}": data for name, data in (files or {}).items()}
    known = {"root": "/t", "text": "", **facts, **({"imported": "yes"} if imported else {})}
    command = Command(argv=("x",), claims=(TREE,), inputs=tuple(inputs), facts=known)
    raw = RawOutput(command=command, exit_code=0, stdout=report, stderr=ENDS[scanner], inputs=inputs)
    step = Step(adapter=adapter, claims=(TREE,), commands=(command,))
    output = StepOutput(step=step, version=None, outputs=(raw,), started=datetime.now(UTC), duration_s=0.0)
    assert adapter.parse is not None
    return interpret(output, adapter.parse, is_import=imported)


def only(interpretation: Interpretation) -> Sighting:
    assert interpretation.run.outcome is Outcome.COMPLETED, interpretation.run
    (sighting,) = interpretation.sightings
    return sighting


def span(sighting: Sighting) -> tuple[str, tuple[int, int] | None]:
    assert sighting.place is not None
    return sighting.place.path, sighting.place.span


@pytest.mark.parametrize("scanner", SCANNERS)
def test_every_rule_it_is_mapped_to_is_one_of_ours(scanner: str) -> None:
    ours = {rule.canonical for rule in load_packs(datafiles.files("rules/secrets"), shared_cache()).rules}
    mapped = adapters.load(scanner).canonical
    assert len(mapped) > 150
    assert {name for name in mapped.values() if name not in ours} == set()


@pytest.mark.parametrize("scanner", SCANNERS)
def test_a_secret_is_a_span_of_its_file(scanner: str) -> None:
    value = token("a")
    data = f"one\r\nna\u00efve \U0001f600 T={value}\r\n".encode()
    found = only(take(scanner, said(scanner, record(scanner, "/t/a.env", 2, value)), {"a.env": data}))
    start = data.index(value.encode())
    assert span(found) == ("a.env", (start, start + len(value)))
    assert found.secret is None
    assert found.confidence is (Confidence.HIGH if scanner == "kingfisher" else Confidence.MEDIUM)


@pytest.mark.parametrize("scanner", SCANNERS)
def test_a_wrong_line_is_put_right(scanner: str) -> None:
    value = token("a")
    data = b"caf\xe9\n\n\nT=" + value.encode() + b"\n"
    assert span(only(take(scanner, said(scanner, record(scanner, "/t/a.env", 1, value)), {"a.env": data})))[1] == (
        9,
        35,
    )


@pytest.mark.parametrize("scanner", SCANNERS)
def test_utf16_is_read_as_the_text_it_is(scanner: str) -> None:
    value = token("a")
    data = f"T={value}\n".encode("utf-16")
    assert span(only(take(scanner, said(scanner, record(scanner, "/t/a", 1, value)), {"a": data})))[1] == (2, 28)


@pytest.mark.parametrize("scanner", SCANNERS)
def test_a_name_that_is_no_utf8_is_the_file_it_stands_for(scanner: str) -> None:
    value, mark = token("a"), "\u2757" if scanner == "trufflehog" else "\ufffd\ufffd"
    report = said(scanner, record(scanner, f"/t/no{mark}n.env", 1, value))
    found = only(take(scanner, report, {"no\udce9\udce9n.env": f"T={value}".encode()}))
    assert span(found) == ("no\udce9\udce9n.env", (2, 28))


@pytest.mark.parametrize("scanner", SCANNERS)
def test_what_lies_in_an_archive_has_no_line_and_goes_on_sealed(scanner: str) -> None:
    value = token("a")
    report = said(scanner, record(scanner, "/t/lib/a.zip!inner/s.env", 3, value))
    found = only(take(scanner, report, {"lib/a.zip": b"PK\x03\x04\0\0\0\0"}))
    assert found.place is not None
    assert (found.place.path, found.place.start_line, found.place.span) == ("lib/a.zip", None, None)
    assert found.secret is not None
    assert found.secret.use(bytes) == value.encode()
    assert value not in found.message
    assert ("inner/s.env" in found.message) == (scanner != "trufflehog")


@pytest.mark.parametrize("scanner", SCANNERS)
def test_what_is_encoded_keeps_its_line(scanner: str) -> None:
    value = token("a")
    report = said(scanner, record(scanner, "/t/a.txt", 2, value, decoded=True))
    # The same secret as it is, elsewhere in the file, is another finding.
    found = only(take(scanner, report, {"a.txt": f"x\ndGVzdA==\n{value}\n".encode()}))
    assert found.place is not None
    assert (found.place.start_line, found.place.span) == (2, None)
    assert found.secret is not None


@pytest.mark.parametrize("scanner", SCANNERS)
def test_findings_in_files_that_are_left_out_are_counted(scanner: str) -> None:
    entries = [record(scanner, f"/t/{name}", 1, token(name)) for name in ("a.env", "ignored/b.env", "ignored/c.env")]
    heard = take(scanner, said(scanner, *entries), {"a.env": token("a.env").encode()})
    assert span(only(heard))[0] == "a.env"
    (note,) = (entry.message for entry in heard.run.notifications)
    assert note.startswith("2 findings are in files that are left out of the scan")


@pytest.mark.parametrize("scanner", SCANNERS)
def test_nothing_else_of_a_record_is_kept(scanner: str) -> None:
    value = token("a")
    heard = take(scanner, said(scanner, record(scanner, "/t/a", 1, value)), {"a": value.encode()})
    for text in (value, value[:12], "someone@example.org", "PASSWORD"):
        assert text not in repr(heard)


@pytest.mark.parametrize(
    ("outcome", "state", "confidence"),
    [
        ("verified_active", "verified", Confidence.VERIFIED),
        ("unavailable", "unknown", None),
        ("not_attempted", "", None),
    ],
)
@pytest.mark.parametrize("scanner", ["kingfisher", "trufflehog"])
def test_what_was_verified_is_told_apart(scanner: str, outcome: str, state: str, confidence: Confidence | None) -> None:
    value = token("a")
    report = said(scanner, record(scanner, "/t/a", 1, value, outcome=outcome))
    found = only(take(scanner, report, {"a": value.encode()}))
    assert found.native_severity == state
    assert found.confidence is confidence or (confidence is None and found.confidence < Confidence.VERIFIED)


def test_unverified_is_a_word_of_trufflehog_only_where_somebody_was_asked() -> None:
    value = token("a")
    report = said("trufflehog", record("trufflehog", "/t/a", 1, value))
    assert only(take("trufflehog", report, {"a": value.encode()}, verifies="yes")).native_severity == "unverified"
    assert only(take("trufflehog", report, {"a": value.encode()})).native_severity == ""


@pytest.mark.parametrize("scanner", SCANNERS)
def test_verification_and_the_network_go_together(scanner: str, tmp_path: Path) -> None:
    context = ScanContext(today=date(2026, 1, 1), started=datetime(2026, 1, 1, tzinfo=UTC), work="/w", cache=None)
    target = Target(root="/t", name="t")
    make = adapters.load(scanner).commands
    assert make is not None
    for verify, offline in ((False, False), (True, False), (True, True)):
        made = make(target, (TREE, HISTORY), replace(context, verify_secrets=verify, offline=offline))
        scans = [entry for entry in made if isinstance(entry, Command) and not entry.is_preparation]
        assert [entry.claims for entry in scans] == [(TREE,), (HISTORY,)]
        for entry in scans:
            asks = scanner != "gitleaks" and verify and not offline
            assert entry.network is asks
            assert ("--no-verification" in entry.argv or "--no-validate" in entry.argv) is (
                scanner != "gitleaks" and not asks
            )


@pytest.mark.parametrize("scanner", SCANNERS)
def test_folders_that_are_left_out_are_not_walked(scanner: str) -> None:
    skipped = (
        Skipped(reason=SkipReason.IGNORED, path="target", detail="folder"),
        Skipped(reason=SkipReason.IGNORED, path="src", detail="3 files"),
        Skipped(reason=SkipReason.EXCLUDED, path="a'''b", detail="folder"),
        Skipped(reason=SkipReason.BINARY, path="pictures", detail="folder"),
        Skipped(reason=SkipReason.IGNORED, path="line\nbreak", detail="folder"),
    )
    items = (Item(kind=ItemKind.TREE, name="files"),)
    inventory = Inventory(items=items, skipped=skipped, files=(File(path="a", size=1),))
    started = datetime(2026, 1, 1, tzinfo=UTC)
    context = ScanContext(today=started.date(), started=started, work="/w", cache=None, inventory=inventory)
    make = adapters.load(scanner).commands
    assert make is not None
    (command,) = make(Target(root="/t", name="t"), (TREE,), context)
    assert isinstance(command, Command)
    told = " ".join((*command.argv, command.stdin.decode(), *command.environment.values()))
    assert "target" in told
    assert "a'''b" in told
    assert not [name for name in ("src", "pictures", "break") if name in told]
    assert command.argv[-2:] == ("--", "/t")


@pytest.mark.parametrize("scanner", SCANNERS)
def test_the_history_is_looked_at_in_a_copy(scanner: str, tmp_path: Path) -> None:
    case = next(case for case in cases(scanner) if case.name == "history")
    scene = lay_out(case, tmp_path)
    heard_of = heard(scene)
    assert heard_of.run.outcome is Outcome.COMPLETED
    seen = {s.place.path: s for s in heard_of.sightings if s.place and s.place.commit}
    assert set(seen) == {"settings.env", "gone.env", "side.env"}
    assert {name: s.origin.is_at_head for name, s in seen.items() if s.origin} == {
        "settings.env": True,
        "gone.env": False,
        "side.env": False,
    }
    for sighting in seen.values():
        assert sighting.origin is not None
        assert scene.source.blob_at(sighting.origin.commit, sighting.place.path if sighting.place else "")


def test_a_blob_is_found_by_its_commit_and_path(tmp_path: Path) -> None:
    made = History(tmp_path / "r")
    commit = made.commit({"a/b.txt": "x\n", "c.txt": "y\n"})
    source = look(str(tmp_path / "r"), Limits(), Wanted(history=True)).source
    assert source.read_blob(source.blob_at(commit, "a/b.txt")) == b"x\n"
    for place in ((commit, "a"), (commit, "a/c"), (commit, "c.txt/b"), ("0" * 40, "c.txt"), ("no", "c.txt")):
        assert source.blob_at(*place) == ""


def test_a_shallow_history_is_a_gap() -> None:
    for scanner in SCANNERS:
        adapter = adapters.load(scanner)
        inputs = {"/w/history.git/shallow": b"0\n"}
        command = Command(argv=("x",), claims=(HISTORY,), subject="history", facts={"root": "/t"}, inputs=tuple(inputs))
        raw = RawOutput(command=command, exit_code=0, stdout=said(scanner), stderr=ENDS[scanner], inputs=inputs)
        step = Step(adapter=adapter, claims=(HISTORY,), commands=(command,))
        output = StepOutput(step=step, version=None, outputs=(raw,), started=datetime.now(UTC), duration_s=0.0)
        assert adapter.parse is not None
        run = interpret(output, adapter.parse).run
        assert run.outcome is Outcome.PARTIAL
        assert [gap.item for gap in run.gaps] == [HISTORY.item]


def test_gitleaks_says_where_its_own_list_is_obeyed_all_the_same() -> None:
    heard_of = take("gitleaks", b"[]", {".gitleaksignore": b"/t/a.env:gitlab-pat:1\n"})
    assert heard_of.run.outcome is Outcome.PARTIAL
    assert "gitleaks obeys that" in heard_of.run.reason


@pytest.mark.parametrize("scanner", SCANNERS)
def test_a_run_that_read_nothing_of_a_text_is_none(scanner: str) -> None:
    for mark, nothing in ((b"~99 bytes", b"~0 bytes"), (b'"bytes":99', b'"bytes":0')):
        end = ENDS[scanner].replace(mark, nothing)
        if ENDS[scanner] != end:
            adapter = adapters.load(scanner)
            command = Command(argv=("x",), claims=(TREE,), facts={"root": "/t", "text": "yes"})
            raw = RawOutput(command=command, exit_code=0, stdout=said(scanner), stderr=end)
            step = Step(adapter=adapter, claims=(TREE,), commands=(command,))
            output = StepOutput(step=step, version=None, outputs=(raw,), started=datetime.now(UTC), duration_s=0.0)
            assert adapter.parse is not None
            assert interpret(output, adapter.parse).run.outcome is Outcome.FAILED


# Reports made elsewhere


def v7(value: str) -> bytes:
    entry = {"line": f"T={value}", "lineNumber": 2, "offender": value, "rule": "GitLab token", "file": "a.env"}
    return json.dumps([{**entry, "commit": "", "email": "x@example.org", "tags": "key"}]).encode()


def lines(scanner: str, *records: dict[str, Any], end: str = "") -> bytes:
    return ("\n".join(json.dumps(entry) for entry in records) + "\n" + end).encode()


REPORTS = {
    "gitleaks 8": ("gitleaks", lambda v: said("gitleaks", record("gitleaks", "a.env", 2, v)), 1),
    "gitleaks 7": ("gitleaks", v7, 1),
    "gitleaks of another machine": (
        "gitleaks",
        lambda v: said("gitleaks", record("gitleaks", "/home/x/repo/a.env", 2, v)),
        1,
    ),
    "gitleaks of Windows": ("gitleaks", lambda v: said("gitleaks", record("gitleaks", "C:\\repo\\a.env", 2, v)), 1),
    "gitleaks redacted": ("gitleaks", lambda _: said("gitleaks", record("gitleaks", "a.env", 2, "REDACTED")), 1),
    "gitleaks of git": (
        "gitleaks",
        lambda v: said("gitleaks", *(record("gitleaks", "a.env", 2, v, commit=c * 40) for c in "ab")),
        2,
    ),
    "gitleaks clean": ("gitleaks", lambda _: b"[]\n", 0),
    "kingfisher": ("kingfisher", lambda v: said("kingfisher", record("kingfisher", "./a.env", 2, v)), 1),
    "kingfisher redacted": (
        "kingfisher",
        lambda _: said("kingfisher", record("kingfisher", "../repo/a.env", 2, "[REDACTED:693e1bb2]")),
        1,
    ),
    "kingfisher lines": (
        "kingfisher",
        lambda v: lines("kingfisher", record("kingfisher", "a.env", 2, v), end='{"audit": {}}'),
        1,
    ),
    "kingfisher array": ("kingfisher", lambda v: json.dumps([record("kingfisher", "a.env", 2, v)]).encode(), 1),
    "kingfisher two documents": (
        "kingfisher",
        lambda v: said("kingfisher", record("kingfisher", "a.env", 2, v)) + b'\n{"findings": 1}\n',
        1,
    ),
    "trufflehog": ("trufflehog", lambda v: said("trufflehog", record("trufflehog", "a.env", 2, v)), 1),
    "trufflehog without its last line break": (
        "trufflehog",
        lambda v: said("trufflehog", record("trufflehog", "a.env", 2, v)).rstrip(),
        1,
    ),
    "trufflehog array": ("trufflehog", lambda v: json.dumps([record("trufflehog", "a.env", 2, v)]).encode(), 1),
    "trufflehog with its log": (
        "trufflehog",
        lambda v: ENDS["trufflehog"] + said("trufflehog", record("trufflehog", "a.env", 2, v)),
        1,
    ),
    "trufflehog 2": (
        "trufflehog",
        lambda v: (
            json.dumps({"path": "a.env", "reason": "High Entropy", "stringsFound": [v, "other"], "commitHash": ""})
            + "\n"
        ).encode(),
        2,
    ),
    "trufflehog clean, with its log": ("trufflehog", lambda _: ENDS["trufflehog"], 0),
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_made_elsewhere(name: str) -> None:
    scanner, make, count = REPORTS[name]
    value = token("a")
    data = f"one\nT = '{value}'\n".encode()
    heard_of = take(scanner, make(value), {"a.env": data}, imported=True)
    assert heard_of.run.outcome is Outcome.COMPLETED, heard_of.run
    assert len(heard_of.sightings) == count
    for sighting in heard_of.sightings[:1]:
        assert sighting.place is not None
        assert sighting.place.path == "a.env"
        if "redacted" in name:
            assert (sighting.place.start_line, sighting.secret) == (2, None)
        else:
            assert sighting.place.span == (9, 9 + len(value))


@pytest.mark.parametrize(
    ("scanner", "report", "says"),
    [
        ("gitleaks", b"", "it printed nothing"),
        ("gitleaks", b"null", "text stands where its JSON should begin"),
        ("gitleaks", b'{"version": "2.1.0", "$schema": "x", "runs": []}', "--input sarif=FILE"),
        ("gitleaks", b'[{"a": 1}]', "names no rule or no file"),
        ("kingfisher", b"{}", "neither a finding nor the end of a report"),
        ("kingfisher", b"\n", "nothing that says that the scan came to its end"),
        ("kingfisher", b'{"version": "2.1.0", "runs": []}', "--input sarif=FILE"),
        ("kingfisher", b'{"findings": [{"rule": {}}], "audit": {}}', "names no rule or no file"),
        ("trufflehog", b"", "it is empty"),
        ("trufflehog", b'{\n"version": "2.1.0",\n"runs": []\n}\n', "--input sarif=FILE"),
        ("trufflehog", b"usage: trufflehog\n", "is no JSON object"),
        ("trufflehog", b'{"a": 1}\n', "names no detector"),
    ],
)
def test_what_is_no_report_is_refused_in_words(scanner: str, report: bytes, says: str) -> None:
    run = take(scanner, report, imported=True).run
    assert run.outcome is Outcome.FAILED
    assert says in run.reason, run.reason
