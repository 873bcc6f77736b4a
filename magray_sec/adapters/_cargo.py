"""Asking cargo about the target without letting the target ask anything of cargo.

cargo runs in a folder of its own, on a farm of links to the target without its `.cargo` and toolchain files, with a
home that is ours, and only where every dependency comes from crates.io or lies in the target.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from magray_sec.model.run import Claim, Command, Farm, Item, ItemKind, ScanContext, Target
from magray_sec.model.text import clean, shown_path

# What cargo would write to, and what could tell it what to run.
_LEFT_OUT = frozenset({"target", ".git", ".cargo", "rust-toolchain", "rust-toolchain.toml"})
_LIMITS: Mapping[str, str] = MappingProxyType(
    {"CARGO_NET_RETRY": "2", "CARGO_HTTP_TIMEOUT": "20", "RUSTUP_AUTO_INSTALL": "0"}
)
_INDEX_TIMEOUT_S = 120.0


def home(context: ScanContext) -> str:
    """The CARGO_HOME of all commands: kept from scan to scan for the index, and without the operator's audit.toml."""
    return os.path.join(context.cache or context.work, "cargo")


def refusal(item: Item, context: ScanContext) -> tuple[str, str] | None:
    """Why cargo is not to resolve a manifest or a lock file, and what to do about it; None: it may.

    By two facts of the item: `foreign-source`, what the graph takes from elsewhere than crates.io and the target, and
    `orphan`, the workspace that cargo finds for a package and that does not list it.
    """
    foreign, orphan = item.fact("foreign-source"), item.fact("orphan")
    if foreign and not context.resolve:
        reason = f"not all of its dependencies come from crates.io or the target ({clean(foreign, limit=300)})"
        return reason, "let cargo fetch from there with --resolve, or commit the Cargo.lock"
    if orphan:
        # A root that the package names itself is where cargo writes, and in the farm that may be a link to the target.
        reason = f"cargo takes {clean(shown_path(orphan), limit=300)} for its workspace, which does not list it"
        return reason, "list it in that workspace's members, or give it a [workspace] of its own"
    cargo = context.tools.get("cargo")
    if cargo is None or cargo.path is None:
        reason = cargo.refused if cargo and cargo.refused else "cargo is not installed"
        return reason, "install Rust (https://rustup.rs), or commit the Cargo.lock"
    return None


def refresh_index(target: Target, claim: Claim, item: Item, context: ScanContext) -> Command:
    """Bring the index of crates.io up to date for all that a committed lock file pins. Nothing is written but that."""
    place = _farm(item, context)
    timeout_s = min(_INDEX_TIMEOUT_S, context.timeout_s)
    words = ("update", "--workspace", "--dry-run")
    return _command(target, claim, item, context, place, words, may_fail=True, timeout_s=timeout_s)


def reads(path: str) -> bool:
    """Whether what a scanner of the dependency graph says depends on the bytes of a file: manifests, lock files,
    cargo's settings, what lies beside vendored packages, and whether a package has a build script."""
    name = path.rpartition("/")[2]
    return name.endswith((".toml", ".lock", ".json")) or name in ("config", "build.rs")


def generate_lock(target: Target, claim: Claim, item: Item, context: ScanContext) -> tuple[Command, str]:
    """Resolve a manifest that no lock file pins; and where its lock file will be, outside the target."""
    place = _farm(item, context)
    command = _command(target, claim, item, context, place, ("generate-lockfile",), leave_out={"Cargo.lock"})
    return command, generated_lock(item, context)


def generated_lock(item: Item, context: ScanContext) -> str:
    """Where `generate_lock` leaves the lock file of a manifest."""
    return os.path.join(_farm(item, context), os.path.dirname(item.name), "Cargo.lock")


def fetch(target: Target, claim: Claim, item: Item, context: ScanContext) -> Command:
    """Bring every package that a lock file pins, for all platforms, into `home`. Nothing is built or executed.

    For a manifest, after `generate_lock`, in the farm that it made. A committed lock file is a copy there: where it
    does not fit the manifests, cargo mends the copy, and fetches all that both agree on.
    """
    if item.kind is ItemKind.MANIFEST:
        command = _command(target, claim, item, context, _farm(item, context), ("fetch", "--locked"), may_fail=True)
        return replace(command, farm=None)
    place = _farm(item, context, "-fetch")
    command = _command(target, claim, item, context, place, ("fetch",), may_fail=True)
    return replace(command, farm=replace(command.farm, copied=frozenset({"Cargo.lock"}))) if command.farm else command


def fetched_lock(item: Item, context: ScanContext) -> str:
    """Where the copy of a committed lock file lies that `fetch` used, and mended where it did not fit."""
    return os.path.join(_farm(item, context, "-fetch"), os.path.dirname(item.name), "Cargo.lock")


def _farm(item: Item, context: ScanContext, suffix: str = "") -> str:
    """A folder of the item's own. Its name is a digest: the target's names say nothing to what reads cargo's paths."""
    digest = hashlib.sha256(os.fsencode(item.id)).hexdigest()[:16]
    return os.path.join(context.work, "cargo-farms", digest + suffix)


def _command(
    target: Target,
    claim: Claim,
    item: Item,
    context: ScanContext,
    place: str,
    words: tuple[str, ...],
    *,
    leave_out: frozenset[str] | set[str] = frozenset(),
    may_fail: bool = False,
    timeout_s: float | None = None,
) -> Command:
    folder = os.path.dirname(item.name)
    # The operator's own settings (mirrors, certificates), where the caller found such a file.
    settings = context.environment.get("CARGO_CONFIG")
    environment = {"CARGO_HOME": home(context), **_LIMITS}
    if toolchain := context.environment.get("RUSTUP_TOOLCHAIN"):
        environment["RUSTUP_TOOLCHAIN"] = toolchain
    return Command(
        argv=(
            context.tools["cargo"].path or "cargo",
            *words,
            "--manifest-path",
            os.path.join(place, folder, "Cargo.toml"),
            *(("--offline",) if context.offline else ()),
            *(("--config", settings) if settings else ()),
        ),
        environment=environment,
        claims=(claim,),
        subject=item.name,
        is_preparation=True,
        may_fail=may_fail,
        network=not context.offline,
        farm=Farm(source=target.root, at=place, within=folder, leave_out=_LEFT_OUT | leave_out),
        timeout_s=timeout_s,
    )
