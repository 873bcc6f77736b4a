"""What magray-sec raises. A tool's trouble is data (`ToolRun`); only the user's and our own is an exception."""

from __future__ import annotations


class MagraySecError(Exception):
    """The base: `str(error)` is one line that says what is wrong, `hint` one line that says what to do."""

    exit_code = 4

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(MagraySecError):
    """A word of the command line is off, or the target is not there. Exit 2."""

    exit_code = 2


class SettingsError(MagraySecError):
    """A settings, policy or rule file is wrong; the message starts with `file:line:column`. Exit 2."""

    exit_code = 2

    def __init__(self, message: str, hint: str = "", *, more: tuple[SettingsError, ...] = ()) -> None:
        super().__init__(message, hint)
        self.more = more
        """Further errors of the same file, in order of position."""


class ReportError(MagraySecError):
    """A report could not be read or written. Exit 4 (2 where the named file is not one of ours)."""

    exit_code = 4


class EngineError(MagraySecError):
    """Something of our own broke. Exit 4."""
