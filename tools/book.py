"""Build the book into _build/html, and serve it: `.venv/bin/python tools/book.py [--serve]`"""

import argparse
import contextlib
import fcntl
import functools
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import webbrowser

import bundle
import notebooks
from steps import BUILD, HTML, ROOT, Failure, Steps, main, quiet_environment

STEPS = 6
CACHE = BUILD / ".jupyter_cache"
DOCTREES = BUILD / ".doctrees"
LOG = BUILD / "book.log"


def code_files():
    """Whatever a notebook's outputs depend on besides its own text."""
    lists = [*ROOT.glob("requirements*.txt"), ROOT / "constraints.txt", ROOT / "pyproject.toml"]
    trees = [ROOT / "optlib", ROOT / "exercises" / "optlib_checks"]
    files = [path for tree in trees for path in tree.rglob("*") if "__pycache__" not in path.parts]
    return sorted(path for path in [*lists, *files] if path.is_file())


def drop_stale():
    """Throw away what was built from other sources. Returns a note of what was found.

    Neither Sphinx nor the execution cache sees a change in optlib or in web: both compare the
    text of the notebooks alone.
    """
    code, pages = bundle.digest(code_files(), sys.version), bundle.digest(bundle.sources())
    stamps = {BUILD / ".code": code, BUILD / ".pages": pages}
    fresh = {stamp: bundle.stamped(stamp, value) for stamp, value in stamps.items()}
    if all(fresh.values()) and HTML.exists():
        return "nothing stale"
    for stamp in stamps:
        stamp.unlink(missing_ok=True)
    shutil.rmtree(DOCTREES, ignore_errors=True)
    shutil.rmtree(HTML, ignore_errors=True)
    if not fresh[BUILD / ".code"]:
        shutil.rmtree(CACHE, ignore_errors=True)
    BUILD.mkdir(exist_ok=True)
    for stamp, value in stamps.items():
        stamp.write_text(value)
    return "from the beginning" if not fresh[BUILD / ".code"] else "pages anew"


def build_pages():
    """Run Jupyter Book with every warning an error; what it says goes to a log."""
    program = "from jupyter_book.cli.main import main; main()"
    strict = ["-W", "-n", "--keep-going"]
    command = [sys.executable, "-c", program, "build", *strict, str(ROOT)]
    with LOG.open("w") as log:
        env = quiet_environment(PYTHONUTF8="1", TERM="dumb", NO_COLOR="1")
        code = subprocess.run(
            command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT
        ).returncode
    if code:
        text = re.sub(r"\x1b\[[\d;]*m", "", LOG.read_text(errors="replace"))
        wrong = [line for line in text.splitlines() if re.search(r"WARNING|ERROR|Error:", line)]
        wrong = wrong or text.splitlines()[-15:]
        # a failed build must not pass for a finished one next time
        (BUILD / ".pages").unlink(missing_ok=True)
        raise Failure("\n".join([*wrong[:30], f"The pages were not built. Log: {LOG}"]))
    return len(list(HTML.rglob("*.html")))


@contextlib.contextmanager
def alone():
    """One build at a time in this folder: a second one waits for the first."""
    BUILD.mkdir(exist_ok=True)
    with (BUILD / ".lock").open("w") as lock:
        # a worker that outlives a killed build must not keep the lock
        os.register_at_fork(after_in_child=lock.close)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another build is at work here; waiting for it.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(steps):
    """Everything after the Python packages, one step after the other."""
    with steps.step("browser side") as notes:
        notes.append(bundle.make())
    with steps.step("looking for stale parts") as notes:
        notes.append(drop_stale())
    wanted = notebooks.outdated(CACHE)
    with steps.step(f"executing {len(wanted)} notebook{'s' * (len(wanted) != 1)}") as notes:
        notes.extend(notebooks.execute(wanted, CACHE))
    with steps.step("building pages") as notes:
        notes.append(f"{build_pages()} pages")


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def server(port=0, folder=HTML):
    """A web server on the loopback interface; port 0 takes any free one."""
    handler = functools.partial(Quiet, directory=str(folder))
    http.server.ThreadingHTTPServer.allow_reuse_address = True
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError:
        raise port_taken(port) from None


def port_taken(port):
    return Failure(f"Port {port} is taken. Choose another (PORT=8123), or leave PORT out.")


def check_port(port):
    """Fail at once rather than after minutes of building."""
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            raise port_taken(port) from None


def has_desktop():
    return sys.platform == "darwin" or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


def command():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--serve", default="0", choices=["0", "1"])
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    serve = arguments.serve == "1"
    if serve:
        check_port(arguments.port)
    steps = Steps(STEPS, done=1)
    with alone():
        build(steps)
    if not serve:
        with steps.step(f"ready: {(HTML / 'index.html').relative_to(ROOT)}"):
            return
    with steps.step("starting the server") as notes:
        site = server(arguments.port)
        address = f"http://127.0.0.1:{site.server_address[1]}/"
        notes.append(address)
    print("Ctrl-C stops it.")
    if has_desktop():
        webbrowser.open(address)
    with site, contextlib.suppress(KeyboardInterrupt):
        site.serve_forever()


if __name__ == "__main__":
    main(command)
