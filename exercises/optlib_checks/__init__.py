"""Checks for the book's exercises: references, random cases, known mistakes and the judge.

NumPy only. In a notebook, ``from optlib_checks import check`` and then ``check(adam)`` for a
function or ``check("step_sizes", step_sizes)`` for a number, a choice or an array.
"""

from optlib_checks.ch03 import momentum_record
from optlib_checks.ch05 import adagrad_record
from optlib_checks.ch07 import recorded_path
from optlib_checks.ch08 import decay_record
from optlib_checks.ch11 import loss_curves
from optlib_checks.check import EXERCISES, check

__all__ = [
    "EXERCISES",
    "adagrad_record",
    "check",
    "decay_record",
    "loss_curves",
    "momentum_record",
    "recorded_path",
]
