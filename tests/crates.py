"""Lock files and packed crates for tests, made in memory."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def packed(name: str, version: str, files: Mapping[str, str]) -> bytes:
    """A `.crate` with these files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{name}-{version}/{path}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return buffer.getvalue()


def manifest(name: str, version: str, package: str = "", rest: str = "") -> str:
    """A Cargo.toml; `package` are more lines of its `[package]`."""
    return f'[package]\nname = "{name}"\nversion = "{version}"\n{package}\n{rest}'


def shelve(home: Path, name: str, version: str, crate: bytes, *, folder: str = "registry-of-crates") -> str:
    """Put a `.crate` into the download cache of a CARGO_HOME; its checksum."""
    place = home / "registry" / "cache" / folder
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}-{version}.crate").write_bytes(crate)
    return hashlib.sha256(crate).hexdigest()


def lock(*entries: tuple[str, str, str | None, tuple[str, ...]], checksums: Mapping[str, str] = {}) -> bytes:
    """A Cargo.lock of (name, version, source, dependencies); `checksums` by name."""
    lines = ["version = 4", ""]
    for name, version, source, dependencies in entries:
        lines += ["[[package]]", f'name = "{name}"', f'version = "{version}"']
        lines += [f'source = "{source}"'] if source else []
        lines += [f'checksum = "{checksums[name]}"'] if name in checksums else []
        lines += ["dependencies = [", *(f' "{asked}",' for asked in dependencies), "]"] if dependencies else []
        lines.append("")
    return "\n".join(lines).encode()
