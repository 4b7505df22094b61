"""Figures that a reader moves, alive in JupyterLab and in a static page without a kernel."""

from .clinic import clinic
from .converter import converter
from .descent import descent
from .equilibrium import equilibrium
from .noise_floor import noise_floor
from .playground import playground
from .rate import rate
from .rate_map import rate_map
from .result_map import result_map
from .schedule_designer import schedule_designer
from .spectrum import spectrum
from .stepper import stepper
from .trust import trust
from .two_by_two import two_by_two

__all__ = [
    "clinic",
    "converter",
    "descent",
    "equilibrium",
    "noise_floor",
    "playground",
    "rate",
    "rate_map",
    "result_map",
    "schedule_designer",
    "spectrum",
    "stepper",
    "trust",
    "two_by_two",
]
