"""Figures that a reader moves, alive in JupyterLab and in a static page without a kernel."""

from .descent import descent
from .noise_floor import noise_floor
from .playground import playground
from .rate import rate
from .stepper import stepper

__all__ = ["descent", "noise_floor", "playground", "rate", "stepper"]
