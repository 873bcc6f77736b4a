"""Executables that behave like scanners at their worst, made in a folder at test time.

    tools = FakeTools(tmp_path / "bin", version="cargo-audit 0.22.2")
    path = tools.half_json("cargo-audit", document)

Each method writes one executable and returns its path. Asked for `--version` all of them but the last four answer
`version` and end with 0, so that it is the scan that goes wrong and not the probe before it. `BEHAVIOURS` lists those
that need no argument of their own, for tests that go through all of them.
"""

from __future__ import annotations

import json
import os
import shlex
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Dump:
    """What a `dumps` tool was given."""

    argv: list[str]
    cwd: str
    environment: dict[str, str]
    stdin: bytes
    umask: int
    ignored_signals: list[int]
    open_fds: list[int]

    @staticmethod
    def read(path: Path) -> Dump:
        plain = json.loads(path.read_text("utf-8"))
        return Dump(**{**plain, "stdin": bytes.fromhex(plain["stdin"])})


class FakeTools:
    """Writes executables into `folder`; `version` is the line they answer `--version` with ("" for none)."""

    def __init__(self, folder: Path, *, version: str = "fake 1.2.3") -> None:
        self.folder = folder
        self.version = version
        folder.mkdir(parents=True, exist_ok=True)

    # The two ways in which all others are written.

    def shell(self, name: str, body: str, *, answers_version: bool = True) -> Path:
        """A tool that is a POSIX shell script."""
        probe = f'case "$1" in --version) echo {shlex.quote(self.version)}; exit 0;; esac\n'
        return self._write(name, "#!/bin/sh\n" + (probe if self.version and answers_version else "") + body + "\n")

    def python(self, name: str, body: str) -> Path:
        """A tool that is a Python script; it may use `os`, `signal`, `sys` and `time`."""
        script = self.folder / f".{name}.py"
        script.write_text("import os, signal, sys, time\n" + body + "\n", "utf-8")
        return self.shell(name, f'exec {shlex.quote(sys.executable)} -I -S {shlex.quote(str(script))} "$@"')

    def prints(self, name: str, stdout: bytes = b"", *, stderr: bytes = b"", exit_code: int = 0) -> Path:
        """Prints exactly this and ends."""
        lines = []
        for stream, data in (("1", stdout), ("2", stderr)):
            if data:
                payload = self.folder / f".{name}.{stream}"
                payload.write_bytes(data)
                lines.append(f"cat {shlex.quote(str(payload))} >&{stream}")
        return self.shell(name, "\n".join([*lines, f"exit {exit_code}"]))

    # Output that is not what a finished run prints. `document` is what the tool would print at its best.

    def panics(self, name: str) -> Path:
        """Exits 101 as a Rust program that panicked does."""
        return self.prints(name, stderr=b"thread 'main' panicked at src/main.rs:1:1:\nboom\n", exit_code=101)

    def prints_garbage(self, name: str) -> Path:
        """Prints bytes that are no text at all."""
        return self.prints(name, bytes(range(256)) * 40)

    def half_json(self, name: str, document: bytes) -> Path:
        """Stops in the middle of its document and exits 0."""
        return self.prints(name, document[: len(document) // 2])

    def json_after_log(self, name: str, document: bytes) -> Path:
        """Prints log lines before its document."""
        return self.prints(name, b"INFO loading\nINFO done\n" + document)

    def json_then_text(self, name: str, document: bytes, *, exit_code: int = 0) -> Path:
        """Prints text behind its document."""
        return self.prints(name, document + b"\nA newer version of this tool is available\n\n", exit_code=exit_code)

    def prints_nothing(self, name: str) -> Path:
        """Exits 0 and has nothing to say."""
        return self.prints(name)

    def nests_brackets(self, name: str, depth: int = 1_000_000) -> Path:
        """Prints a million nested arrays."""
        return self.prints(name, b"[" * depth + b"]" * depth)

    # Processes that do not end as they should.

    def hangs(self, name: str, pid_file: Path | None = None) -> Path:
        """Sleeps for an hour."""
        return self.python(name, _record_pid(pid_file) + "time.sleep(3600)")

    def ignores_sigterm(self, name: str, pid_file: Path | None = None) -> Path:
        """Sleeps for an hour and ignores every signal that can be ignored."""
        ignore = "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)\n"
        return self.python(name, ignore + _record_pid(pid_file) + "while True: time.sleep(3600)")

    def floods(self, name: str, size: int = 1_000_000_000, *, stream: int = 1) -> Path:
        """Prints `size` bytes, as fast as they are taken."""
        body = f"left, block = {size}, b'x' * 1_000_000\nwhile left > 0: left -= os.write({stream}, block[:left])"
        return self.python(name, body)

    def forks_session(
        self, name: str, pid_file: Path, *, stdout: bytes = b"", lingers: bool = False, forgets_environment: bool = True
    ) -> Path:
        """Leaves a process behind that has a session of its own, no parent and (`forgets_environment`) no variable of
        ours, which writes its id to `pid_file` and would run for an hour. The tool itself prints `stdout` and ends
        with 0, or sleeps for an hour (`lingers`).
        """
        again = f"os.execve(sys.executable, [sys.executable, '-I', '-S', {str(self.folder / f'.{name}.orphan.py')!r}], "
        (self.folder / f".{name}.orphan.py").write_text(
            "import os, time\n" + _record_pid(pid_file) + "time.sleep(3600)\n", "utf-8"
        )
        body = (
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            "    if os.fork() == 0:\n"
            f"        {again}{'{}' if forgets_environment else 'os.environ'})\n"
            "    os._exit(0)\n"
            "os.wait()\n"
            f"while not os.path.exists({str(pid_file)!r}): time.sleep(0.002)\n"
            f"os.write(1, {stdout!r})\n"
        )
        return self.python(name, body + ("time.sleep(3600)" if lingers else ""))

    def kills_itself(self, name: str) -> Path:
        """Ends by SIGKILL, as by a system that is out of memory."""
        return self.shell(name, "kill -9 $$")

    def writes_into_tree(self, name: str, path: Path, stdout: bytes = b"") -> Path:
        """Writes the file `path` and prints `stdout`."""
        return self.python(name, f"open({str(path)!r}, 'w').close()\nos.write(1, {stdout!r})")

    def dumps(self, name: str, to: Path, stdout: bytes = b"") -> Path:
        """Writes all that it was given to the file `to` (read it with `Dump.read`) and prints `stdout`."""
        return self.python(
            name,
            "import json\n"
            "mask = os.umask(0)\n"
            "fds = sorted(int(fd) for fd in os.listdir('/dev/fd') if int(fd) < 1000)\n"
            "held = [fd for fd in fds if os.path.exists(f'/dev/fd/{fd}')]\n"
            "numbers = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD)\n"
            "dump = dict(argv=sys.argv, cwd=os.getcwd(), environment=dict(os.environ), umask=mask, open_fds=held,\n"
            "    stdin=sys.stdin.buffer.read().hex(),\n"
            "    ignored_signals=[int(n) for n in numbers if signal.getsignal(n) is signal.SIG_IGN])\n"
            f"open({str(to)!r}, 'w').write(json.dumps(dump))\n"
            f"os.write(1, {stdout!r})",
        )

    # Files that do not start. These do not answer `--version` either.

    def not_executable(self, name: str) -> Path:
        """A file without the permission to be executed."""
        path = self.shell(name, "exit 0")
        path.chmod(0o644)
        return path

    def wrong_platform(self, name: str) -> Path:
        """An executable for a processor that nobody has."""
        header = struct.pack(
            "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01" + bytes(9), 2, 0xFACE, 1, 0, 0, 0, 0, 64, 56, 0, 0, 0, 0
        )
        return self._write(name, header)

    def damaged(self, name: str) -> Path:
        """A file with the permission to be executed and no program in it."""
        return self._write(name, b"\x00\x01\x02\x03" * 64)

    def wants_interpreter(self, name: str) -> Path:
        """A script for an interpreter that is not there."""
        return self._write(name, "#!/nonexistent/interpreter\n")

    def _write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
        path.chmod(0o755)
        return path


def _record_pid(pid_file: Path | None) -> str:
    """Lines that write the process's id to a file, whole or not at all."""
    if pid_file is None:
        return ""
    return f"open({f'{pid_file}.new'!r}, 'w').write(str(os.getpid()))\nos.rename({f'{pid_file}.new'!r}, {str(pid_file)!r})\n"


def is_alive(pid: int) -> bool:
    """Whether a process runs. One that ended and was not yet waited for by its parent does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return sys.platform != "linux"
    return stat[stat.rindex(b")") + 2 : stat.rindex(b")") + 3] not in (b"Z", b"X")


BEHAVIOURS: Mapping[str, Callable[[FakeTools, str], Path]] = {
    "exits 101": FakeTools.panics,
    "prints garbage": FakeTools.prints_garbage,
    "prints nothing": FakeTools.prints_nothing,
    "a million nested brackets": FakeTools.nests_brackets,
    "hangs": FakeTools.hangs,
    "ignores SIGTERM": FakeTools.ignores_sigterm,
    "fills 1 GB of output": FakeTools.floods,
    "is killed": FakeTools.kills_itself,
    "not executable": FakeTools.not_executable,
    "wrong platform": FakeTools.wrong_platform,
    "damaged": FakeTools.damaged,
    "wants an interpreter that is not there": FakeTools.wants_interpreter,
}
"""Behaviour in words -> the method that makes it, called with the tools and the executable's name."""
