"""The sandbox: a Python with NumPy under bubblewrap, asked by frames under a deadline.

Inside there is no network, no process but one, no file but Python, NumPy and 16 MB of scratch
space, no environment and no home. Started as root it becomes another user; started as an ordinary
user it lives in a user namespace of its own.
"""

import functools
import os
import re
import select
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np
import optlib_checks
from optlib_grading import wire

HERE = Path(__file__).resolve().parent
CHECKS = Path(optlib_checks.__file__).resolve().parent
NUMPY = Path(np.__file__).resolve().parent
MEMORY = 1 << 30  # bytes of address space
SCRATCH = 16 << 20  # bytes of disk, in memory
CPU_SECONDS = 60
PROCESSES = 1  # threads count too
FOLDERS = ["/py", "/py/bin", "/py/lib", "/site", "/site/optlib_checks", "/usr", "/usr/lib", "/dev"]

HOW_TO_GET_IT = (
    "Grading needs bubblewrap, which keeps students' code away from the marks and from this "
    "machine; without it nothing is graded.\n  Debian, Ubuntu: apt-get install bubblewrap\n"
    "  Fedora: dnf install bubblewrap\n  macOS, Windows: grade in a Linux machine or container"
)
NO_NAMESPACES = (
    "bubblewrap is installed but may not start a sandbox here: {}\nIn a container, allow it user "
    "namespaces (Docker: --security-opt seccomp=unconfined --security-opt apparmor=unconfined, or "
    "--privileged); on Ubuntu 24.04 and later, sysctl kernel.apparmor_restrict_unprivileged_userns"
    "=0 or run as root. Nothing is graded without the sandbox."
)


class Unavailable(RuntimeError):
    """There is no sandbox on this machine. The text says how to get one."""


class Stopped(Exception):
    """The sandbox had to be ended, or ended itself. The text is a sentence for the student."""


def require():
    """Raise `Unavailable` unless a sandbox starts and answers."""
    program()
    try:
        with Sandbox(seconds=30) as sandbox:
            sandbox.ask(["run", "probe", "pass"])
    except Stopped:
        raise Unavailable(NO_NAMESPACES.format(_complaint())) from None


def program():
    """The path of bwrap. Raises `Unavailable` where it is missing."""
    found = shutil.which("bwrap")
    if not found:
        raise Unavailable(HOW_TO_GET_IT)
    return found


def isolation():
    """bwrap's options for what a sandbox cannot see and do."""
    spaces = ["ipc", "pid", "net", "uts"]
    options = [f"--unshare-{space}" for space in spaces]
    if os.geteuid() == 0:
        # the worker becomes an ordinary user first of all, and needs these two to do so
        options += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        options += ["--unshare-user", "--cap-drop", "ALL"]
        options += ["--disable-userns"] if version() >= (0, 8) else []
    return [*options, "--die-with-parent", "--new-session", "--clearenv"]


def system():
    """bwrap's options for the files that Python needs: its own, and the system's libraries."""
    options = []
    for folder in libraries():
        options += ["--ro-bind", folder, folder]
    for name in ("lib", "lib64"):
        if Path("/", name).exists():
            options += ["--symlink", f"usr/{name}", f"/{name}"]
    stdlib = Path(sysconfig.get_path("stdlib"))
    base = Path(sys.base_prefix)
    inside = Path("/py") / stdlib.relative_to(base)
    options += ["--ro-bind", interpreter(), "/py/bin/python", "--ro-bind", stdlib, inside]
    for shared in (base / "lib").glob("libpython*.so*"):
        options += ["--ro-bind", shared, f"/py/lib/{shared.name}"]
    packages = inside / "site-packages"
    if (stdlib / "site-packages").is_dir():
        options += ["--tmpfs", packages, "--remount-ro", packages]
    for device in ("null", "zero", "urandom"):
        options += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    return options


def site():
    """bwrap's options for what can be imported: NumPy, the worker and the reading of answers."""
    files = {
        NUMPY: "/site/numpy",
        NUMPY.parent / "numpy.libs": "/site/numpy.libs",
        HERE / "limits.py": "/site/limits.py",
        HERE / "wire.py": "/site/wire.py",
        HERE / "worker.py": "/site/worker.py",
        HERE / "inside.py": "/site/optlib_checks/__init__.py",
        CHECKS / "judge.py": "/site/optlib_checks/judge.py",
        CHECKS / "answers.py": "/site/optlib_checks/answers.py",
    }
    return [
        part
        for outside, inside in files.items()
        if outside.exists()
        for part in ("--ro-bind", outside, inside)
    ]


def scratch(size):
    """bwrap's options for the one folder that can be written to, and for the environment."""
    options = ["--perms", "0777", "--size", size, "--tmpfs", "/box", "--chdir", "/box"]
    environment = {
        "HOME": "/box",
        "TMPDIR": "/box",
        "LD_LIBRARY_PATH": "/py/lib",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    for name, value in environment.items():
        options += ["--setenv", name, value]
    return [*options, "--remount-ro", "/"]


def folders(options):
    """bwrap makes missing folders for its user alone; make them first, readable for all."""
    made = []
    for folder in FOLDERS:
        made += ["--perms", "0755", "--dir", folder]
    return [*made, *options]


def start(options, command):
    """Start a command in a sandbox. The options travel by a pipe, so that no process list and
    no sandbox shows the paths of this machine."""
    text = "\0".join(str(option) for option in options) + "\0"
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        pipe.write(text)
    try:
        return subprocess.Popen(
            [program(), "--args", str(reading), "--", *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=[reading],
            env={},
            start_new_session=True,
        )
    finally:
        os.close(reading)


def user():
    """A user that nothing on this machine belongs to, another one for each grading process."""
    return 20_000 + os.getpid() % 40_000


class Sandbox:
    """A worker in a sandbox. Use it in a ``with`` statement.

    seconds: how long it may live, whatever it does.
    """

    def __init__(self, seconds=60.0):
        self.end = time.monotonic() + seconds
        self.buffer = b""
        limits = [user(), MEMORY, CPU_SECONDS, SCRATCH, PROCESSES]
        python = ["/py/bin/python", "-I", "-S", "-B", "/site/worker.py"]
        self.process = start(
            folders([*isolation(), *system(), *site(), *scratch(SCRATCH)]), [*python, *limits]
        )
        for pipe in (self.process.stdin, self.process.stdout):
            os.set_blocking(pipe.fileno(), False)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def ask(self, values, deadline=None):
        """Send a frame and return the values of the answer.

        deadline: on the clock of `time.monotonic`.
        Raises `Stopped` if no proper answer comes in time.
        """
        deadline = min(deadline or self.end, self.end)
        try:
            self._write(wire.pack(values), deadline)
            size = wire.length(self._read(4, deadline))
            answer = wire.unpack(self._read(size, deadline), tags=b"sifa")
        except wire.Garbled:
            raise Stopped("what your code sent back is not an answer.") from None
        except OSError:
            raise Stopped("your code ended the process.") from None
        if not answer or not isinstance(answer[0], str):
            raise Stopped("what your code sent back is not an answer.")
        return answer

    def close(self):
        """End the sandbox and everything in it."""
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _write(self, data, deadline):
        pipe = self.process.stdin.fileno()
        while data:
            self._wait([], [pipe], deadline)
            data = data[os.write(pipe, data[: 1 << 16]) :]

    def _read(self, size, deadline):
        pipe = self.process.stdout.fileno()
        while len(self.buffer) < size:
            self._wait([pipe], [], deadline)
            data = os.read(pipe, 1 << 16)
            if not data:
                raise Stopped("your code ended the process: an exit, a crash or too much memory.")
            self.buffer += data
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def _wait(self, readable, writable, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not any(select.select(readable, writable, [], left)):
            raise Stopped("your code took too long and was stopped.")


@functools.cache
def version():
    """bwrap's version, such as (0, 8, 0)."""
    said = subprocess.run([program(), "--version"], capture_output=True, text=True).stdout
    return tuple(int(part) for part in re.findall(r"\d+", said))


def libraries():
    """The folders of the system's shared libraries, and no more of /usr than that."""
    multiarch = Path("/usr/lib", sysconfig.get_config_var("MULTIARCH") or "")
    folders = [multiarch if multiarch.is_dir() else Path("/usr/lib"), Path("/usr/lib64")]
    return [folder for folder in folders if folder.is_dir()]


@functools.cache
def interpreter():
    """The program that is this Python, outside any virtual environment."""
    return Path(getattr(sys, "_base_executable", sys.executable)).resolve()


def _complaint():
    """What bwrap says when it is asked for a sandbox."""
    command = [program(), *isolation(), "--ro-bind", "/", "/", "--", "/bin/true"]
    said = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return said.stderr.strip() or "the worker did not answer."


def found():
    """Whether bwrap is installed."""
    return shutil.which("bwrap") is not None
