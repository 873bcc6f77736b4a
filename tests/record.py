"""Run a real scanner over the inputs of its fixtures and store what it printed (`make record TOOL=x`).

Cases that were edited by hand (`edited` in their meta.toml) are left as they are. The tool has to be installed; a
version that has no folder yet gets one, with the inputs of the newest.
"""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cases import ROOT, Case, Scene, cases, lay_out
from magray_sec import adapters, runner
from magray_sec.cli._surroundings import passed_on
from magray_sec.interpret import stated_version
from magray_sec.model.adapter import Adapter, Step, StepOutput
from magray_sec.model.run import Command, Gap, ScanContext, Tool
from magray_sec.regex.examples import fill
from magray_sec.toolbox import locate

TAGGED = re.compile(r"\{\{[A-Za-z0-9-]+(?::[^{}#]*)?#\w+\}\}")


def main(arguments: list[str]) -> int:
    """Record every case of one scanner."""
    if len(arguments) != 1 or arguments[0] not in adapters.names():
        print(f"say which scanner: {', '.join(adapters.names())}", file=sys.stderr)
        return 2
    adapter = adapters.load(arguments[0])
    if not adapter.executable:
        print(f"{adapter.id} runs no program: its cases have no recorded output, `make golden` is all", file=sys.stderr)
        return 2
    tool, cargo = found(adapter.executable), found("cargo")
    if tool.path is None:
        print(f"{adapter.executable} is not installed: {adapter.install}", file=sys.stderr)
        return 2
    version = version_of(adapter, tool)
    newest = max(cases(adapter.id), key=lambda case: case.version).version
    if version != newest:
        shutil.copytree(ROOT / adapter.id / newest, ROOT / adapter.id / version)
    for case in cases(adapter.id):
        if case.version == version and "edited" not in case.meta():
            record(case, tool, cargo, version)
            print(f"recorded {case.id}")
    print("now `make golden`, and read the difference")
    return 0


def found(name: str) -> Tool:
    """The executable as a scan would find it."""
    scripts = (sysconfig.get_path("scripts"),)
    return locate(name, operator={}, path=os.environ["PATH"], package_dirs=scripts, target_root="/nonexistent")


def version_of(adapter: Adapter, tool: Tool) -> str:
    """The version it states."""
    with tempfile.TemporaryDirectory() as work:
        step = Step(adapter=adapter, claims=(), commands=(), tool=tool)
        (output,) = runner.execute((step,), surroundings(work), target_root="/nonexistent")
    return stated_version(adapter, output.version)[0] or "unversioned"


def surroundings(work: str) -> ScanContext:
    """A context for running real tools."""
    now = datetime.now(UTC)
    # The user's own home, which tests replace: rustup finds its toolchains there.
    given = passed_on({**os.environ, "HOME": pwd.getpwuid(os.getuid()).pw_dir})
    return ScanContext(today=now.date(), started=now, work=work, cache=None, environment=given)


def record(case: Case, tool: Tool, cargo: Tool, version: str) -> None:
    """Run one case for real, and store its output with placeholders where its own folders stood."""
    with tempfile.TemporaryDirectory() as folder:
        scene = lay_out(case, Path(folder), is_replay=False)
        scene = replace(scene, context=real(scene, tool, cargo))
        assert scene.adapter.commands is not None
        claims = scene.adapter.claims(scene.inventory)
        made = scene.adapter.commands(scene.target, claims, scene.context)
        commands = tuple(entry for entry in made if isinstance(entry, Command))
        gaps = tuple(entry for entry in made if isinstance(entry, Gap))
        step = Step(adapter=scene.adapter, claims=claims, commands=commands, gaps=gaps, tool=tool)
        (output,) = runner.execute((step,), scene.context, target_root=scene.target.root)
        store(case, scene, output, version)


def real(scene: Scene, tool: Tool, cargo: Tool) -> ScanContext:
    """The scene's context with the tools that are installed."""
    tools = {scene.adapter.executable: tool}
    if "cargo" in scene.context.tools:
        tools["cargo"] = cargo
    given = surroundings(scene.context.work).environment
    return replace(scene.context, tools=tools, environment=given)


def store(case: Case, scene: Scene, output: StepOutput, version: str) -> None:
    """Write `raw.<n>.*` and `meta.toml`; files that later commands or the parser read go to `work/`."""
    for old in case.folder.glob("raw.*"):
        old.unlink()
    stated = dict(case.meta().get("context", {}))
    lines = [f'tool = "{case.adapter}"', f'version = "{version}"', f"recorded = {datetime.now(UTC).date()}", ""]
    lines += ["[context]", *(f"{name} = {toml(value)}" for name, value in stated.items())]
    for number, raw in enumerate(output.outputs):
        for stream, data in (("stdout", raw.stdout), ("stderr", raw.stderr)):
            (case.folder / f"raw.{number}.{stream}").write_bytes(hidden(unfilled(data, case), scene.places))
        argv = "".join(f"  {toml(hidden(word.encode(), scene.places).decode())},\n" for word in raw.command.argv)
        lines += ["", "[[commands]]", f"argv = [\n{argv}]", f"exit_code = {raw.exit_code}"]
        for path in raw.inputs:
            if path.startswith(scene.context.work + os.sep):
                kept = case.folder / "work" / os.path.relpath(path, scene.context.work)
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(raw.inputs[path])
    (case.folder / "meta.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def unfilled(data: bytes, case: Case) -> bytes:
    """The data with the templates where a scanner printed what they were filled with. Only those with a tag are: each
    other one is filled with something else wherever it stands.
    """
    files = [*sorted((case.folder / "input").rglob("*")), case.folder / "history.toml"]
    texts = [path.read_bytes().decode("utf-8", "replace") for path in files if path.is_file()]
    for template in dict.fromkeys(found[0] for text in texts for found in TAGGED.finditer(text)):
        value = fill(template, f"{case.adapter}/{case.name}")
        for said, back in ((value, template), (json.dumps(value)[1:-1], f"{{{{json {template}}}}}")):
            data = data.replace(said.encode(), back.encode())
    return data


def hidden(data: bytes, places: Mapping[str, str]) -> bytes:
    """The data with the folders of this run as placeholders."""
    for name, place in sorted(places.items(), key=lambda pair: -len(pair[1])):
        data = data.replace(place.encode(), name.encode())
    return data


def toml(value: Any) -> str:
    """A TOML literal of a plain value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # A JSON string is a TOML one: a file's name may hold a line break.
        return json.dumps(value, ensure_ascii=False)
    return str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
