"""What the tools share: where things are, one progress line a step, one line for a failure.

Standard library only, because part of it runs before the virtual environment exists.
"""

import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "_build"
HTML = BUILD / "html"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


class Failure(Exception):
    """Something a person has to see to. The text says what is wrong and what to do."""


class Steps:
    """Counts steps: `[3/6] executing 2 notebooks … 14 s`."""

    def __init__(self, total, done=0):
        self.total = total
        self.done = done

    @contextmanager
    def step(self, what):
        """Print one line for what happens inside; yields a list of notes to append to it."""
        self.done += 1
        notes = []
        start = time.monotonic()
        print(f"[{self.done}/{self.total}] {what} … ", end="", flush=True)
        try:
            yield notes
        except BaseException:
            print("failed", flush=True)
            raise
        seconds = time.monotonic() - start
        took = f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
        print(", ".join([*notes, took]), flush=True)


def run(command, **options):
    """Run quietly; on failure raise Failure with the end of what the command printed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=options.pop("cwd", ROOT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        **options,
    )
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-25:])
        name = Path(str(command[0])).name
        raise Failure(f"{tail}\n{name} ended with exit status {done.returncode}.")
    return done.stdout


def quiet_environment(**more):
    """The environment for kernels and builds: one thread a process, and the venv's programs."""
    env = dict(os.environ)
    env["PATH"] = f"{VENV / 'bin'}{os.pathsep}{env.get('PATH', '')}"
    env.pop("PYTHONPATH", None)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        env[name] = "1"
    env["PYTHONHASHSEED"] = "0"
    env["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    env.update(more)
    return env


def find_program(*names):
    """The first of these programs on this machine, or None."""
    return next((found for name in names if (found := shutil.which(name))), None)


def main(function):
    """Run a tool: its failures become one message and exit status 1."""
    try:
        sys.exit(function())
    except Failure as failure:
        print(f"\n{failure}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("\nstopped", file=sys.stderr)
        sys.exit(130)
