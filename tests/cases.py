"""Fixture cases of adapters: a small target, and what the real tool printed over it, replayed through the same steps.

`fixtures/adapters/<id>/<tool version>/<case>/` holds `input/` (the target), `meta.toml`, and for a program `raw.<n>.stdout`
and `raw.<n>.stderr` of its n-th command (`work/` and `database/` where it made or read more). Where a secret stands
there is a template, filled here. `history.toml` tells of commits to be made on top of `input/` (`histories.replay`), for a
scanner of the history. For a scanner that only reads others' reports, `raw.0.stdout` is the report. `findings.json` is the golden.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from histories import replay
from magray_sec import adapters, database, datafiles, worker
from magray_sec.correlate import correlate
from magray_sec.interpret import interpret
from magray_sec.model.adapter import Adapter, Interpretation, Step, StepOutput
from magray_sec.model.codec import to_plain
from magray_sec.model.run import (
    Command,
    Database,
    Gap,
    Inventory,
    Limits,
    RawOutput,
    ScanContext,
    Source,
    Target,
    Tool,
)
from magray_sec.normalize import normalize
from magray_sec.regex.examples import fill
from magray_sec.scopes import Wanted, look

ROOT = Path(__file__).resolve().parent.parent / "fixtures" / "adapters"
REQUIRED = ("none", "one", "many")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One recorded case."""

    adapter: str
    version: str
    name: str
    folder: Path

    @property
    def id(self) -> str:
        """As tests are named."""
        return f"{self.adapter}-{self.version}-{self.name}"

    @property
    def golden(self) -> Path:
        """The file of its golden."""
        return self.folder / "findings.json"

    @property
    def is_import(self) -> bool:
        """Whether it is a report that was made elsewhere, of a scanner that runs in process here."""
        return adapters.load(self.adapter).inspect is not None and (self.folder / "raw.0.stdout").exists()

    def meta(self) -> Mapping[str, Any]:
        """What was recorded beside the output; empty for an in-process scanner that needs none."""
        path = self.folder / "meta.toml"
        return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def cases(adapter: str = "*") -> list[Case]:
    """Every case there is, sorted."""
    folders = sorted(path for path in ROOT.glob(f"{adapter}/*/*") if path.is_dir())
    return [Case(adapter=f.parts[-3], version=f.parts[-2], name=f.name, folder=f) for f in folders]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A case laid out on disk: what the adapter is given."""

    case: Case
    adapter: Adapter
    target: Target
    inventory: Inventory
    source: Source
    context: ScanContext

    @property
    def places(self) -> dict[str, str]:
        """What the placeholders of `meta.toml` stand for."""
        places = {"{target}": self.target.root, "{work}": self.context.work, "{rules}": datafiles.folder("rules")}
        if self.context.database:
            places["{database}"] = self.context.database.path
        return places | {f"{{{name}}}": tool.path for name, tool in self.context.tools.items() if tool.path}


def lay_out(case: Case, folder: Path, *, is_replay: bool = True) -> Scene:
    """Copy a case's target to `folder` with its templates filled, and discover it. A replay also has what the recorded
    commands left in the work folder."""
    adapter = adapters.load(case.adapter)
    root, work = folder / "target", folder / "work"
    shutil.copytree(case.folder / "input", root, symlinks=True)
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            filled(path, f"{case.adapter}/{case.name}")
    work.mkdir(mode=0o700)
    if is_replay and (case.folder / "work").is_dir():
        shutil.copytree(case.folder / "work", work, dirs_exist_ok=True)
    stated = case.meta().get("context", {})
    history = case.folder / "history.toml"
    if history.exists():
        replay(root, history, f"{case.adapter}/{case.name}")
    scene = look(str(root), Limits(), Wanted(history=history.exists()))
    target, inventory = scene.target, scene.inventory
    for name in stated.get("vanished", ()):
        # A file that is listed and cannot be read: it goes away between the two.
        (root / name).unlink()
    tools = {adapter.executable: Tool(name=adapter.executable, path=f"/opt/{adapter.executable}", found_by="path")}
    if stated.get("cargo"):
        tools["cargo"] = Tool(name="cargo", path="/opt/cargo", found_by="path")
    today = stated.get("today", date(2026, 11, 24))
    context = ScanContext(
        today=today,
        started=datetime.combine(today, time(), UTC),
        work=os.path.realpath(work),
        cache=shared_cache(),
        tools=tools,
        database=_database(case, stated.get("database", "")),
        offline=stated.get("offline", False),
        resolve=stated.get("resolve", False),
        inventory=inventory,
    )
    return Scene(case=case, adapter=adapter, target=target, inventory=inventory, source=scene.source, context=context)


def shared_cache() -> str:
    """A cache that all tests and test runs share: what is compiled once is compiled for all of them."""
    folder = ROOT.parent.parent / ".pytest_cache" / "magray-sec"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return str(folder)


def filled(path: Path, seed: str) -> None:
    """Fill the templates in a file, in place; a file without any stays as it is."""
    data = path.read_bytes()
    if b"{{" in data:
        path.write_bytes(_filled(data, seed))


_IN_JSON = re.compile(r"\{\{json (\{\{[^{}]*\}\})\}\}")


def _filled(data: bytes, seed: str) -> bytes:
    """A template within `{{json ...}}` is filled as it stands in a string of JSON."""
    text = _IN_JSON.sub(lambda match: json.dumps(fill(match[1], seed))[1:-1], data.decode("utf-8", "surrogateescape"))
    return fill(text, seed).encode("utf-8", "surrogateescape")


def _database(case: Case, name: str) -> Database | None:
    if not name:
        return None
    own = case.folder / name
    path = own if own.is_dir() else ROOT.parent / name
    try:
        return replace(database.describe(str(path)), chosen_by_user=True)
    except database.DatabaseError:
        return Database(path=str(path), date=None, advisories=0, chosen_by_user=True)


def heard(scene: Scene) -> Interpretation:
    """What the steps make of the case: the adapter's commands are held against the recorded ones."""
    claims = scene.adapter.claims(scene.inventory)
    adapter = scene.adapter
    step, raws, version = (
        _inspected(scene, claims)
        if adapter.inspect and not scene.case.is_import
        else _taken_in(scene)
        if adapter.only_imports or scene.case.is_import
        else _recorded(scene, claims)
    )
    output = StepOutput(step=step, version=version, outputs=raws, started=scene.context.started, duration_s=0.0)

    def shorten(text: str) -> str:
        for name, place in sorted(scene.places.items(), key=lambda pair: -len(pair[1])):
            text = text.replace(place, name)
        return _COUNTED.sub(lambda match: match[1] + _as_recorded(int(match[2]), raws, scene) + match[3], text)

    is_import = adapter.only_imports or scene.case.is_import
    own = adapter.parse is None or (adapter.inspect is not None and not is_import)
    return interpret(output, worker.parse if own else adapter.parse, shorten=shorten, is_import=is_import)


_COUNTED = re.compile(r"(breaks off after )([0-9]+)( characters)")


def _as_recorded(count: int, raws: tuple[RawOutput, ...], scene: Scene) -> str:
    """A count of an output's characters as it would be if the paths in it were no longer than their placeholders."""
    for raw in raws:
        text = raw.stdout.decode("utf-8", "replace").lstrip()
        if len(text) == count:
            for name, place in sorted(scene.places.items(), key=lambda pair: -len(pair[1])):
                text = text.replace(place, name)
            return str(len(text))
    return str(count)


def _inspected(scene: Scene, claims: Any) -> tuple[Step, tuple[RawOutput, ...], None]:
    """What an in-process scanner says; what its preparations would leave behind is in `work/`."""
    assert scene.adapter.inspect is not None
    made = scene.adapter.prepare(scene.target, claims, scene.context) if scene.adapter.prepare else ()
    gaps = tuple(entry for entry in made if isinstance(entry, Gap))
    refused = {(gap.domain, gap.item) for gap in gaps}
    left = tuple(claim for claim in claims if (claim.domain, claim.item) not in refused)
    command = Command(argv=("worker",), claims=left)
    lines = worker.frames(scene.adapter.inspect(scene.source, left, scene.context))
    raw = RawOutput(command=command, exit_code=0, stdout="".join(line + "\n" for line in lines).encode())
    return Step(adapter=scene.adapter, claims=claims, commands=(command,), gaps=gaps), (raw,), None


def _taken_in(scene: Scene) -> tuple[Step, tuple[RawOutput, ...], None]:
    """A report that was made elsewhere: `raw.0.stdout` is the file."""
    assert scene.adapter.imported is not None
    command = replace(scene.adapter.imported(scene.target, scene.inventory), subject=scene.case.name)
    inputs = {path: Path(path).read_bytes() for path in command.inputs if Path(path).is_file()}
    raw = RawOutput(command=command, stdout=_raw(scene.case, 0, "stdout"), inputs=inputs)
    return Step(adapter=scene.adapter, claims=command.claims, commands=(command,)), (raw,), None


def _recorded(scene: Scene, claims: Any) -> tuple[Step, tuple[RawOutput, ...], RawOutput]:
    assert scene.adapter.commands is not None
    meta, case, tool = scene.case.meta(), scene.case, scene.context.tools[scene.adapter.executable]
    made = scene.adapter.commands(scene.target, claims, scene.context)
    commands = tuple(entry for entry in made if isinstance(entry, Command))
    gaps = tuple(entry for entry in made if isinstance(entry, Gap))
    raws: list[RawOutput] = []
    for number, (command, stated) in enumerate(zip(commands, meta.get("commands", ()), strict=False)):
        assert [placed(word, scene) for word in stated["argv"]] == list(command.argv), (
            "recorded with another command line"
        )
        raws.append(
            RawOutput(
                command=command,
                exit_code=stated.get("exit_code"),
                stdout=_placed(_raw(case, number, "stdout"), scene),
                stderr=_placed(_raw(case, number, "stderr"), scene),
                inputs={path: Path(path).read_bytes() for path in command.inputs if Path(path).is_file()},
            )
        )
    assert len(raws) == len(meta.get("commands", ())), "more commands were recorded than the adapter asks for"
    step = Step(adapter=scene.adapter, claims=claims, commands=commands, gaps=gaps, tool=tool)
    version = RawOutput(
        command=Command(argv=("{tool}", *scene.adapter.version_argv)),
        exit_code=0,
        stdout=f"{case.adapter} {meta.get('version', case.version)}\n".encode(),
    )
    return step, tuple(raws), version


def placed(word: str, scene: Scene) -> str:
    """A recorded word with its placeholders filled. `{tool}` stays: it is the adapter's own word."""
    for name, place in scene.places.items():
        word = word.replace(name, place)
    return word


def _placed(data: bytes, scene: Scene) -> bytes:
    """Recorded output with its placeholders filled."""
    for name, place in scene.places.items():
        data = data.replace(name.encode(), os.fsencode(place))
    return data


def _raw(case: Case, number: int, stream: str) -> bytes:
    path = case.folder / f"raw.{number}.{stream}"
    data = path.read_bytes() if path.exists() else b""
    return _filled(data, f"{case.adapter}/{case.name}") if b"{{" in data else data


def outcome(scene: Scene) -> dict[str, Any]:
    """The golden of a case: its run and its findings, without times and command lines."""
    interpretation = heard(scene)
    normalized = normalize([interpretation], scene.source, {scene.adapter.id: scene.adapter}, anchor="")
    (run,) = normalized.runs
    run = replace(run, commands=(), started=None, duration_s=0.0)
    if scene.adapter.library and not run.is_import:
        # Whichever version is installed gives the golden of the one that it was made with.
        run = replace(run, version=scene.case.version)
    rules = {finding.rule.id: finding.rule for finding in normalized.findings}
    findings = []
    for finding in correlate(normalized.findings):
        plain = to_plain(finding)
        plain["rule"] = finding.rule.id
        findings.append(plain)
    return {
        "run": to_plain(run),
        "rules": [to_plain(rules[name]) for name in sorted(rules)],
        "findings": findings,
    }
