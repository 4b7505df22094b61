"""optlib: the optimizers of *Step by Step*, each written once and read by many.

``import optlib`` loads NumPy alone; torch, JAX and SymPy are loaded by the parts that need them.
"""

from . import rules, schedules, surfaces
from .rule import Optimizer, Rule, Run, Sweep, rule, run, sweep

__all__ = [
    "Optimizer",
    "Rule",
    "Run",
    "Sweep",
    "rule",
    "rules",
    "run",
    "schedules",
    "surfaces",
    "sweep",
]
