"""What the programs share that ask cargo for the dependency graph themselves: where they run, and what they ran on.

They run in a farm of links in which cargo has fetched every package, offline, as what they are told of the target is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from magray_sec.adapters import _cargo
from magray_sec.adapters._cargo_graph import Graph
from magray_sec.adapters._cargo_lock import read_lock
from magray_sec.adapters._cargo_metadata import Inputs, Told
from magray_sec.model.run import (
    Claim,
    Command,
    Gap,
    GapKind,
    Inventory,
    Item,
    ItemKind,
    Level,
    Notification,
    RawOutput,
    ScanContext,
    Target,
)

_MANIFEST, _LOCK = "Cargo.toml", "Cargo.lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A workspace that a tool can be run on."""

    item: Item
    manifest: str
    """Its Cargo.toml in the farm, absolute."""
    preparations: tuple[Command, ...]
    facts: Mapping[str, str]
    """For `Command.facts`: what `read_graph` and `outside_in` need."""

    @property
    def folder(self) -> str:
        """The workspace's folder in the farm, absolute."""
        return os.path.dirname(self.manifest)


def graphs(inventory: Inventory) -> tuple[Item, ...]:
    """Every Cargo.lock, and every Cargo.toml that none pins."""
    return (*inventory.of(ItemKind.LOCKFILE, "cargo"), *inventory.of(ItemKind.MANIFEST, "cargo"))


def environment(context: ScanContext) -> dict[str, str]:
    """What a program that starts cargo is given; cargo's own folder is that of all scans."""
    cargo, toolchain = context.tools.get("cargo"), context.environment.get("RUSTUP_TOOLCHAIN")
    found = {"CARGO_HOME": _cargo.home(context), "CARGO_NET_OFFLINE": "true", "RUSTUP_AUTO_INSTALL": "0"}
    if cargo and cargo.path:
        found["CARGO"] = cargo.path
    if toolchain:
        found["RUSTUP_TOOLCHAIN"] = toolchain
    return found


def ready(target: Target, item: Item, context: ScanContext, claim: Claim) -> Ready | tuple[str, str]:
    """The workspace of a lock file or manifest, and what makes it ready; or why it cannot be, and what to do."""
    inventory = context.inventory or Inventory()
    is_pinned = item.kind is ItemKind.LOCKFILE
    beside = os.path.join(os.path.dirname(item.name), _MANIFEST)
    if is_pinned and beside not in {file.path for file in inventory.files}:
        return "no Cargo.toml lies beside the lock file", "exclude it where it is a test's input"
    if refusal := _cargo.refusal(item, context):
        return refusal
    preparations: tuple[Command, ...] = (_cargo.fetch(target, claim, item, context),)
    lock = _cargo.fetched_lock(item, context) if is_pinned else _cargo.generated_lock(item, context)
    if not is_pinned:
        preparations = (_cargo.generate_lock(target, claim, item, context)[0], *preparations)
    facts = {
        "root": target.root,
        "farm": os.path.dirname(lock),
        "lock": lock,
        "generated": "" if is_pinned else context.today.isoformat(),
        "members": item.fact("members") or "",
    }
    return Ready(
        item=item, manifest=os.path.join(os.path.dirname(lock), _MANIFEST), preparations=preparations, facts=facts
    )


def inputs(ready: Ready, context: ScanContext, target: Target) -> tuple[str, ...]:
    """For `Command.inputs`: the lock file that was used, and the target's own and its manifests."""
    files = (context.inventory or Inventory()).files
    known = (file.path for file in files if os.path.basename(file.path) in (_MANIFEST, _LOCK))
    return (ready.facts["lock"], *(os.path.join(target.root, path) for path in known))


def gap(claim: Claim, item: Item, told: tuple[str, str]) -> Gap:
    """A claimed item that no tool can be run on."""
    return Gap(kind=GapKind.ITEM, domain=claim.domain, item=claim.item, path=item.name, reason=told[0], hint=told[1])


def read_graph(raw: RawOutput) -> Graph | None:
    """The graph that a tool was run on; None where nothing is known of it, as of a report made elsewhere of a target
    without the one lock file."""
    facts, subject = raw.command.facts, raw.command.subject
    if not subject:
        return None
    root = facts["root"]
    contents = {
        os.path.relpath(path, root).replace(os.sep, "/"): data
        for path in raw.command.inputs
        if (data := raw.input(path)) is not None and path != facts.get("lock")
    }
    is_pinned = os.path.basename(subject) == _LOCK
    data = contents.get(subject) if is_pinned else raw.input(facts.get("lock", ""))
    try:
        lock = read_lock(data) if data is not None else None
    except ValueError:
        lock = None
    if lock is None:
        return None
    item = Item(
        kind=ItemKind.LOCKFILE if is_pinned else ItemKind.MANIFEST,
        name=subject,
        ecosystem="cargo",
        facts=(("members", facts.get("members", "")),),
    )
    source = Inputs(root=root, contents=contents)
    return Graph(item=item, lock=lock, source=source, shelf=Told(manifests={}), generated=facts.get("generated", ""))


def circumstances(raw: RawOutput, graph: Graph | None) -> Iterator[Notification]:
    """What is to be known of the lock file that was used: it was made, or mended."""
    facts = raw.command.facts
    if facts.get("generated"):
        day = facts["generated"]
        text = f"no Cargo.lock is committed; one was generated on {day}, so that versions are that day's newest"
        yield Notification(level=Level.NOTE, message=text, path=raw.command.subject)
    used = raw.input(facts.get("lock", ""))
    if graph is None or used is None or facts.get("generated"):
        return
    try:
        mended = read_lock(used)
    except ValueError:
        return
    lost = {entry.label for entry in graph.lock.packages} ^ {entry.label for entry in mended.packages}
    if lost:
        text = f"the lock file does not fit its manifests: cargo mended a copy, which differs in {len(lost)} packages"
        yield Notification(level=Level.WARNING, message=text, path=raw.command.subject)


def outside_in(path: str, facts: Mapping[str, str], folder: str) -> str | None:
    """A path that a tool names, relative to the target's root; None where it does not lie in the target.

    `folder`: the workspace's, relative to the root. A relative path is one below the workspace.
    """
    if os.path.isabs(path):
        for place, inside in ((facts.get("farm", ""), folder), (facts.get("root", ""), "")):
            if place and path.startswith(place + os.sep):
                return os.path.normpath(os.path.join(inside, os.path.relpath(path, place))).replace(os.sep, "/")
        return None
    inside = os.path.normpath(os.path.join(folder, path)).replace(os.sep, "/")
    return None if inside.startswith("../") or inside == ".." else inside
