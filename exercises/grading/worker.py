"""Runs a student's cells inside the sandbox. It knows no reference, no seed and no mark.

Frames come in on standard input and go out on standard output; see `wire`. Whatever this process
says is only an answer to be judged, so nothing is lost if a student's code rewrites it.

    run, file name, source                          -> done | failed, why
    given, name, array...                           -> done
    exercise, name, reads, returns, options         -> ready | refused, why | missing
    case, (argument name, value)...                 -> answer, array... | refused, why
                                                     | call, which argument, how many by position,
                                                       values..., (name, value)...
"""

import ast
import linecache
import os
import struct
import sys
import types

sys.path.insert(0, "/site")

import numpy as np
from limits import give_up_privileges
from optlib_checks import answers, give
from optlib_checks.judge import Exercise, Refused
from wire import Function, pack, unpack

MISSING = object()


class Wire:
    """The two pipes to the grader, out of the way of prints and reads."""

    def __init__(self):
        self.incoming = os.fdopen(os.dup(0), "rb")
        self.outgoing = os.fdopen(os.dup(1), "wb")
        nowhere = os.open("/dev/null", os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)

    def read(self):
        (size,) = struct.unpack("<I", self.incoming.read(4))
        return unpack(self.incoming.read(size))

    def write(self, *values):
        self.outgoing.write(pack(values))
        self.outgoing.flush()


class Session:
    """One notebook: its name space and the exercise that is being answered."""

    def __init__(self, wire):
        self.wire = wire
        self.main = types.ModuleType("__main__")
        self.main.display = lambda *values, **options: None
        sys.modules["__main__"] = self.main
        self.call = None

    def serve(self):
        while True:
            kind, *values = self.wire.read()
            action = getattr(self, kind)
            try:
                self.wire.write(*action(*values))
            except Refused as why:
                self.wire.write("refused", str(why))
            except BaseException as error:
                self.wire.write("refused", f"your code stops with {describe(error)}.")

    def run(self, name, source):
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        failed = None
        try:
            for statement in ast.parse(source, name).body:
                failed = self.run_statement(statement, name) or failed
        except BaseException as error:
            failed = describe(error)
        return ("failed", failed) if failed else ("done",)

    def run_statement(self, statement, name):
        """An import that is not to be had must not cost the rest of the cell."""
        try:
            code = compile(ast.Module([statement], []), name, "exec")
            exec(code, self.main.__dict__)
        except ImportError as error:
            if not isinstance(statement, (ast.Import, ast.ImportFrom)):
                raise
            return describe(error)

    def given(self, name, *arrays):
        give(name, arrays)
        return ("done",)

    def exercise(self, name, reads, returns, options):
        answer = self.main.__dict__.get(name, MISSING)
        if answer is MISSING:
            return ("missing",)
        spec = Exercise(name, reads, tuple(returns.split()), None, options=tuple(options.split()))
        self.call = answers.caller(spec, answer)
        return ("ready",)

    def case(self, *values):
        case = dict(zip(values[::2], values[1::2]))
        for name, value in case.items():
            if isinstance(value, Function):
                case[name] = self.remote(name)
        return ("answer", *self.call(case))

    def remote(self, argument):
        """A function that hands its arguments to the grader and returns what comes back."""

        def function(*args, **kwargs):
            named = [part for name, value in kwargs.items() for part in (name, number(value))]
            positional = [number(value) for value in args]
            self.wire.write("call", argument, len(args), *positional, *named)
            kind, *values = self.wire.read()
            if kind == "raise":
                raise ValueError(values[0])
            return values[0] if kind == "one" else tuple(values)

        function.__name__ = function.__qualname__ = argument
        return function


def number(value):
    """An argument for the grader's side: a plain number or a float64 array."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    return np.asarray(value, dtype=float)


def describe(error):
    try:
        text = str(error)
    except BaseException:
        text = ""
    return f"{type(error).__name__}: {text}"[:2000]


def command():
    wire = Wire()
    give_up_privileges(*(int(argument) for argument in sys.argv[1:]))
    Session(wire).serve()


if __name__ == "__main__":
    command()
