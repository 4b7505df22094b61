"""Make or repair .venv: `python3 tools/environment.py [--steps N] requirements.txt …`

Runs on the machine's own Python, before anything is installed, so: standard library only, and the
version check comes before any syntax that an old Python cannot read.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (it may well be older)
    sys.exit(
        f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}. "
        "Install one and name it: make PYTHON=python3.11 …"
    )

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tomllib

from steps import PYTHON, ROOT, VENV, Failure, Steps, main

STAMP = VENV / ".installed.json"
LOG = VENV / "pip.log"
LISTS = [
    "requirements.txt",
    "requirements-dev.txt",
    "requirements-grading.txt",
    "constraints.txt",
]
UNREACHABLE = re.compile(
    r"Failed to establish a new connection|name resolution|Name or service not known|"
    r"Network is unreachable|Max retries exceeded|Connection (refused|reset|timed out)|"
    r"ProxyError|Read timed out|ConnectTimeout|No matching distribution found",
)
# what pip says of a .venv that was left half-written
BROKEN = re.compile(
    r"no-record-file|Cannot uninstall|invalid-installed-package|Traceback|OSError|"
    r"No module named|ImportError"
)


def fingerprint():
    """What .venv depends on: the lists, the project's metadata, this Python and this folder."""
    digest = hashlib.sha256(f"{sys.version} {ROOT}".encode())
    for name in [*LISTS, "pyproject.toml", ".binder/requirements.txt"]:
        path = ROOT / name
        digest.update(path.read_bytes() if path.exists() else b"-")
    return digest.hexdigest()


def installed():
    """The requirement files that .venv holds in their present form."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return []
    return stamp["lists"] if stamp.get("fingerprint") == fingerprint() and works() else []


def works():
    """Whether .venv has a Python that starts and a pip."""
    probe = [str(PYTHON), "-c", "import pip, sys; sys.exit(sys.version_info < (3, 11))"]
    try:
        return subprocess.run(probe, capture_output=True).returncode == 0
    except OSError:
        return False


def create():
    """A fresh .venv, whatever was there."""
    if VENV.is_symlink():
        VENV.unlink()
    shutil.rmtree(VENV, ignore_errors=True)
    if importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise Failure(
            f"This Python cannot make virtual environments. Install that part of it "
            f"(Debian, Ubuntu: apt-get install python{version}-venv) and run the command again."
        )
    made = subprocess.run([sys.executable, "-m", "venv", str(VENV)], capture_output=True, text=True)
    if made.returncode:
        raise Failure(f"{made.stdout}{made.stderr}\n.venv could not be made.")


def pip(*arguments, check=True):
    """pip install in .venv, its output in a log. True where it succeeded."""
    command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    with LOG.open("a+") as log:
        begin = log.seek(0, os.SEEK_END)
        code = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT).returncode
        log.seek(begin)
        output = log.read()
    if code == 0 or not check:
        return code == 0
    errors = [line for line in output.splitlines() if line.startswith("ERROR")] or [output[-500:]]
    if UNREACHABLE.search(output):
        raise Unreachable(
            f"{errors[0]}\nA package could not be fetched: check the network (or the proxy and "
            f"index that pip is set to), then run the same command again. Log: {LOG}"
        )
    kind = Broken if BROKEN.search(output) else Failure
    raise kind("\n".join([*errors[-3:], f"pip could not install the packages. Log: {LOG}"]))


class Unreachable(Failure):
    """The package index did not answer: making .venv anew would not help."""


class Broken(Failure):
    """What is in .venv is beyond repair: it has to be made anew."""


def cpu_index():
    """The address of PyTorch's CPU packages, from the one file that names it."""
    text = (ROOT / ".binder/requirements.txt").read_text()
    found = re.search(r"^--extra-index-url\s+(\S+)", text, re.M)
    return found.group(1) if found else None


def torch_pin():
    """The line of requirements.txt that pins torch, without its comment."""
    text = (ROOT / "requirements.txt").read_text()
    return re.search(r"^torch==[\w.]+", text, re.M).group(0)


def install(lists):
    """torch for the CPU where that index can be reached, then the lists, then the project."""
    has_torch = [str(PYTHON), "-c", "import importlib.util as u; assert u.find_spec('torch')"]
    if subprocess.run(has_torch, capture_output=True).returncode and cpu_index():
        quick = ["--timeout", "10", "--retries", "0"]
        pip("--no-deps", "--index-url", cpu_index(), *quick, torch_pin(), check=False)
    backend = tomllib.loads((ROOT / "pyproject.toml").read_text())["build-system"]["requires"]
    wanted = [part for name in lists for part in ("-r", name)]
    pip(*wanted, *backend)
    pip("--no-deps", "--no-build-isolation", "-e", ".")


def prepare(lists):
    """Bring .venv to hold the lists. Returns a note of what was done."""
    have = installed()
    if set(lists) <= set(have):
        return "up to date"
    kept = works()
    if not kept:
        create()
    STAMP.unlink(missing_ok=True)
    lists = sorted({*lists, *have})
    try:
        install(lists)
    except Broken:
        if not kept:
            raise
        create()
        install(lists)
    STAMP.write_text(json.dumps({"fingerprint": fingerprint(), "lists": lists}))
    return "repaired" if kept else "installed"


def command():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lists", nargs="+", help="requirement files")
    parser.add_argument("--steps", type=int, default=1, help="how many steps the caller counts")
    arguments = parser.parse_args()
    with Steps(arguments.steps).step("Python packages in .venv") as notes:
        notes.append(prepare(arguments.lists))


if __name__ == "__main__":
    main(command)
