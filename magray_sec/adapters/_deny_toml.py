"""What a repository's own deny.toml tells cargo-deny to leave out. It is read to be said, never to be followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from magray_sec._toml import parse, table

_REMOVED = {
    "advisories": ("vulnerability", "notice", "severity-threshold"),
    "licenses": ("unlicensed", "copyleft", "allow-osi-fsf-free", "default", "deny"),
}
"""Keys that cargo-deny took away: it refuses a file with one of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenyToml:
    """One deny.toml. `path` as it is shown."""

    path: str
    ignored: frozenset[str] = frozenset()
    """Advisories, and crates (`name` or `name@version`) whose yanked versions are accepted."""
    yanked: bool = True
    unmaintained: bool = True
    skipped: frozenset[str] = frozenset()
    """Crates that may be there in several versions."""
    licences: int = 0
    """How many it allows, exceptions and clarifications with them."""
    sources: frozenset[str] = frozenset()
    """Registries and git repositories it allows besides crates.io."""
    removed: tuple[str, ...] = ()
    """Keys that it has and cargo-deny took away."""

    def hides(self, advisory: str, kind: str, name: str, version: str) -> str:
        """Why cargo-deny, run with this file, would not have shown an advisory or a yanked version; empty: it would."""
        if advisory in self.ignored:
            return f"{self.path} ignores {advisory}"
        if kind == "yanked" and (not self.yanked or self.ignored & {name, f"{name}@{version}"}):
            return f"{self.path} accepts yanked versions"
        if kind == "unmaintained" and not self.unmaintained:
            return f"{self.path} leaves out unmaintained crates"
        return ""

    def hides_source(self, url: str) -> str:
        """Why cargo-deny, run with this file, would have accepted a source; empty: it would not."""
        allowed = any(url.startswith(entry.rstrip("/")) for entry in self.sources)
        return f"{self.path} allows this source" if allowed else ""


def read_deny_toml(data: bytes, *, path: str) -> DenyToml:
    """ValueError, with one line that says why, where it is no TOML, which cargo-deny does not follow either."""
    try:
        tables = parse(data)
    except ValueError as error:
        raise ValueError(f"it is not TOML: {error}") from None
    advisories, bans = table(tables.get("advisories")), table(tables.get("bans"))
    licenses, sources = table(tables.get("licenses")), table(tables.get("sources"))
    removed = (f"{part}.{key}" for part, keys in _REMOVED.items() for key in keys if key in table(tables.get(part)))
    lists = ("allow", "exceptions", "clarify")
    return DenyToml(
        path=path,
        ignored=frozenset(_names(advisories.get("ignore"))),
        yanked=advisories.get("yanked") != "allow",
        unmaintained=advisories.get("unmaintained") not in ("none", "allow"),
        skipped=frozenset((*_names(bans.get("skip")), *_names(bans.get("skip-tree")))),
        licences=sum(len(licenses[key]) for key in lists if isinstance(licenses.get(key), list)),
        sources=frozenset(
            (
                *(entry for key in ("allow-git", "allow-registry", "private") for entry in _names(sources.get(key))),
                *(f"https://{host}.com/{name}/" for host, name in _organizations(sources.get("allow-org"))),
            )
        ),
        removed=tuple(removed),
    )


def _names(value: Any) -> Iterator[str]:
    """What a list names: an advisory or a crate, by itself or with a reason."""
    for entry in value if isinstance(value, list) else []:
        words = table(entry)
        found = entry if isinstance(entry, str) else words.get("id") or words.get("crate") or words.get("name")
        if isinstance(found, str):
            yield found


def _organizations(value: Any) -> Iterator[tuple[str, str]]:
    for host, names in table(value).items():
        for name in names if isinstance(names, list) else []:
            if isinstance(name, str):
                yield host, name
