"""Where trust is decided: nothing but a whole, agreeing run is COMPLETED."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magray_sec.interpret import interpret
from magray_sec.model.adapter import Adapter, Metric, ParseError, Said, Stated, Step, StepOutput
from magray_sec.model.finding import Sighting
from magray_sec.model.run import Claim, Command, Gap, GapKind, Level, Notification, RawOutput
from magray_sec.model.scale import Domain, Outcome

CLAIM = Claim(domain=Domain.CODE, item="language:rust")
OTHER = Claim(domain=Domain.CODE, item="language:shell")


def parse(raw: RawOutput) -> Iterator[Said]:
    """A scanner whose report is `{"done": true, "hits": [...]}`, with what it could not read in `unread`."""
    try:
        document = json.loads(raw.stdout)
    except ValueError as error:
        raise ParseError("no JSON document") from error
    for hit in document["hits"]:
        yield Sighting(native_rule=hit, domain=Domain.CODE, message=hit)
    for path in document.get("unread", ()):
        yield Gap(kind=GapKind.FILE, path=path, reason="it could not be read")
    if "total" in document:
        yield Stated(findings=document["total"])
    yield Metric(name="files", value=2)
    if not document.get("done"):
        raise ParseError("the mark of a finished run is absent")


ADAPTER = Adapter(
    id="fake",
    title="Fake",
    domains=frozenset({Domain.CODE}),
    claims=lambda _: (CLAIM,),
    versions=">=1.2,<2",
    executable="fake",
    clean_exits=frozenset({0}),
    finding_exits=frozenset({7}),
    parse=parse,
)
COMMAND = Command(argv=("fake", "scan"), claims=(CLAIM,))
VERSION = RawOutput(command=Command(argv=("fake", "--version")), exit_code=0, stdout=b"fake 1.4.0\n")


def output(*raws: RawOutput, version: RawOutput | None = VERSION, commands: tuple[Command, ...] = ()) -> StepOutput:
    step = Step(adapter=ADAPTER, claims=(CLAIM,), commands=commands or tuple(raw.command for raw in raws))
    return StepOutput(
        step=step, version=version, outputs=raws, started=datetime(2026, 1, 1, tzinfo=UTC), duration_s=1.0
    )


def raw(
    exit_code: int | None = 0, *, hits: tuple[str, ...] = (), command: Command = COMMAND, **changes: object
) -> RawOutput:
    document = {"done": True, "hits": list(hits)} | changes.pop("document", {})  # type: ignore[operator]
    stdout = changes.pop("stdout", json.dumps(document).encode())
    return RawOutput(command=command, exit_code=exit_code, stdout=stdout, **changes)  # type: ignore[arg-type]


def test_whole_clean_run_is_completed() -> None:
    run = interpret(output(raw()), parse).run
    assert (run.outcome, run.version, run.reason, run.metrics) == (Outcome.COMPLETED, "1.4.0", "", (("files", 2),))


def test_whole_run_with_findings_is_completed() -> None:
    heard = interpret(output(raw(7, hits=("a", "b"))), parse)
    assert heard.run.outcome is Outcome.COMPLETED
    assert [sighting.native_rule for sighting in heard.sightings] == ["a", "b"]


@pytest.mark.parametrize(
    ("broken", "outcome", "words"),
    [
        (raw(101), Outcome.FAILED, "exit code 101"),
        (raw(-9), Outcome.FAILED, "signal 9"),
        (raw(None), Outcome.FAILED, "no exit code"),
        (raw(0, stdout=b""), Outcome.FAILED, "no JSON document"),
        (raw(0, stdout=b'{"hits": ['), Outcome.FAILED, "no JSON document"),
        (raw(0, stdout=b'{"done": true}'), Outcome.FAILED, "could not be read (KeyError)"),
        (raw(0, document={"done": False}), Outcome.FAILED, "finished run"),
        (raw(7), Outcome.FAILED, "says that it found something"),
        (raw(7, hits=("a",), document={"total": 3}), Outcome.FAILED, "states 3 findings, and 1 could be read"),
        (raw(0, output_capped=True), Outcome.FAILED, "printed more than"),
        (raw(None, timed_out=True, duration_s=600.0), Outcome.TIMED_OUT, "ended after 600 s"),
        (raw(None, stdout=b"", spawn_error="it is not executable"), Outcome.FAILED, "not executable"),
        (raw(0, document={"unread": ["a.rs"]}), Outcome.PARTIAL, "a.rs: it could not be read"),
        (raw(2, stderr=b"warming up\n\nfatal: no such database\n"), Outcome.FAILED, "fatal: no such database"),
    ],
)
def test_everything_else_is_said(broken: RawOutput, outcome: Outcome, words: str) -> None:
    run = interpret(output(broken), parse).run
    assert run.outcome is outcome
    assert words in run.reason


def test_what_a_broken_run_saw_is_kept() -> None:
    heard = interpret(output(raw(101, hits=("a",))), parse)
    assert (heard.run.outcome, len(heard.sightings)) == (Outcome.FAILED, 1)


def test_one_of_two_commands_failing_is_partial_with_a_gap_of_its_item() -> None:
    second = Command(argv=("fake", "scan", "b"), claims=(OTHER,), subject="b/Cargo.lock")
    run = interpret(output(raw(), raw(101, command=second)), parse).run
    assert run.outcome is Outcome.PARTIAL
    assert [(gap.kind, gap.item) for gap in run.gaps] == [(GapKind.ITEM, "language:shell")]
    assert "b/Cargo.lock" in run.gaps[0].reason


def test_failed_preparation_fails_the_step() -> None:
    prepare = Command(argv=("cargo", "generate-lockfile"), is_preparation=True, claims=(CLAIM,))
    failed = RawOutput(command=prepare, exit_code=101, stderr=b"error: no matching package named `nosuch` found\n")
    run = interpret(output(failed, commands=(prepare, COMMAND)), parse).run
    assert run.outcome is Outcome.FAILED
    assert "no matching package" in run.reason


def test_a_failed_preparation_of_one_item_is_a_gap_of_that_item() -> None:
    prepare = Command(argv=("cargo", "generate-lockfile"), is_preparation=True, claims=(CLAIM,))
    second = Command(argv=("fake", "scan", "b"), claims=(OTHER,))
    failed = RawOutput(command=prepare, exit_code=101, stderr=b"error: no matching package named `nosuch` found\n")
    run = interpret(output(failed, raw(command=second), commands=(prepare, COMMAND, second)), parse).run
    assert run.outcome is Outcome.PARTIAL
    assert [gap.item for gap in run.gaps] == [CLAIM.item]
    assert "no matching package" in run.gaps[0].reason


@pytest.mark.parametrize("trouble", [{"exit_code": 101}, {"spawn_error": "no such file"}, {"timed_out": True}])
def test_a_preparation_that_may_fail_is_said_and_no_more(trouble: dict[str, Any]) -> None:
    prepare = Command(
        argv=("cargo", "update"), is_preparation=True, may_fail=True, claims=(CLAIM,), subject="Cargo.lock"
    )
    failed = RawOutput(command=prepare, stderr=b"error: no network\n", **trouble)
    run = interpret(output(failed, raw(), commands=(prepare, COMMAND)), parse).run
    assert run.outcome is Outcome.COMPLETED
    (note,) = run.notifications
    assert note.level is Level.WARNING
    assert note.message.startswith("a preparation failed, and it ran without: ")
    assert note.path == "Cargo.lock"
    assert note.message.endswith(": error: no network")


def test_a_command_that_was_never_started_is_not_covered() -> None:
    run = interpret(output(raw(), commands=(COMMAND, Command(argv=("fake", "b"), claims=(OTHER,)))), parse).run
    assert (run.outcome, [gap.item for gap in run.gaps]) == (Outcome.PARTIAL, ["language:shell"])


@pytest.mark.parametrize(
    ("stdout", "exit_code", "outcome", "words"),
    [
        (b"fake 1.1.9", 0, Outcome.FAILED, "older than what is known to be right"),
        (b"fake 2.0.0", 0, Outcome.COMPLETED, "newer than what was tested"),
        (b"fake dev", 0, Outcome.COMPLETED, "does not state a version"),
        (b"usage: fake", 2, Outcome.FAILED, "asked for its version it ended with exit code 2"),
    ],
)
def test_versions(stdout: bytes, exit_code: int, outcome: Outcome, words: str) -> None:
    version = RawOutput(command=VERSION.command, exit_code=exit_code, stdout=stdout)
    run = interpret(output(raw(), version=version), parse).run
    assert run.outcome is outcome
    assert words in run.reason + " ".join(entry.message for entry in run.notifications)


def test_parser_that_recurses_too_deeply_is_a_failed_run() -> None:
    def deep(_: RawOutput) -> Iterator[Said]:
        yield Notification(level=Level.NOTE, message="before")
        raise RecursionError

    run = interpret(output(raw()), deep).run
    assert run.outcome is Outcome.FAILED
    assert "nested too deeply" in run.reason
    assert run.notifications[0].scanner == "fake"


@given(stdout=st.binary(max_size=200), exit_code=st.integers(-30, 255))
def test_random_bytes_are_never_completed(stdout: bytes, exit_code: int) -> None:
    assert interpret(output(raw(exit_code, stdout=stdout)), parse).run.outcome is Outcome.FAILED


def test_folders_of_the_machine_are_taken_out() -> None:
    failed = raw(3, command=Command(argv=("/opt/fake", "/home/me/repo"), claims=(CLAIM,)), stderr=b"no /home/me/repo/x")
    run = interpret(output(failed), parse, shorten=lambda text: text.replace("/home/me/repo", "{target}")).run
    assert run.commands == ("/opt/fake {target}",)
    assert "{target}/x" in run.reason
