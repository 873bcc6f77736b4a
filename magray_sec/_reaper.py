"""The process that starts what `runner` asks for, and that nothing it started outlives.

One reaper serves one `runner.execute`. It forks a guardian for each command; the guardian starts the command and
adopts what the command orphans (Linux: child subreaper), so that every process which came of the command stays below
its guardian whatever session, group or environment it gives itself, and is killed when the command ends or is to end.
The scan's own process adopts nothing and waits for no child but the reaper. Should it die, by SIGKILL even, the ends
of its sockets close, and everything below the reaper is killed.

Where there are no subreapers (macOS), a command's process group is killed instead.

It starts once a scan, so it imports little: the C halves of `socket`, `signal` and `threading` are used, and not even
`contextlib`, because the whole of them doubles its start-up time (10 to 20 ms of CPU, measured).
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # typeshed does not know it
import _socket
import _thread
import os
import sys
import time

FDS = 5
"""What comes with a request: the leash (a pipe whose other end's closing says that the command is to end), the pipe to
answer on, then the command's standard input, output and error."""
LENGTH_BYTES = 4
"""A request is its length, big-endian, and then its fields (see `pack`)."""
FAILED_TO_START = b"E"
"""Answer: this and an errno."""
ENDED = b"X"
"""Answer: this and an exit code; negative is the signal that ended it."""
NETWORK_ALONE = b"-"
"""In place of the folder that a command must not write to: there is none, but it has no network either."""
CONFINED = b"C"
"""Answer, before one of the others: the command has no network, and cannot write to the folder that it must not."""
NUMBER_BYTES = 4

_ADOPTS_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER of linux/prctl.h
# Of linux/sched.h and linux/mount.h.
_NEW_MOUNTS, _NEW_USERS, _NEW_NETWORK = 0x0002_0000, 0x1000_0000, 0x4000_0000
_MS_READ_ONLY, _MS_REMOUNT, _MS_BIND, _MS_ALL_BELOW, _MS_PRIVATE = 1, 32, 4096, 16_384, 1 << 18
# What a mount in a namespace of one's own must keep: the flags nosuid, nodev, noexec, noatime and nodiratime.
_MS_KEPT = 2 | 4 | 8 | 1024 | 2048
# Of one file and of the memory that one process writes to: a scanner gone wild is ended before the machine is full.
_LARGEST_FILE_BYTES = 8 << 30
_LEAST_MEMORY_BYTES = 4 << 30
_GIVE_UP_S = 5.0
"""How long something that does not die of SIGKILL (it waits for a device) is waited for."""
_HOST_CHECK_S = 1.0


def pack(folder: bytes, argv: tuple[bytes, ...], environment: tuple[bytes, ...], *, protected: bytes = b"") -> bytes:
    """A request: run `argv` (its first word a path) in `folder` with `environment` (`NAME=value` each). With
    `protected`, without the network and without the right to write to that folder, where the platform can. ValueError
    where one of them holds a NUL byte, which no command line can.
    """
    fields = (b"%d" % len(argv), folder, protected, *argv, *environment)
    if any(b"\0" in field for field in fields):
        raise ValueError("a NUL byte in a command line")
    body = b"\0".join(fields)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def main(control_fd: int) -> None:
    """Serve requests from the socket until its other end closes; then kill all there is below, and exit."""
    host = os.getppid()
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    os.set_inheritable(control_fd, False)
    os.umask(0o077)
    _write_no_core_files()
    _adopt_orphans()
    control = _socket.socket(fileno=control_fd)
    while True:
        _reap()
        # NOTE: a process that the host forked meanwhile holds the host's end open; hence the look at the parent.
        control.settimeout(_HOST_CHECK_S)
        try:
            request = _receive(control)
        except TimeoutError:
            if os.getppid() != host:
                break
            continue
        except OSError:
            break
        if request is None:
            break
        body, fds = request
        try:
            child = os.fork()
        except OSError as error:
            _answer(fds[1], FAILED_TO_START, error.errno or 0)
        else:
            if child == 0:
                _guard_and_exit(control_fd, body, fds)
        for fd in fds:
            os.close(fd)
    _kill_all()
    os._exit(0)


def _receive(control: _socket.socket) -> tuple[bytes, list[int]] | None:
    """The next request, or None at the end. TimeoutError where none comes."""
    flags = getattr(_socket, "MSG_CMSG_CLOEXEC", 0)
    head, extra, _, _ = control.recvmsg(LENGTH_BYTES, _socket.CMSG_SPACE(FDS * 4), flags)
    fds = []
    for _, _, data in extra:
        fds += [int.from_bytes(data[at : at + 4], sys.byteorder) for at in range(0, len(data) - 3, 4)]
    for fd in fds:
        os.set_inheritable(fd, False)
    control.settimeout(None)
    while 0 < len(head) < LENGTH_BYTES:
        more = control.recv(LENGTH_BYTES - len(head))
        head = head + more if more else b""
    length, body = int.from_bytes(head, "big"), bytearray()
    while head and len(body) < length:
        more = control.recv(min(length - len(body), 1 << 20))
        if not more:
            return None
        body += more
    return (bytes(body), fds) if head and len(fds) == FDS else None


def _guard_and_exit(control_fd: int, body: bytes, fds: list[int]) -> None:
    """In a process of its own: run one command to its end, kill what it left, answer, exit."""
    try:
        os.close(control_fd)
        _guard(body, fds)
    finally:
        os._exit(1)  # the host reads the end of the answer without an answer


def _guard(body: bytes, fds: list[int]) -> None:
    leash, answer, *standard = fds
    count, folder, protected, *rest = body.split(b"\0")
    argv, environment = rest[: int(count)], rest[int(count) :]
    _adopt_orphans()
    os.setsid()
    _limit_resources()
    if protected and _confine(protected):
        _answer(answer, CONFINED, 0)
    try:
        os.chdir(folder)
        command = os.posix_spawn(
            argv[0],
            argv,
            dict(entry.partition(b"=")[::2] for entry in environment),
            file_actions=[(os.POSIX_SPAWN_DUP2, fd, place) for place, fd in enumerate(standard)],
            setpgroup=0,
            setsigmask=(),
            setsigdef=_reset_signals(),
        )
    except OSError as error:
        _answer(answer, FAILED_TO_START, error.errno or 0)
        os._exit(0)
    for fd in standard:
        os.close(fd)
    _thread.start_new_thread(_end_when_told, (leash, command))
    while True:
        child, status = os.waitpid(-1, 0)
        if child == command:
            break
    if sys.platform != "linux":
        _kill_group(command)
    _kill_all()
    _answer(answer, ENDED, os.waitstatus_to_exitcode(status))
    os._exit(0)


def _reset_signals() -> tuple[int, ...]:
    """What may be ignored here, by Python or by whoever started the scan (nohup, `&`), and must not be in a scanner."""
    return (
        _signal.SIGHUP,
        _signal.SIGINT,
        _signal.SIGQUIT,
        _signal.SIGPIPE,
        _signal.SIGTERM,
        _signal.SIGCHLD,
        _signal.SIGXFSZ,
    )


def _end_when_told(leash: int, command: int) -> None:
    """Wait until the host lets go of the leash, or is gone; then kill until this process exits."""
    os.read(leash, 1)
    end = time.monotonic() + _GIVE_UP_S
    while time.monotonic() < end:
        _kill_group(command)
        _kill_tree()
        time.sleep(0.005)
    os._exit(1)


def _answer(fd: int, kind: bytes, number: int) -> None:
    try:
        os.write(fd, kind + number.to_bytes(NUMBER_BYTES, "big", signed=True))
    except OSError:
        return  # the host is gone, or no longer wants to know


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _kill_all() -> None:
    """Kill every process below this one and wait for it, as long as that may take a healthy system."""
    end = time.monotonic() + _GIVE_UP_S
    while time.monotonic() < end:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return  # no child, so none below a child either: the orphans would be ours
        _kill_tree()
        time.sleep(0.002)


def _kill_group(group: int) -> None:
    try:
        os.killpg(group, _signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _kill_tree() -> None:
    """SIGKILL, once, to every process below this one, parents first."""
    for process in _below(os.getpid()):
        try:
            os.kill(process, _signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            continue


def _below(top: int) -> list[int]:
    """All descendants of a process, parents first; none where there is no /proc."""
    children: dict[int, list[int]] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in names:
        if name.isdigit():
            try:
                fd = os.open(f"/proc/{name}/stat", os.O_RDONLY)
            except OSError:
                continue
            try:
                stat = os.read(fd, 512)
            except OSError:
                continue
            finally:
                os.close(fd)
            # `pid (name) state parent ...`, and a name may hold anything, parentheses included
            parent = int(stat[stat.rindex(b")") + 1 :].split(None, 2)[1])
            children.setdefault(parent, []).append(int(name))
    found = [top]
    for process in found:
        found += children.get(process, [])
    return found[1:]


def _adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own, where the system knows that."""
    import ctypes  # noqa: PLC0415 - in vain on some systems, and then this process does without

    try:
        ctypes.CDLL(None).prctl(_ADOPTS_ORPHANS, 1, 0, 0, 0)
    except (OSError, AttributeError):
        return


def _confine(protected: bytes) -> bool:
    """Leave the network behind, and the right to write to a folder, for this process and all that come of it. False
    where the platform does not let it: then nothing has changed but, at worst, the process's view of the mounts.
    """
    if sys.platform != "linux":
        return False
    import ctypes  # noqa: PLC0415 - as below

    user, group = os.geteuid(), os.getegid()
    try:
        libc = ctypes.CDLL(None)
        if libc.unshare(_NEW_NETWORK | _NEW_MOUNTS):
            # In a user namespace root would lose its right to read the files of those who are not mapped into it.
            if user == 0 or libc.unshare(_NEW_USERS | _NEW_NETWORK | _NEW_MOUNTS):
                return False
            for name, line in (
                ("setgroups", "deny"),
                ("uid_map", f"{user} {user} 1"),
                ("gid_map", f"{group} {group} 1"),
            ):
                _write(f"/proc/self/{name}", line.encode())
        if protected == NETWORK_ALONE:
            return True
        kept = os.statvfs(protected).f_flag & _MS_KEPT
        return not (
            libc.mount(None, b"/", None, _MS_PRIVATE | _MS_ALL_BELOW, None)
            or libc.mount(protected, protected, None, _MS_BIND | _MS_ALL_BELOW, None)
            or libc.mount(None, protected, None, _MS_BIND | _MS_REMOUNT | _MS_READ_ONLY | kept, None)
        )
    except (OSError, AttributeError):
        return False


def _write(path: str, data: bytes) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def _limit_resources() -> None:
    """A file that grows without end, or a process that does, is stopped before the machine is full."""
    import resource  # noqa: PLC0415 - as below

    try:
        memory = max(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 9 // 10, _LEAST_MEMORY_BYTES)
    except (OSError, ValueError):
        memory = resource.RLIM_INFINITY
    for kind, most in ((resource.RLIMIT_FSIZE, _LARGEST_FILE_BYTES), (resource.RLIMIT_DATA, memory)):
        try:
            hard = resource.getrlimit(kind)[1]
            if hard != resource.RLIM_INFINITY and (most == resource.RLIM_INFINITY or most > hard):
                continue
            resource.setrlimit(kind, (most, most))
        except (OSError, ValueError):
            continue


def _write_no_core_files() -> None:
    """A core file would hold whatever secrets the scanner had in memory."""
    import resource  # noqa: PLC0415 - as above

    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (OSError, ValueError):
        return
