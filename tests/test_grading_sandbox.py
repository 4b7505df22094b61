"""What is in the sandbox, what is not, and that there is no grading without it."""

import os
import struct
import subprocess
import sys
import tempfile
import time

import numpy as np
import pytest
from optlib_checks import EXERCISES
from optlib_grading import marking, report, sandbox, wire
from optlib_grading.__main__ import main

needs_bwrap = pytest.mark.skipif(not sandbox.found(), reason="grading needs bubblewrap")

# Run in the sandbox: what it finds goes into an exception, whose text comes out.
LOOK = """
import ctypes, os, resource
def writable():
    found = []
    for folder, folders, files in os.walk("/"):
        try: open(folder + "/.probe", "w").close()
        except OSError: continue
        found.append(folder)
        os.remove(folder + "/.probe")
    return sorted(found)
def fails(action):
    try: action()
    except (OSError, RuntimeError, ValueError): return True
    return False
def thread():
    import threading
    threading.Thread(target=print).start()
libc = ctypes.CDLL(None)
names = {name for _, folders, files in os.walk("/") for name in files}
found = dict(
    user=os.geteuid(), root=sorted(os.listdir("/")), site=sorted(os.listdir("/site")),
    writable=writable(),
    names=sorted(n for n in names if n.startswith(("ch0", "ch1", "regions"))),
    environment=sorted(os.environ), descriptors=len(os.listdir("/dev")),
    no_new_privileges=libc.prctl(39, 0, 0, 0, 0), fork=fails(os.fork), thread=fails(thread),
    root_again=fails(lambda: os.setuid(0)) or os.geteuid() != 0,
    more_memory=fails(lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1))),
    new_space=libc.unshare(0x10000000), mount=libc.mount(b"none", b"/box", b"tmpfs", 0, None),
)
raise LookupError(repr(found))
"""


def look():
    with sandbox.Sandbox(seconds=20) as box:
        said = box.ask(["run", "cell", LOOK])
    assert said[0] == "failed" and said[1].startswith("LookupError: "), said
    return said[1].removeprefix("LookupError: ")


def check(found):
    assert found["user"] != 0
    assert found["root"] == ["box", "dev", "lib", "lib64", "py", "site", "usr"]
    assert found["site"] == [
        *("limits.py", "numpy", "numpy.libs", "optlib_checks", "wire.py", "worker.py")
    ]
    assert found["writable"] == ["/box"]
    assert found["names"] == []
    assert found["descriptors"] == 3
    assert not {name for name in found["environment"] if "SECRET" in name or "USER" in name}
    assert found["no_new_privileges"] == 1
    assert found["fork"] and found["thread"] and found["root_again"] and found["more_memory"]
    assert found["new_space"] == -1 and found["mount"] == -1


@needs_bwrap
def test_what_the_sandbox_holds(monkeypatch):
    monkeypatch.setenv("GRADING_SECRET", "not for students")
    check(eval(look(), {}))


def packages(folder):
    """Make it possible to import the two packages of this repository from a folder."""
    os.chmod(folder, 0o755)
    os.symlink(sandbox.HERE, f"{folder}/optlib_grading")
    os.symlink(sandbox.CHECKS, f"{folder}/optlib_checks")
    return folder


def python_for_all():
    """A Python of this version that every user may start, or None."""
    ours = os.path.realpath(sys.executable)
    for path in (ours, f"/usr/bin/python3.{sys.version_info.minor}"):
        folders = [path, os.path.join(sys.base_prefix, "lib")] if path == ours else [path]
        if all(map(open_to_all, folders)):
            return path
    return None


def open_to_all(path):
    """Whether any user can get to a file or folder."""
    parts = [path]
    while parts[-1] != "/":
        parts.append(os.path.dirname(parts[-1]))
    return all(os.path.exists(part) and os.stat(part).st_mode & 1 for part in parts)


@needs_bwrap
@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
def test_the_sandbox_of_an_ordinary_user():
    python = python_for_all()
    if not python:
        pytest.skip("no Python of this version that other users may start")
    here = os.path.dirname(__file__)
    if not open_to_all(here):
        pytest.skip("other users cannot read this folder")
    program = "import sys; sys.path[:0] = {!r}; import test_grading_sandbox as t; print(t.look())"
    with tempfile.TemporaryDirectory() as folder:
        path = [here, packages(folder), str(sandbox.NUMPY.parent)]
        done = subprocess.run(
            [python, "-B", "-c", program.format(path)], capture_output=True, text=True, cwd="/",
            user=12345, group=12345, extra_groups=[],
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = eval(done.stdout, {})
    assert found["user"] == 12345
    check(found)


def test_without_bubblewrap_nothing_is_graded(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ada.ipynb").write_text("{}")
    out = tmp_path / "out"
    folders = ["--submissions", str(tmp_path / "in"), "--out", str(out)]
    assert main(["grade", "--chapter", "7", *folders]) == 1
    assert "apt-get install bubblewrap" in capsys.readouterr().err
    assert not out.exists()


def test_a_bubblewrap_that_may_not_work_is_told_apart(monkeypatch, tmp_path):
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    sandbox.version.cache_clear()
    with pytest.raises(sandbox.Unavailable, match="No permissions to create new namespace"):
        sandbox.require()
    sandbox.version.cache_clear()


@needs_bwrap
def test_a_deadline_holds_to_a_tenth_of_a_second():
    with sandbox.Sandbox(seconds=20) as box:
        box.ask(["run", "cell", "pass"])
        begin = time.monotonic()
        with pytest.raises(sandbox.Stopped, match="too long"):
            box.ask(["run", "cell", "while True: pass"], begin + 0.5)
        assert 0.5 <= time.monotonic() - begin < 1.5


VALUES = ["text ü", "", 3, -(2**40), 0.1, float("inf"), np.arange(6.0).reshape(2, 3), np.array(2.5)]
VALUES += [np.zeros((0, 3)), np.arange(3)]


def test_what_is_packed_is_unpacked():
    frame = wire.pack(VALUES)
    assert wire.length(frame[:4]) == len(frame) - 4
    for sent, received in zip(VALUES, wire.unpack(frame[4:]), strict=True):
        assert type(received) is (np.ndarray if isinstance(sent, np.ndarray) else type(sent))
        np.testing.assert_array_equal(received, sent)
        assert getattr(received, "dtype", None) == getattr(sent, "dtype", None)


def test_every_cut_and_every_flip_of_a_frame_is_refused_or_harmless():
    body = wire.pack([1.5, "ab", np.arange(3.0)])[4:]
    ends = {9, 16, len(body)}  # where a value ends, and the frame might
    for cut in range(1, len(body)):
        if cut not in ends:
            with pytest.raises(wire.Garbled):
                wire.unpack(body[:cut])
    rng = np.random.default_rng(0)
    for _ in range(3000):
        bent = bytearray(body)
        bent[rng.integers(len(body))] = rng.integers(256)
        try:
            values = wire.unpack(bytes(bent))
        except wire.Garbled:
            continue
        allowed = (str, int, float, np.ndarray, wire.Function)
        assert all(isinstance(value, allowed) for value in values)


@pytest.mark.parametrize(
    "body",
    [
        b"a\xff" + b"\x01\0\0\0" * 255,
        b"a\x02" + struct.pack("<2I", 1 << 31, 1 << 31),
        b"a\x02" + struct.pack("<2I", 0, 1 << 31),
        b"a\x03" + struct.pack("<3I", 1 << 20, 1 << 20, 1 << 20),
        b"s\xff\xff\xff\xff",
        b"f" * 10,
        b"f\0\0\0\0\0\0\0\0" * 1000,
        b"c",
        b"\x80\x04pickle",
    ],
)
def test_frames_that_lie_are_refused(body):
    with pytest.raises(wire.Garbled):
        wire.unpack(body, tags=b"sifa")


def double(x, y=0.0):
    return x + y


@pytest.mark.parametrize(
    "request_",
    [
        ["other", 1, 2.0],
        ["__class__", 0],
        [1.0, 0],
        ["f", 1.5, 2.0],
        ["f", 12, 2.0],
        ["f", -1, 2.0],
        ["f", 1, 2.0, "y"],
        ["f", 1, 2.0, 3.0, 4.0],
        ["f", 1, "text"],
        ["f"],
        [],
    ],
)
def test_calls_that_are_none_end_the_sandbox(request_):
    with pytest.raises(sandbox.Stopped):
        marking.read_call({"f": double, "n": 3}, request_)


def test_whole_numbers_become_floats_before_the_grader_computes_with_them():
    function, args, kwargs = marking.read_call({"f": double}, ["f", 1, 7, "y", 10**15])
    assert function is double
    assert [type(value) for value in (*args, *kwargs.values())] == [float, float]


@pytest.mark.parametrize("shapes", [[(10_001,)], [(100, 1), (1, 100)], [(3,), (2,)]])
def test_large_arrays_and_arrays_that_would_grow_are_refused(shapes):
    with pytest.raises(ValueError, match="array"):
        marking.check_sizes([np.ones(shape) for shape in shapes])
    marking.check_sizes([np.ones((100, 100)), 1.0, np.ones((100, 100)), np.ones(1), np.ones(())])


def test_an_answer_must_have_a_shape_that_the_exercise_can_have():
    numbers, choice = EXERCISES["bias_after_100"], EXERCISES["converging"]
    assert marking.fits(numbers, np.ones(())) and marking.fits(EXERCISES["adam"], np.ones((2, 3)))
    assert marking.fits(choice, np.ones(5))
    for exercise, value in ((numbers, np.ones(2)), (numbers, 1.0), (choice, np.ones(4))):
        assert not marking.fits(exercise, value)


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "\n+1"])
def test_no_cell_of_the_table_is_a_formula(text):
    assert report.cell(text).startswith("'")
    assert report.cell(-1.5) == -1.5 and report.cell("ann") == "ann"
