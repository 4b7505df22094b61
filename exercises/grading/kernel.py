"""A whole notebook run in a sandboxed kernel, for instructors who want to see the plots.

The marks do not come from here. Kernel and client both live in the sandbox; what comes out is the
notebook's JSON, limited in size and checked before it is kept.
"""

import select
import sysconfig
import tempfile
import time
from pathlib import Path

import nbformat
from optlib_grading import sandbox
from optlib_grading.notebook import MOST_BYTES as LARGEST_INPUT
from optlib_grading.notebook import Unreadable
from optlib_grading.submissions import read_file

MEMORY = 2 << 30  # bytes of address space, for each process
DISK = 64 << 20
CPU_SECONDS = 120
PROCESSES = 64
SECONDS = 120.0
MOST_BYTES = 50 << 20


def execute(path, executed):
    """Run a notebook from top to bottom, errors included, and write it with its outputs.

    Raises `notebook.Unreadable` if the notebook or the result is none, `sandbox.Unavailable`
    where there is no sandbox.
    """
    sandbox.require()
    data = read_file(Path(path), LARGEST_INPUT)
    with tempfile.NamedTemporaryFile(suffix=".ipynb") as file:
        file.write(data)
        file.flush()
        Path(file.name).chmod(0o644)
        result = run(file.name)
    try:
        notebook = nbformat.reads(result.decode("utf-8"), 4)
        nbformat.validate(notebook)
    except Exception:
        raise Unreadable("the notebook could not be run to its end in the sandbox.") from None
    nbformat.write(notebook, executed)


def run(path):
    """What comes out of the sandbox, at most `MOST_BYTES` in `SECONDS`."""
    limits = [sandbox.user(), MEMORY, CPU_SECONDS, DISK, PROCESSES]
    command = ["/py/bin/python", "-B", "/site/inside_kernel.py", *limits]
    process = sandbox.start(options(path), command)
    end, found = time.monotonic() + SECONDS, b""
    try:
        while len(found) <= MOST_BYTES and (left := end - time.monotonic()) > 0:
            if not select.select([process.stdout], [], [], left)[0]:
                break
            data = process.stdout.read1(1 << 16)
            if not data:
                break
            found += data
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
    return found


def options(path):
    """The worker's sandbox, with Jupyter and matplotlib in it and the notebook beside."""
    packages = sysconfig.get_path("purelib")
    environment = {
        "PYTHONPATH": "/site:/packages",
        "IPYTHONDIR": "/box",
        "JUPYTER_DATA_DIR": "/box",
        "JUPYTER_RUNTIME_DIR": "/box",
        "MPLCONFIGDIR": "/box",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    more = [
        "--proc",
        "/proc",
        "--ro-bind",
        packages,
        "/packages",
        "--ro-bind",
        path,
        "/input.ipynb",
    ]
    more += ["--ro-bind", sandbox.HERE / "inside_kernel.py", "/site/inside_kernel.py"]
    for name, value in environment.items():
        more += ["--setenv", name, value]
    return sandbox.folders(
        [
            *sandbox.isolation(),
            *sandbox.system(),
            *sandbox.site(),
            *more,
            *sandbox.scratch(DISK),
        ]
    )
