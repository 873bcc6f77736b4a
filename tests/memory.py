"""A target that is a dictionary."""

from __future__ import annotations

from collections.abc import Mapping

from magray_sec.model.run import File


class MemorySource:
    """Implements `Source` over bytes in memory; the root is `/target`."""

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self._contents = dict(contents)

    @property
    def root(self) -> str:
        return "/target"

    def files(self) -> tuple[File, ...]:
        return tuple(File(path=path, size=len(data)) for path, data in sorted(self._contents.items()))

    def read(self, path: str) -> bytes:
        if path not in self._contents:
            raise FileNotFoundError(path)
        return self._contents[path]

    def blob_at(self, commit: str, path: str) -> str:
        return ""
