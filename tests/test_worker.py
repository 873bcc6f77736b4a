"""What an in-process scanner says comes out of its worker as it went in, or the run is not a finished one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from magray_sec import worker
from magray_sec.model.adapter import Metric, ParseError, Said
from magray_sec.model.finding import Place, Rule, Sealed, Sighting
from magray_sec.model.run import Command, Gap, GapKind, Level, Notification, RawOutput, Skipped, SkipReason
from magray_sec.model.scale import Domain

RULE = Rule(id="secrets/x", domain=Domain.SECRETS, title="X", help="do this")
SAID: tuple[Said, ...] = (
    Sighting(native_rule="x", domain=Domain.SECRETS, message="one", rule=RULE, place=Place(path="a", span=(1, 2))),
    Sighting(native_rule="x", domain=Domain.SECRETS, message="two\n\u2028", rule=RULE, place=Place(path="b\udcff")),
    Sighting(native_rule="y", domain=Domain.CODE, message="no rule"),
    Gap(kind=GapKind.FILE, path="c", reason="unreadable"),
    Notification(level=Level.NOTE, message="n"),
    Skipped(reason=SkipReason.BINARY, path="d"),
    Metric(name="files", value=3),
)


def raw(lines: list[str]) -> RawOutput:
    return RawOutput(
        command=Command(argv=("worker",)), exit_code=0, stdout="".join(line + "\n" for line in lines).encode()
    )


def test_round_trip() -> None:
    assert tuple(worker.parse(raw(list(worker.frames(iter(SAID)))))) == SAID


def test_a_rule_is_sent_once() -> None:
    assert sum("do this" in line for line in worker.frames(iter(SAID))) == 1


def test_every_lost_line_is_noticed() -> None:
    lines = list(worker.frames(iter(SAID)))
    for index in range(len(lines)):
        cut = lines[:index] + lines[index + 1 :]
        with pytest.raises((ParseError, IndexError)):
            list(worker.parse(raw(cut)))


@pytest.mark.parametrize("stdout", [b"", b"Segmentation fault\n", b'["end", 0]', b'["end", 5]\n'])
def test_output_without_the_mark_is_no_finished_run(stdout: bytes) -> None:
    with pytest.raises(ParseError):
        list(worker.parse(RawOutput(command=Command(argv=("worker",)), exit_code=0, stdout=stdout)))


def test_an_unfinished_run_keeps_what_was_said() -> None:
    heard: list[Said] = []

    def listen(said: Iterator[Said]) -> None:
        heard.extend(said)

    with pytest.raises(ParseError):
        listen(worker.parse(raw(list(worker.frames(iter(SAID)))[:-3])))
    assert heard[0] == SAID[0]


def test_a_sealed_secret_cannot_leave_the_process() -> None:
    sighting = Sighting(native_rule="x", domain=Domain.SECRETS, message="m", secret=Sealed(b"value"))
    with pytest.raises(TypeError):
        list(worker.frames(iter([sighting])))


def test_unknown_adapter_ends_with_a_failure() -> None:
    ended = subprocess.run(
        [sys.executable, "-I", "-m", "magray_sec.worker", "nosuch"],
        input=b'{"root": "/", "files": [], "claims": [], "context": {}}',
        capture_output=True,
    )
    assert ended.returncode != 0
    assert ended.stdout == b""
