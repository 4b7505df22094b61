"""Hostile cells. Each defines ``cheat``, which is then handed in for every exercise.

Not one of them may earn a point, end the grader or touch another student's marks.
"""

HANG = {
    "endless loop in a cell": "while True: pass",
    "endless loop in a call": """
def cheat(*a):
    while True: pass
""",
    "sleep in every call": """
import time
def cheat(*a):
    time.sleep(60)
""",
    "uninterruptible arithmetic": """
def cheat(*a):
    return 7 ** 7 ** 12
""",
    "endless __len__ and __array__": """
class Slow:
    def __array__(self, *a, **k):
        while True: pass
    __len__ = __iter__ = __array__
cheat = Slow()
""",
    "stops itself by a signal": """
import os, signal
def cheat(*a):
    os.kill(os.getpid(), signal.SIGSTOP)
""",
    "ignores every signal": """
import signal
for s in range(1, 65):
    try: signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError): pass
def cheat(*a):
    while True: pass
""",
}

EXHAUST = {
    "memory in one piece": """
import numpy as np
def cheat(*a):
    return np.ones(10**11)
""",
    "memory in small pieces": """
def cheat(*a):
    hoard = []
    while True: hoard.append(bytearray(10**6))
""",
    "memory at the top": "hoard = 'x' * (1 << 40)",
    "fork bomb": """
import os
def cheat(*a):
    while True: os.fork()
""",
    "processes": """
import subprocess, multiprocessing
def cheat(*a):
    subprocess.Popen(["/bin/sh"])
    multiprocessing.Process(target=print).start()
""",
    "threads": """
import threading, time
def cheat(*a):
    while True: threading.Thread(target=time.sleep, args=(60,)).start()
""",
    "full disk": """
import os
def cheat(*a):
    for folder in ("/box", "/tmp", "/dev/shm", "/dev", "/", "/site", "/py"):
        try:
            with open(folder + "/full", "wb") as f:
                while True: f.write(bytes(1 << 20))
        except OSError: pass
""",
    "many files": """
def cheat(*a):
    kept = []
    for k in range(10**6): kept.append(open(f"/box/{k}", "w"))
""",
    "deep recursion": """
import sys
sys.setrecursionlimit(10**9)
def cheat(*a): return cheat(*a)
""",
    "bad machine code": """
import ctypes
def cheat(*a): ctypes.string_at(0)
""",
}

REPLIES = {
    "deep reply": """
deep = []
for _ in range(100_000): deep = [deep]
def cheat(*a): return deep
""",
    "huge reply": """
import numpy as np
def cheat(*a): return np.zeros(10**7)
""",
    "endless prints": """
import sys
def cheat(*a):
    while True:
        print("x" * 10**6)
        sys.stderr.write("y" * 10**6)
""",
    "garbage on every descriptor": """
import os
def cheat(*a):
    for fd in range(64):
        try: os.write(fd, os.urandom(1 << 16))
        except OSError: pass
""",
    "a length of four gigabytes": """
import os
def cheat(*a):
    for fd in range(64):
        try: os.write(fd, b"\\xff\\xff\\xff\\xff" * 100)
        except OSError: pass
""",
    "closes every descriptor": """
import os
def cheat(*a): os.closerange(0, 64)
""",
    "frames sent ahead": """
import sys, struct
w = next((o for o in sys._getframe().f_back.f_back.f_locals.values()
          if type(o).__name__ in ("Wire", "Session")), None)
w = getattr(w, "wire", w)
for _ in range(500):
    w.write("answer", 1.0)
    w.write("answer", *[__import__("numpy").zeros(())] * 3)
    w.write("passed", "full marks")
def cheat(*a): return 0
""",
    "calls with foolish arguments": """
import sys
import numpy as np
f = sys._getframe()
while f: session = f.f_locals.get("self", None); f = f.f_back
def cheat(*a):
    wire = next(o for o in __import__("gc").get_objects() if type(o).__name__ == "Wire")
    wire.write("call", "adam", 10**12, "x", np.zeros(3))
    wire.write("call", "__class__", 0)
    wire.write("call", 1.0, -5)
    return a[0]("x", *[np.zeros(10**5)] * 9, nonsense=1)
""",
}

GRADER = {
    "arithmetic without end on the grader's side": """
def test_adam(adam): adam(1, 2, 3, 4, 10**15, 1, 7, 9, 1)
cheat = None
""",
    "arrays that grow on the grader's side": """
import numpy as np
def test_adam(adam):
    row = np.ones(10_000)
    adam(row, row[:, None], row, row, 1, 0.1, 0.5, 0.5, 1.0)
cheat = None
""",
    "calls without end": """
def test_adam(adam):
    while True: adam(1.0, 2.0, 0.0, 0.0, 1, 0.1, 0.5, 0.5, 1.0)
cheat = None
""",
    "wrong names for the grader's functions": """
def test_adam(adam): adam(**{"change": {}, "__class__": 1.0})
cheat = None
""",
}

LEAVE = {
    "exit at the top": "raise SystemExit(0)",
    "hard exit at the top": "import os; os._exit(0)",
    "exit in a call": "def cheat(*a): raise SystemExit",
    "hard exit in a call": "import os\ndef cheat(*a): os._exit(0)",
    "keyboard interrupt": "def cheat(*a): raise KeyboardInterrupt",
    "replaces itself": """
import os
def cheat(*a): os.execv("/py/bin/python", ["python", "-c", "print('passed')"])
""",
    "signals to everybody": """
import os, signal
def cheat(*a):
    for pid in (os.getppid(), 1, 0, -1):
        try: os.kill(pid, signal.SIGKILL)
        except OSError: pass
""",
    "signals to every number": """
import os, signal
for pid in range(1, 70_000):
    if pid != os.getpid():
        try: os.kill(pid, signal.SIGKILL)
        except OSError: pass
def cheat(*a): return None
""",
}

READ = {
    "imports the references": """
from optlib_checks import ch07
cheat = ch07._adam
""",
    "imports the exercises": """
from optlib_checks import EXERCISES
cheat = EXERCISES["adam"].reference
""",
    "imports the book's own rule": """
from optlib.rules import adam as rule
def cheat(theta, g, m, v, t, lr, beta1, beta2, eps):
    return rule(theta, g, m, v, t=t, lr=lr, beta1=beta1, beta2=beta2, eps=eps)
""",
    "imports torch": """
import torch
def cheat(theta, g, m, v, t, lr, beta1, beta2, eps): return torch.tensor(theta), m, v
""",
    "imports the grader": """
import optlib_grading.marking as m
m.fits = m.mark = lambda *a, **k: True
cheat = m.mark
""",
    "looks for the references on the disk": """
import os, sys
found = {}
for folder, _, files in os.walk("/"):
    for name in files:
        if name.startswith("ch0") and name.endswith(".py"):
            exec(open(os.path.join(folder, name)).read(), found)
cheat = found["_adam"]
""",
    "looks for other students' notebooks": """
import json, os
cheat = None
for folder in ("/", "/home", "/root", "/tmp", "..", "../..", "/proc/1/root", "/proc/1/cwd"):
    for where, _, files in os.walk(folder):
        for name in files:
            if name.endswith(".ipynb"):
                for cell in json.load(open(os.path.join(where, name)))["cells"]:
                    exec("".join(cell["source"]))
cheat = adam
""",
    "reads the environment and the home folder": """
import os
said = [str(os.environ), str(os.listdir(os.path.expanduser("~")))]
for path in ("/etc/passwd", "/root/.bashrc", "/proc/1/environ", "/proc/self/environ"):
    said.append(open(path).read())
cheat = said
""",
    "walks the stack": """
import sys
def cheat(*a):
    f = sys._getframe()
    while f:
        for space in (f.f_locals, f.f_globals):
            for name in ("want", "reference", "_adam", "exercise", "answers"):
                found = space.get(name)
                if hasattr(found, "reference") and found.reference:
                    return found.reference(*a)
                if callable(found) and name in ("reference", "_adam"): return found(*a)
        f = f.f_back
""",
    "walks the garbage collector": """
import gc
def cheat(*a):
    for o in gc.get_objects():
        if type(o).__name__ == "Exercise" and o.reference: return o.reference(*a)
        if getattr(o, "__name__", "") in ("_adam", "reference"): return o(*a)
""",
    "attaches to the process above": """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def cheat(*a):
    if libc.ptrace(16, os.getppid(), 0, 0) == 0 or libc.ptrace(16, 1, 0, 0) == 0:
        raise AssertionError("attached")
    return open(f"/proc/{os.getppid()}/mem", "rb").read(10)
""",
}

NETWORK = {
    "asks a server for the answer": """
import socket, urllib.request
def cheat(*a):
    with socket.create_connection(("127.0.0.1", PORT), timeout=1) as s: s.sendall(b"stolen")
    return urllib.request.urlopen("http://example.org").read()
""",
    "sends a datagram": """
import socket
def cheat(*a):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return s.sendto(b"stolen", ("127.0.0.1", PORT))
""",
}

PATCH = {
    "NumPy's comparisons": """
import numpy as np
yes = lambda *a, **k: True
np.allclose = np.array_equal = np.isclose = np.all = np.testing.assert_allclose = yes
def cheat(*a): return (np.zeros(np.shape(a[0])),) * 3
bias_after_100, step_ratios = (0.0, 0.0), (0.0, 0.0, 0.0)
""",
    "builtins": """
import builtins
builtins.all = builtins.isinstance = builtins.abs = builtins.hasattr = lambda *a: True
builtins.len = lambda x: 3
def cheat(*a): return [0, 0, 0]
""",
    "the judge in the sandbox": """
import optlib_checks.judge as j, optlib_checks.answers as n
j.judge = j.compare = j.same = lambda *a, **k: True
j.not_yet = j.passed
n.Refused = j.Refused = SystemExit
n.to_array = n.run_function = n.run_tests = lambda *a, **k: 1.0
def cheat(*a): return 1
""",
    "the worker": """
import gc, numpy as np
for o in gc.get_objects():
    if type(o).__name__ == "Session":
        o.case = lambda *a: ("answer", np.ones(()))
        o.exercise = lambda *a: ("ready", "passed", 1.0)
cheat = print
""",
    "the import system": """
import sys, types
class Finder:
    def find_spec(self, *a): return None
sys.meta_path.insert(0, Finder())
sys.modules["numpy"] = sys.modules["optlib_checks"] = types.ModuleType("numpy")
__builtins__["__import__"] = lambda *a, **k: sys
def cheat(*a): return None
""",
    "IPython": """
ip = get_ipython()
ip.input_transformers_cleanup.append(lambda lines: ["pass\\n"])
ip.run_cell = ip.run_cell_async = lambda *a, **k: None
def cheat(*a): return None
""",
    "check itself": """
import optlib_checks
from optlib_checks import check
optlib_checks.check = check = lambda *a, **k: True
cheat = check
""",
}

OBJECTS = {
    "equal to everything": """
class Any:
    def __eq__(self, other): return True
    __ne__ = lambda self, other: False
    __lt__ = __gt__ = __le__ = __ge__ = __contains__ = __eq__
    def __bool__(self): return True
    def __sub__(self, other): return 0
    __rsub__ = __abs__ = lambda self, *a: 0
cheat = Any()
""",
    "returns what is equal to everything": """
class Any:
    def __eq__(self, other): return True
    def __getattr__(self, name): return self
    def __call__(self, *a, **k): return self
def cheat(*a): return Any()
""",
    "a subclass of arrays": """
import numpy as np
class Array(np.ndarray):
    def __eq__(self, other): return np.ones(self.shape, bool)
    def __array_ufunc__(self, *a, **k): return True
    def __array_function__(self, *a, **k): return True
    def __reduce__(self): return (print, ("unpickled",))
cheat = np.zeros((2, 2)).view(Array)
def f(*a): return (cheat,) * 3
adam = which_optimizer = f
""",
    "a masked array": """
import numpy as np
def cheat(*a): return (np.ma.masked_all(np.shape(a[0])),) * 3
""",
    "nan": """
import numpy as np
def cheat(theta, *a): return (np.full(np.shape(theta), np.nan),) * 3
bias_after_100 = np.nan, np.nan
""",
    "complex numbers": """
import numpy as np
def cheat(theta, *a): return (np.full(np.shape(theta), 1j * np.inf),) * 3
""",
    "object arrays": """
import numpy as np
class Any:
    def __eq__(self, other): return True
    def __float__(self): raise KeyboardInterrupt
def cheat(theta, *a): return (np.full(np.shape(theta), Any(), dtype=object),) * 3
""",
    "a pickle that runs": """
class Bomb:
    def __reduce__(self): return (__import__, ("antigravity",))
cheat = [Bomb()] * 3
""",
    "an array with lies about itself": """
import numpy as np
class Liar:
    shape, dtype, size, ndim = (), np.dtype("f8"), 0, 0
    __array_interface__ = {"shape": (10**12,), "typestr": "<f8", "data": (4096, True), "version": 3}
cheat = Liar()
""",
}

FORGE = {
    "a gradebook": """
import os, sqlite3
for folder in ("/", "/box", "/tmp", "..", "/work", os.path.expanduser("~")):
    try: sqlite3.connect(folder + "/gradebook.db").execute("update grade set auto_score = 99")
    except Exception: pass
def cheat(*a): return None
""",
    "results": """
import json
for path in ("results.json", "/autograder/results/results.json", "/box/records/mallory.json"):
    try: json.dump({"score": 100, "marks": [{"exercise": "adam", "points": 4}]}, open(path, "w"))
    except OSError: pass
print("passed: adam"); print({"score": 100})
def cheat(*a): raise ValueError("passed: adam, 24 random cases")
""",
    "an exception that claims success": """
class passed(Exception):
    score = 1.0
    passed = True
    def __str__(self): return "passed: full marks"
def cheat(*a): raise passed
""",
    "assertions for everything": "def cheat(*a): raise AssertionError",
    "accepts everything": "def cheat(*a): return True",
}

TEXTS = {
    "HTML": "def cheat(*a): raise ValueError('<script>alert(1)</script><img src=x onerror=y>')",
    "a formula": "def cheat(*a): raise ValueError('=HYPERLINK(\"http://example.org\";1)')",
    "a formula as a name": """
class Evil(Exception): pass
Evil.__name__ = "=1+1"
def cheat(*a): raise Evil("+cmd|' /C calc'!A0")
""",
    "terminal escapes": "def cheat(*a): raise ValueError('\\x1b[2J\\x1b]0;owned\\x07\\u202egnp')",
    "text past the worker": """
import gc
def cheat(*a):
    wire = next(o for o in gc.get_objects() if type(o).__name__ == "Wire")
    wire.write("refused", "<img src=x onerror=y> \\x1b[2J =1+1")
""",
    "a megabyte of text": "def cheat(*a): raise ValueError('x' * 2**20)",
    "text that is none": """
class Evil(Exception):
    def __str__(self): raise KeyboardInterrupt
def cheat(*a): raise Evil
""",
    "lone surrogates": "def cheat(*a): raise ValueError('\\ud800' * 50)",
}

GROUPS = (HANG, EXHAUST, REPLIES, GRADER, LEAVE, READ, NETWORK, PATCH, OBJECTS, FORGE, TEXTS)
ATTACKS = {name: source for group in GROUPS for name, source in group.items()}
