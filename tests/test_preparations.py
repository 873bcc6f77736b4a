"""Programs that prepare for a scanner: who waits for them, who is told of them, and who goes without."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from magray_sec import runner, worker
from magray_sec.model.adapter import Adapter, Step
from magray_sec.model.codec import from_plain
from magray_sec.model.run import (
    Claim,
    Command,
    Farm,
    Gap,
    GapKind,
    Inventory,
    Item,
    ItemKind,
    ScanContext,
    Target,
    Tool,
)
from magray_sec.model.scale import Domain, Outcome
from magray_sec.plan import Plan, make_plan
from memory import MemorySource

ONE, TWO, THREE = (Claim(domain=Domain.LICENSES, item=f"lockfile:{name}") for name in ("one", "two", "three"))
ADAPTER = Adapter(
    id="prepared",
    title="Prepared",
    domains=frozenset({Domain.LICENSES}),
    claims=lambda _: (ONE, TWO, THREE),
    uses=("cargo",),
    inspect=lambda *_: iter(()),
)


@pytest.fixture
def context(tmp_path: Path) -> ScanContext:
    (tmp_path / "work").mkdir(mode=0o700)
    return ScanContext(
        today=date(2026, 1, 1),
        started=datetime(2026, 1, 1, tzinfo=UTC),
        work=str(tmp_path / "work"),
        cache=None,
        environment={"PATH": "/usr/bin:/bin", "CARGO_HOME": "/home/somebody/.cargo", "RUSTUP_HOME": "/r"},
        tools={name: Tool(name=name, path=f"/opt/{name}", found_by="path") for name in ("cargo", "other")},
        timeout_s=30.0,
        jobs=2,
    )


def preparation(*claims: Claim, may_fail: bool = False, text: str = "pass", **changes: object) -> Command:
    made = Command(argv=(sys.executable, "-IS", "-c", text), claims=claims, is_preparation=True, may_fail=may_fail)
    return replace(made, **changes)  # type: ignore[arg-type]


def plan(context: ScanContext, *made: Command | Gap) -> Plan:
    return make_plan(
        Target(root="/repo", name="repo"),
        Inventory(),
        (replace(ADAPTER, prepare=lambda *_: made),),
        context,
        worker=lambda adapter, claims: Command(argv=("worker", adapter.id), claims=claims),
    )


def gap(claim: Claim) -> Gap:
    return Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, reason="it cannot be", hint="make it")


def test_a_claim_that_a_preparation_may_lose_has_a_worker_of_its_own(context: ScanContext) -> None:
    must, may = preparation(TWO), preparation(THREE, may_fail=True)
    (step,) = plan(context, must, may).steps
    assert step.commands[:2] == (must, may)
    assert [command.claims for command in step.commands[2:]] == [(ONE, THREE), (TWO,)]
    assert step.tool is None


def test_what_cannot_be_looked_at_is_a_gap_and_in_no_worker(context: ScanContext) -> None:
    (step,) = plan(context, gap(ONE), gap(THREE)).steps
    assert step.gaps == (gap(ONE), gap(THREE))
    assert [command.claims for command in step.commands] == [(TWO,)]
    (skip,) = plan(context, gap(ONE), gap(TWO), gap(THREE)).skips
    assert (skip.outcome, skip.reason, skip.hint) == (Outcome.SKIPPED, "it cannot be", "make it")
    assert len(skip.gaps) == 3


def test_a_worker_is_told_of_its_items_and_of_what_it_uses(context: ScanContext) -> None:
    items = tuple(
        Item(kind=ItemKind.LOCKFILE, name=name, ecosystem="cargo", facts=(("members", name),))
        for name in ("one", "two")
    )
    made = worker.command(ADAPTER, (TWO,), MemorySource({}), replace(context, inventory=Inventory(items=items)))
    told = from_plain(ScanContext, json.loads(made.stdin.partition(b"\n")[2])["context"])
    assert told.inventory == Inventory(items=items[1:])
    assert set(told.tools) == {"cargo"}
    assert dict(told.environment) == {"CARGO_HOME": "/home/somebody/.cargo"}


def execute(context: ScanContext, root: Path, *commands: tuple[Command, ...]) -> list[list[int | None]]:
    steps = tuple(
        Step(adapter=replace(ADAPTER, id=f"prepared-{number}"), claims=(), commands=row)
        for number, row in enumerate(commands)
    )
    outputs = runner.execute(steps, context, target_root=str(root))
    for row, output in zip(commands, outputs, strict=True):
        assert all(any(raw.command is command for command in row) for raw in output.outputs)
    return [[raw.exit_code for raw in output.outputs] for output in outputs]


def test_a_preparation_in_the_same_words_is_run_once_for_all(tmp_path: Path, context: ScanContext) -> None:
    log = tmp_path / "log"
    text = f"import time; open({str(log)!r}, 'a').write('x'); time.sleep(0.2)"
    farm = Farm(source=str(tmp_path / "target"), at=str(tmp_path / "work" / "farm"))
    (tmp_path / "target").mkdir()
    rows = [(preparation(claim, text=text, farm=farm),) for claim in (ONE, TWO, THREE)]
    assert execute(context, tmp_path / "target", *rows) == [[0], [0], [0]]
    assert log.read_text() == "x"
    assert execute(context, tmp_path / "target", (preparation(ONE, text=text),)) == [[0]]
    assert log.read_text() == "xx"


@pytest.mark.parametrize("other", [{"environment": {"A": "2"}}, {"timeout_s": 9.0}, {"stdin": b"2"}])
def test_one_in_other_words_is_run_again(tmp_path: Path, context: ScanContext, other: dict[str, object]) -> None:
    log = tmp_path / "log"
    text = f"open({str(log)!r}, 'a').write('x')"
    rows = ((preparation(ONE, text=text),), (preparation(ONE, text=text, **other),))
    assert execute(context, tmp_path, *rows) == [[0], [0]]
    assert log.read_text() == "xx"


def test_a_preparation_that_fails_fails_for_all(tmp_path: Path, context: ScanContext) -> None:
    scan = Command(argv=(sys.executable, "-IS", "-c", "pass"), claims=(ONE,))
    rows = [(preparation(ONE, text="raise SystemExit(3)"), scan) for _ in range(2)]
    assert execute(context, tmp_path, *rows) == [[3], [3]]
    free = replace(scan, claims=(TWO,))
    assert execute(context, tmp_path, (preparation(ONE, text="raise SystemExit(3)"), scan, free)) == [[3, 0]]


def test_a_copy_in_a_farm_is_written_in_place_of_the_targets_file(tmp_path: Path, context: ScanContext) -> None:
    root = tmp_path / "target"
    (root / "inner").mkdir(parents=True)
    (root / "inner" / "Cargo.lock").write_text("as it was")
    (root / "inner" / "Cargo.toml").write_text("linked")
    (tmp_path / "outside").write_text("a secret")
    (root / "Cargo.lock").symlink_to(tmp_path / "outside")
    place = tmp_path / "work" / "farm"
    farm = Farm(source=str(root), at=str(place), within="inner", copied=frozenset({"Cargo.lock"}))
    text = f"open({str(place / 'inner' / 'Cargo.lock')!r}, 'a').write(', mended')"
    assert execute(context, root, (preparation(ONE, text=text, farm=farm),)) == [[0]]
    assert (place / "inner" / "Cargo.lock").read_text() == "as it was, mended"
    assert (root / "inner" / "Cargo.lock").read_text() == "as it was"
    assert (place / "inner" / "Cargo.toml").is_symlink()
    assert not (place / "Cargo.lock").exists()
