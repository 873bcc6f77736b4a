"""Runs a command and says what it cost, its children included."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

SAMPLE_S = 0.05
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Seconds and bytes of one run."""

    wall: float
    cpu: float
    """User and system, of the process and all its children."""
    memory: int
    """The largest resident memory: that of the processes together, where /proc tells it; else that of the largest."""
    exit_code: int
    said: str
    """The end of what it printed on standard error."""


def run(command: Sequence[str], *, cwd: str, timeout: float = 900.0) -> Cost:
    """One run, without standard output. A run over its time is stopped and has exit code -9."""
    with tempfile.TemporaryFile() as errors:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
        )
        peak = _Peak(process.pid)
        timer = threading.Timer(timeout, process.kill)
        timer.start()
        peak.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        timer.cancel()
        peak.stop()
        process.returncode = os.waitstatus_to_exitcode(status)
        errors.seek(0)
        said = errors.read()[-2000:].decode(errors="replace")
    largest = usage.ru_maxrss * (1 if os.uname().sysname == "Darwin" else 1024)
    return Cost(
        wall=wall,
        cpu=usage.ru_utime + usage.ru_stime,
        memory=max(largest, peak.bytes),
        exit_code=process.returncode,
        said=said,
    )


class _Peak(threading.Thread):
    """Looks at a process and its descendants every now and then."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.bytes = pid, 0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self.bytes = max(self.bytes, sum(map(_resident, _family(self.pid))))

    def stop(self) -> None:
        self._over.set()
        self.join()


def _family(pid: int) -> list[int]:
    family = [pid]
    for member in family:
        try:
            for task in os.listdir(f"/proc/{member}/task"):
                with open(f"/proc/{member}/task/{task}/children") as file:
                    family += map(int, file.read().split())
        except OSError:  # it has ended, or there is no /proc
            continue
    return family


def _resident(pid: int) -> int:
    """Without what is shared with other processes, which counts once for the first of them at most."""
    try:
        with open(f"/proc/{pid}/statm") as file:
            _, resident, shared, *_ = file.read().split()
    except OSError:
        return 0
    return (int(resident) - int(shared)) * _PAGE
