"""Puts the rule packs into a wheel as they are after validation, so that nobody's first scan has to read the YAML.

It needs what magray-sec itself needs, so it runs only when it is asked for: `make wheel`. A wheel built without it
holds the same packs, each validated when it is first used.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ValidatedPacks(BuildHookInterface):  # type: ignore[misc]
    """Validates every shipped pack; a wrong one ends the build."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the packs to a wheel."""
        if version == "editable":
            return
        sys.path.insert(0, self.root)
        from magray_sec import datafiles  # noqa: PLC0415
        from magray_sec.regex.pack import packed  # noqa: PLC0415

        self._folder = tempfile.TemporaryDirectory()
        for path in datafiles.files("rules"):
            name, content = packed(path)
            made = Path(self._folder.name, name)
            made.write_bytes(content)
            build_data["force_include"][str(made)] = f"magray_sec/data/packs/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what was written for it."""
        if version != "editable":
            self._folder.cleanup()
