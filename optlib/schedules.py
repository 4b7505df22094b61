"""Schedules: plain functions of the step t = 1, 2, ...

    @schedule
    def cosine(t, *, lr, steps, lr_min=0): ...

``cosine(lr=0.1, steps=100)`` is a small callable of t that pickles; any hyperparameter of a rule
may be one. Step t uses the value at t, so t=1 is the first value: torch's ``last_epoch`` and
optax's ``count`` are t - 1.
"""

import difflib
import functools
import inspect
import math

import numpy as np

from .ops import cos, floor, minimum, pi, where

_SCHEDULES = {}


class Schedule:
    """A schedule that still waits for its arguments. Made by :func:`schedule`."""

    def __init__(self, fn, requires=()):
        functools.update_wrapper(self, fn)
        self.fn, self.name, self.requires = fn, fn.__name__, tuple(requires)
        parameters = inspect.signature(fn).parameters.values()
        self.arguments = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
        self.hyper = self.arguments

    def __call__(self, **arguments):
        for name in arguments:
            if name not in self.arguments:
                near = difflib.get_close_matches(name, self.arguments, n=1)
                hint = f" Did you mean {near[0]}?" if near else ""
                raise TypeError(
                    f"{self.name} has no argument {name!r}; it takes "
                    f"{', '.join(self.arguments)}.{hint}"
                )
        full = {**self.arguments, **arguments}
        missing = [k for k, v in full.items() if v is inspect.Parameter.empty]
        if missing:
            raise TypeError(f"{self.name} needs {', '.join(missing)}")
        for name, value in full.items():
            _check_argument(self.name, name, value)
        for text, holds in self.requires:
            if not holds(**full):
                values = ", ".join(f"{k}={v!r}" for k, v in full.items())
                raise ValueError(f"{self.name} needs {text}, got {values}")
        return Bound(self, full)

    def __repr__(self):
        return f"schedule {self.name}({', '.join(self.arguments)})"

    def __reduce__(self):
        if _SCHEDULES.get(self.name) is self:
            return get, (self.name,)
        return self.__qualname__


class Bound:
    """A schedule with its arguments: a callable of t."""

    def __init__(self, schedule, arguments):
        self.schedule, self.arguments = schedule, arguments

    def __call__(self, t):
        return self.schedule.fn(t, **self.arguments)

    def __repr__(self):
        values = ", ".join(f"{k}={v!r}" for k, v in self.arguments.items())
        return f"{self.schedule.name}({values})"

    def __eq__(self, other):
        return repr(self) == repr(other) if isinstance(other, Bound) else NotImplemented

    def __hash__(self):
        return hash(repr(self))


def schedule(fn=None, *, requires=()):
    """Turn a function of t into a :class:`Schedule`.

    requires : (text, test) pairs; test(**arguments) must hold, text says what in words.
    """
    return Schedule(fn, requires) if fn else lambda f: Schedule(f, requires)


def get(name):
    """The schedule of this name; ValueError with the nearest names if there is none."""
    if name not in _SCHEDULES:
        near = difflib.get_close_matches(str(name), _SCHEDULES, n=3)
        hint = f" Did you mean {', '.join(near)}?" if near else f" Known: {', '.join(_SCHEDULES)}."
        raise ValueError(f"there is no schedule named {name!r}.{hint}")
    return _SCHEDULES[name]


# name: (lowest, highest, whether the lowest belongs, whole number)
_ARGUMENTS = {
    "lr": (0, math.inf, True, False),
    "lr_min": (0, math.inf, True, False),
    "steps": (1, math.inf, True, True),
    "every": (1, math.inf, True, True),
    "warmup": (0, math.inf, True, True),
    "gamma": (0, math.inf, True, False),
}


def _check_argument(schedule_name, name, value):
    if callable(value) or name not in _ARGUMENTS:
        return
    low, high, with_low, whole = _ARGUMENTS[name]
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{schedule_name}: {name} must be a number, got {value!r}")
    inside = (value >= low if with_low else value > low) and value < high
    if not inside or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        bound = "at least" if with_low else "above"
        raise ValueError(f"{schedule_name}: {name} must be {kind} {bound} {low}, got {value!r}")


@schedule
def constant(t, *, lr):
    """The same value at every step."""
    return lr + 0 * t


@schedule
def step(t, *, lr, every, gamma=0.1):
    """Multiply by gamma after every ``every`` steps. torch: StepLR."""
    return lr * gamma ** floor((t - 1) / every)


@schedule
def exponential(t, *, lr, gamma):
    """Multiply by gamma after each step. torch: ExponentialLR."""
    return lr * gamma ** (t - 1)


@schedule(requires=[("lr_min <= lr", lambda lr, lr_min, **_: lr_min <= lr)])
def cosine(t, *, lr, steps, lr_min=0):
    """Half a cosine from lr at t = 1 to lr_min at t = steps + 1, then lr_min for good.

    Loshchilov & Hutter 2017, eq. 5. torch's CosineAnnealingLR rises again after its end.
    """
    done = minimum((t - 1) / steps, 1)
    return lr_min + (lr - lr_min) * (1 + cos(pi * done)) / 2


@schedule
def warmup_cosine(t, *, lr, steps, warmup, lr_min=0):
    """Rise from lr/warmup at t = 1 to lr at t = warmup, then half a cosine to the last step."""
    done = minimum((t - warmup) / (steps - warmup), 1)
    return where(t <= warmup, lr * t / warmup, lr_min + (lr - lr_min) * (1 + cos(pi * done)) / 2)


for _s in (constant, step, exponential, cosine, warmup_cosine):
    _SCHEDULES[_s.name] = _s
ALL = _SCHEDULES
