"""From a learner's object to float64 arrays, or to the sentence that says why not."""

import ast
import contextlib
import dis
import inspect
import io
import linecache
import os
import time
import types
import warnings

import numpy as np

from optlib_checks.judge import Refused, where

FOREIGN = {"torch", "optlib", "jax", "tensorflow", "keras", "optax"}
TIME_LIMIT = 5.0  # seconds for all cases together; a right answer takes milliseconds
EMPTY = {"RESUME", "NOP", "POP_TOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
EMPTY |= {"LOAD_CONST_IMMORTAL", "LOAD_COMMON_CONSTANT"}  # later Pythons spell the same so
UNSOLVED = "write your answer in the cell above, in place of the dots."
NUMPY_ONLY = "answers are NumPy only: yours uses {}. Write the formula out yourself."


def caller(exercise, answer):
    """The ``call(case)`` for `judge` that runs ``answer`` in this process.

    Raises `Refused` at once for an answer that is missing or not of the exercise's kind.
    """
    if answer is ... or answer is None:
        raise Refused(UNSOLVED)
    library = foreign(answer)
    if library:
        raise Refused(NUMPY_ONLY.format(library))
    if exercise.reads == "numbers":
        return lambda case: read_numbers(answer, exercise.returns)
    if exercise.reads == "array":
        return lambda case: (to_array(answer, exercise.name),)
    if exercise.reads == "choice":
        return lambda case: (read_choice(answer, exercise.options),)
    if not callable(answer):
        raise Refused(f"{exercise.name} must be a function; yours is {_kind(answer)}.")
    if is_empty(answer):
        raise Refused(f"{exercise.name} is still empty. Write your code in the cell above.")
    end = time.monotonic() + TIME_LIMIT
    read = run_tests if exercise.reads == "tests" else run_function

    def call(case):
        if time.monotonic() > end:
            raise Refused(f"your function took more than {TIME_LIMIT:g} s in all.")
        return read(answer, case, exercise.returns)

    return call


def run_function(function, case, returns):
    """Call a learner's function on copies of a case and read what it returns."""
    arguments = [np.copy(v) if isinstance(v, np.ndarray) else v for v in case.values()]
    _accepts(function, case)
    try:
        with _quietly():
            value = function(*arguments)
    except (Exception, SystemExit) as error:
        raise Refused(f"your function raises {_error(error, function)}{where(case)}.") from None
    for name, argument, original in zip(case, arguments, case.values()):
        if isinstance(original, np.ndarray) and argument.tobytes() != original.tobytes():
            raise Refused(
                f"your function changes its argument {name} in place. "
                f"Make a new array: {name} = {name} - …, or start from {name}.copy()."
            )
    if len(returns) == 1:
        return (to_array(value, returns[0]),)
    wanted = f"return {len(returns)} values, {', '.join(returns)}"
    if value is None:
        raise Refused(f"{wanted}. Yours returned None: is there a return at the end?")
    if not isinstance(value, (tuple, list)):
        raise Refused(f"{wanted}. Yours returned {_kind(value)}.")
    if len(value) != len(returns):
        raise Refused(f"{wanted}. Yours returned {len(value)}.")
    return tuple(to_array(v, name) for v, name in zip(value, returns))


def run_tests(function, case, returns):
    """Run a learner's tests on one implementation: 1 accepted, 0 rejected, -1 another error."""
    _accepts(function, case)
    try:
        with _quietly():
            value = function(*case.values())
    except AssertionError:
        return (np.array(0.0),)
    except (Exception, SystemExit):
        return (np.array(-1.0),)
    if value is None:
        return (np.array(1.0),)
    if isinstance(value, (bool, np.bool_)):
        return (np.array(float(value)),)
    raise Refused(
        f"your tests returned {_kind(value)}. Use assert, or return True for a right one and "
        "False for a wrong one."
    )


def read_numbers(value, names):
    """One number, or a tuple, list or array of them, as 0-d arrays."""
    if isinstance(value, (tuple, list)) and any(v is ... or v is None for v in value):
        empty = all(v is ... or v is None for v in value)
        raise Refused(UNSOLVED if empty else "one of the numbers is still missing.")
    if isinstance(value, dict):
        value = list(value.values())
    if len(names) > 1 and not isinstance(value, (tuple, list, np.ndarray)):
        raise Refused(f"give {len(names)} numbers: {', '.join(names)}. Yours is {_kind(value)}.")
    flat = [value] if len(names) == 1 else list(value)
    count = "one number" if len(names) == 1 else f"{len(names)} numbers: {', '.join(names)}"
    if len(flat) != len(names):
        raise Refused(f"the answer is {count}; yours holds {len(flat)}.")
    arrays = tuple(to_array(v, "the answer") for v in flat)
    if any(array.size != 1 for array in arrays):
        raise Refused(f"the answer is {count}; yours holds {sum(a.size for a in arrays)}.")
    return tuple(array.reshape(()) for array in arrays)


def read_choice(value, options):
    """A set, list, tuple or string of labels as an array with a 1 for each label chosen."""
    if isinstance(value, str):
        value = value.replace(",", " ").split() if set(value) & set(", ") else list(value)
    if not isinstance(value, (set, frozenset, list, tuple)):
        raise Refused(f"answer with a set of letters, such as {{'a', 'b'}}, not {_kind(value)}.")
    chosen = set()
    for label in value:
        known = label.strip().lower() if isinstance(label, str) else None
        if known not in options:
            raise Refused(f"there is no option {clean(label)}; choose among {', '.join(options)}.")
        chosen.add(known)
    return np.array([float(label in chosen) for label in options])


def to_array(value, name):
    """``value`` as a new float64 array. Raises `Refused` for what is not real numbers."""
    if value is None:
        raise Refused(f"{name} is None: is there a return at the end?")
    if value is ...:
        raise Refused(f"{name} is still three dots. Write your code in the cell above.")
    library = foreign(value)
    if library:
        raise Refused(NUMPY_ONLY.format(library))
    if isinstance(value, (bool, np.bool_, str, bytes, dict, set)) or callable(value):
        raise Refused(f"{name} must be numbers; yours is {_kind(value)}.")
    try:
        with _quietly():
            array = np.asarray(value)
            if array.dtype == object and array.ndim == 0:
                array = np.asarray(float(value))  # a Fraction, a Decimal, a SymPy number
    except Exception:
        raise Refused(f"{name} cannot be read as an array: {_kind(value)}.") from None
    if array.dtype == object:
        raise Refused(f"{name} is an object array: something in it is not a number.")
    if array.dtype.kind == "c":
        raise Refused(f"{name} is complex. The root of a negative number?")
    if array.dtype.kind not in "fiu":
        raise Refused(f"{name} must be numbers; yours holds {array.dtype.name}.")
    return np.array(array, dtype=np.float64)


def foreign(value):
    """The name of a library beyond NumPy that a value comes from or a function uses, or None.

    Looks at the function's own code, at the functions it calls and, in a notebook, at the
    imports of the cell it was written in. It informs a learner; it is no barrier to a cheat.
    """
    seen, todo = set(), [value]
    while todo and len(seen) < 50:
        item = todo.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, types.ModuleType):
            origin = item.__name__
        elif isinstance(item, (types.FunctionType, types.BuiltinFunctionType, type)):
            origin = item.__module__
        else:
            origin = type(item).__module__
        root = str(origin).partition(".")[0]
        if root in FOREIGN:
            return root
        if isinstance(item, types.FunctionType):
            names, imports = _names(item.__code__)
            found = (imports | _cell_imports(item.__code__.co_filename)) & FOREIGN
            if found:
                return min(found)
            todo += [item.__globals__[n] for n in names if n in item.__globals__]
    return None


def is_empty(function):
    """Whether a function's body is nothing but a docstring, ``...``, ``pass`` or a comment."""
    code = getattr(function, "__code__", None)
    if not isinstance(code, types.CodeType):
        return False
    kept = [i for i in dis.get_instructions(code) if i.opname.startswith(("LOAD", "RETURN_CONST"))]
    return all(i.opname in EMPTY for i in dis.get_instructions(code)) and all(
        i.argval is None or i.argval is ... for i in kept
    )


def clean(value, limit=120):
    """Text of unknown origin as one short printable line without markup."""
    try:
        text = value if isinstance(value, str) else repr(value)
        safe = (c if c.isprintable() and c not in "<>&" else " " for c in text[:4000])
        text = " ".join("".join(safe).split())
    except Exception:
        return "something that cannot be printed"
    text = text.lstrip("=+-@ ")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _names(code):
    """The global names and the imported modules in a code object, nested ones included."""
    names, imports = set(code.co_names), set()
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME":
            imports.add(str(instruction.argval).partition(".")[0])
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            inner_names, inner_imports = _names(constant)
            names |= inner_names
            imports |= inner_imports
    return names, imports


def _cell_imports(filename):
    """The modules imported by a notebook cell; nothing for a function from a file."""
    if os.path.exists(filename):
        return set()
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError):
        return set()
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def _accepts(function, case):
    """Refuse a function that cannot be called with the case's arguments, in their order."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*case.values())
    except TypeError:
        wanted = ", ".join(case)
        count = "one argument" if len(case) == 1 else f"{len(case)} arguments"
        raise Refused(f"your function must take {count}: ({wanted}).") from None


@contextlib.contextmanager
def _quietly():
    """No warnings and no prints of the learner's code between question and answer."""
    with (
        np.errstate(all="ignore"),
        warnings.catch_warnings(),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def _error(error, function):
    """An exception in one safe line, with the line of the learner's cell it came from."""
    if isinstance(error, ImportError) and str(error.name).partition(".")[0] in FOREIGN:
        raise Refused(NUMPY_ONLY.format(error.name.partition(".")[0])) from None
    code = getattr(function, "__code__", None)
    line, trace = None, error.__traceback__
    while trace is not None:
        if code is not None and trace.tb_frame.f_code.co_filename == code.co_filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    try:
        text = str(error)
    except Exception:
        text = ""
    place = "" if line is None else f" in line {line} of its cell"
    return clean(type(error).__name__, 40) + (text and f": {clean(text)}") + place


def _kind(value):
    """What a value is, in words."""
    if callable(value) and not isinstance(value, type):
        return "a function"
    name = type(value).__name__
    words = {"str": "text", "bool": "True or False", "NoneType": "None", "ndarray": "one array"}
    words |= {"dict": "a dict", "set": "a set", "list": "a list", "tuple": "a tuple"}
    words |= {"float": "one number", "int": "one number", "generator": "a generator"}
    return words.get(name, "of type " + clean(name, 40))
