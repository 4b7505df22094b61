"""The words that rules and schedules may use beyond ``+ - * / **`` and comparisons.

One spelling for Python numbers, NumPy, torch, JAX and SymPy. A rule written in these words runs on
all five, and :mod:`optlib.syntax` translates it to LaTeX and JavaScript.
"""

import math
import sys
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np

pi = math.pi

# Number of trailing axes that index runs, not parameters: a sweep sets it for `norm`.
_RUN_AXES = ContextVar("run_axes", default=0)


@contextmanager
def run_axes(count):
    """Inside this context the last ``count`` axes of every array are independent runs."""
    token = _RUN_AXES.set(count)
    try:
        yield
    finally:
        _RUN_AXES.reset(token)


def backend(*values):
    """Which library computes with these values: number, numpy, torch, jax or sympy.

    The first value that belongs to torch, JAX or SymPy decides; none of them is imported here.
    """
    found = "number"
    for x in values:
        if isinstance(x, np.ndarray):
            if x.dtype == object:
                return "sympy"
            found = "numpy"
        elif isinstance(x, np.generic):
            found = "numpy"
        elif not isinstance(x, (int, float)):
            module = type(x).__module__.partition(".")[0]
            if module in ("torch", "sympy"):
                return module
            if module in ("jax", "jaxlib"):
                return "jax"
            raise TypeError(
                f"expected a number or an array (NumPy, torch, JAX, SymPy), got {type(x).__name__}"
            )
    return found


def _library(name):
    """The array module behind a backend name; it is loaded, since a value of it exists."""
    return np if name == "numpy" else sys.modules["jax.numpy" if name == "jax" else name]


def _apply(word, sympy_name, number, x):
    """One-argument words: the same name in every array library."""
    kind = backend(x)
    if kind == "number":
        return number(x)
    if kind == "sympy":
        function = getattr(sys.modules["sympy"], sympy_name)
        return np.frompyfunc(function, 1, 1)(x) if isinstance(x, np.ndarray) else function(x)
    return getattr(_library(kind), word)(x)


def sqrt(x):
    """Square root, elementwise."""
    return _apply("sqrt", "sqrt", math.sqrt, x)


def exp(x):
    """Exponential, elementwise (schedules)."""
    return _apply("exp", "exp", math.exp, x)


def log(x):
    """Natural logarithm, elementwise (schedules)."""
    return _apply("log", "log", math.log, x)


def cos(x):
    """Cosine of an angle in radians, elementwise (schedules)."""
    return _apply("cos", "cos", math.cos, x)


def floor(x):
    """Largest integer not above x, elementwise (schedules)."""
    return _apply("floor", "floor", math.floor, x)


def abs(x):
    """Absolute value, elementwise."""
    return _apply("abs", "Abs", math.fabs, x)


def sign(x):
    """-1, 0 or 1, elementwise."""
    return _apply("sign", "sign", lambda value: (value > 0) - (value < 0), x)


def _pair(word, sympy_name, number, a, b):
    kind = backend(a, b)
    if kind == "number":
        return number(a, b)
    if kind == "sympy":
        function = getattr(sys.modules["sympy"], sympy_name)
        arrays = isinstance(a, np.ndarray) or isinstance(b, np.ndarray)
        return np.frompyfunc(function, 2, 1)(a, b) if arrays else function(a, b)
    if kind == "torch":
        a, b = _tensors(a, b)
    return getattr(_library(kind), word)(a, b)


def _tensors(*values):
    """torch's two-argument functions want tensors; a number takes the other's type."""
    torch = sys.modules["torch"]
    like = next(x for x in values if isinstance(x, torch.Tensor))
    return [
        x
        if isinstance(x, torch.Tensor)
        else torch.as_tensor(x, dtype=like.dtype, device=like.device)
        for x in values
    ]


def maximum(a, b):
    """The larger of two values, elementwise."""
    return _pair("maximum", "Max", max, a, b)


def minimum(a, b):
    """The smaller of two values, elementwise."""
    return _pair("minimum", "Min", min, a, b)


def where(condition, a, b):
    """a where the condition on scalars holds, else b. Both are evaluated: guard roots."""
    if isinstance(condition, (bool, np.bool_)):
        return a if condition else b
    kind = backend(condition, a, b) if not _is_sympy_relation(condition) else "sympy"
    if kind == "sympy":
        sympy = sys.modules["sympy"]
        return sympy.Piecewise((a, condition), (b, True))
    if kind == "torch":
        torch = sys.modules["torch"]
        if not isinstance(condition, torch.Tensor):
            return a if condition else b
        dtype = next((x.dtype for x in (a, b) if isinstance(x, torch.Tensor)), None)
        if dtype is None:
            dtype = torch.float64  # a scalar: it does not change the type of what it multiplies
        a, b = (
            x if isinstance(x, torch.Tensor) else torch.as_tensor(x, dtype=dtype) for x in (a, b)
        )
    return _library(kind).where(condition, a, b)


def _is_sympy_relation(x):
    return type(x).__module__.partition(".")[0] == "sympy"


def passed(t, milestones):
    """How many of the milestones lie before step t (schedules)."""
    count = 0
    for milestone in milestones:
        count = count + where(t > milestone, 1, 0)
    return count


def norm(x):
    """Euclidean norm of one layer (inside a sweep: of each run's layer), a scalar."""
    kind = backend(x)
    if kind == "number":
        return math.fabs(x)
    if kind == "sympy":
        sympy = sys.modules["sympy"]
        return sympy.sqrt(sum(np.ravel(x * x))) if isinstance(x, np.ndarray) else sympy.Abs(x)
    xp = _library(kind)
    axes = tuple(range(x.ndim - _RUN_AXES.get()))
    return xp.sqrt((x * x).sum(axes)) if axes else xp.abs(x)


def ratio(a, b):
    """a / b, or 1 where either is not positive: the trust ratio of LARS and LAMB."""
    kind = backend(a, b)
    if kind == "number":
        return a / b if a > 0 and b > 0 else 1.0
    if kind == "sympy":
        sympy = sys.modules["sympy"]
        return sympy.Piecewise((a / b, sympy.And(a > 0, b > 0)), (1, True))
    xp = _library(kind)
    if kind == "torch":
        a, b = _tensors(a, b)
    both = (a > 0) & (b > 0)
    # The inner `where` keeps 0/0 out of the quotient, so that no nan and no warning arises.
    one = xp.ones_like(a * b)
    return xp.where(both, a / xp.where(both, b * one, one), one)


def _refuse_all_but_matrices(word, matrix):
    if _RUN_AXES.get():
        raise ValueError(f"{word} works on one matrix at a time, not in a sweep; use run in a loop")
    if getattr(matrix, "ndim", None) != 2:
        raise ValueError(
            f"{word} needs a matrix (2 axes), got shape {np.shape(matrix)}; "
            "use another rule for vectors and scalars"
        )


def rows(matrix):
    """How many rows a matrix has (Muon)."""
    _refuse_all_but_matrices("rows", matrix)
    return matrix.shape[0]


def columns(matrix):
    """How many columns a matrix has (Muon)."""
    _refuse_all_but_matrices("columns", matrix)
    return matrix.shape[1]


# Coefficients of the quintic iteration of Muon (Jordan et al. 2024).
_QUINTIC = (3.4445, -4.7750, 2.0315)


def orthogonalize(matrix, iterations=5):
    """The nearest semi-orthogonal matrix, approximately, by Newton-Schulz iterations (Muon).

    matrix has shape (rows, columns). The singular values end between about 0.68 and 1.13, not at
    1: the quintic is tuned for speed. Computed in the matrix's own precision; Muon's authors and
    torch use bfloat16.
    """
    _refuse_all_but_matrices("orthogonalize", matrix)
    if backend(matrix) == "sympy":
        raise TypeError("orthogonalize has no symbolic form")
    a, b, c = _QUINTIC
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / maximum(norm(x), 1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x
