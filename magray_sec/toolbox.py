"""Where a scanner's executable is, and why one that was found is not used."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from magray_sec.model.run import Tool
from magray_sec.model.text import shown_path

PASSED_ON: tuple[str, ...] = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CARGO_HTTP_CAINFO",
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "RUSTUP_HOME",
)
"""The variables of `ScanContext.environment` that every scanner gets as they are; all others stay behind."""
PASSED_ON_PATHS: tuple[str, ...] = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""Those that list folders: only the folders that exist, are absolute and lie outside the target are passed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    path: str
    found_by: str


def locate(
    name: str, *, operator: Mapping[str, str], path: str, package_dirs: tuple[str, ...], target_root: str
) -> Tool:
    """The executable `name`: the operator's own path, else the first on `path` (as in PATH), else in `package_dirs`.

    What lies in the target, or leads there, or is found through an empty or relative entry of `path`, is refused. A
    path that the operator gave is used or refused, never replaced by another. `package_dirs` are those of the
    environment that runs this program and are as trusted as it is, wherever they lie.

    `path` is None where none is used: `refused` then says why, and is empty where there is nothing of that name.
    Where one is used, `refused` tells the first that was passed over. The path is not resolved: a rustup proxy goes
    by the name it is started under.
    """
    chosen = operator.get(name)
    if chosen is not None:
        candidate = _Candidate(path=chosen, found_by="operator")
        trouble = _trouble(candidate, target_root) or (
            None if os.path.lexists(chosen) else _says(chosen, "is not there")
        )
        return Tool(name=name, path=None if trouble else chosen, found_by="operator", refused=trouble or "")
    refused = ""
    for candidate in _candidates(name, path, package_dirs):
        if not os.path.lexists(candidate.path):
            continue
        trouble = _trouble(candidate, target_root)
        if trouble is None:
            return Tool(name=name, path=candidate.path, found_by=candidate.found_by, refused=refused)
        refused = refused or trouble
    return Tool(name=name, refused=refused)


def _candidates(name: str, path: str, package_dirs: tuple[str, ...]) -> Iterator[_Candidate]:
    suffixes = ("", ".exe", ".cmd", ".bat") if os.name == "nt" else ("",)
    for found_by, folders in (("path", path.split(os.pathsep) if path else []), ("package", package_dirs)):
        for folder in folders:
            for suffix in suffixes:
                yield _Candidate(path=os.path.join(folder, name + suffix), found_by=found_by)


def _trouble(candidate: _Candidate, target_root: str) -> str | None:
    """Why a candidate that exists is not used; None: it may be, or (for the operator's) is not there."""
    path = candidate.path
    if not os.path.isabs(path):
        where = "is not an absolute path" if candidate.found_by == "operator" else "comes from a relative PATH entry"
        return _says(path, where)
    if candidate.found_by != "package" and _is_in_target(path, os.path.realpath(target_root)):
        return _says(path, "lies inside the target")
    if os.path.islink(path) and not os.path.exists(path):
        return _says(path, "is a link that leads nowhere")
    if os.path.isdir(path):
        return _says(path, "is a folder")
    if os.path.exists(path) and not os.path.isfile(path):
        return _says(path, "is not a file")
    if os.path.exists(path) and not os.access(path, os.X_OK):
        return _says(path, "is not executable")
    return None


def _is_in_target(path: str, root: str) -> bool:
    # The entry itself counts as well as what it leads to: whoever owns the folder chooses where a link in it leads.
    places = (os.path.realpath(path), os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)))
    below = root if root.endswith(os.sep) else root + os.sep
    return any(place.startswith(below) for place in places)


def _says(path: str, trouble: str) -> str:
    return f"'{shown_path(path)}' {trouble}"
