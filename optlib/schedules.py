"""Schedules: plain functions of the step t = 1, 2, ...

    @schedule
    def cosine(t, *, lr, steps, lr_min=0): ...

``cosine(lr=0.1, steps=100)`` is a small callable of t that pickles; any hyperparameter of a rule
may be one. Arrays of t give arrays of values.

**Counting.** Step t uses the value at t, and t = 1 is the first step. torch's ``last_epoch`` and
optax's ``count`` are k = t - 1: they are 0 while the first step is taken. ``cosine(...).from_zero``
is the same schedule as a function of k, to hand to optax or to torch's LambdaLR, and
:func:`counted_from_zero` turns a function of k into a schedule of ours. What else differs:

==================  ===================================  ==================================
here                torch                                optax
==================  ===================================  ==================================
cosine              CosineAnnealingLR, which rises       cosine_decay_schedule
                    again after its end: cosine_torch
warmup              counts from 1, so that no step is    a first rate of 0 is common, and
                    wasted; torch's and optax's ramps    that step does nothing
                    from a first value: warmup_from
one_cycle           OneCycleLR, peak at k = pct N - 1    peak at k = int(pct N):
                                                         one_cycle_optax
ReduceOnPlateau     bad checks > patience                bad checks >= patience
==================  ===================================  ==================================
"""

import difflib
import functools
import inspect
import math

import numpy as np

from .ops import cos, floor, log, maximum, minimum, passed, pi, sqrt, where

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
        """The value for step t = 1, 2, ... (an array of t gives an array)."""
        return self.schedule.fn(t, **self.arguments)

    def from_zero(self, k):
        """The value at torch's last_epoch = k or optax's count = k, that is at t = k + 1.

        >>> exponential(lr=1.0, gamma=0.5).from_zero(0)
        1.0
        """
        return self(k + 1)

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


# name: (lowest, highest, whether the lowest and the highest belong, whole number)
_ARGUMENTS = {
    "lr": (0, math.inf, True, False, False),
    "lr_min": (0, math.inf, True, False, False),
    "steps": (1, math.inf, True, False, True),
    "every": (1, math.inf, True, False, True),
    "warmup": (0, math.inf, True, False, True),
    "cooldown": (1, math.inf, True, False, True),
    "gamma": (0, math.inf, True, False, False),
    "decay": (0, math.inf, True, False, False),
    "power": (0, math.inf, False, False, False),
    "growth": (1, math.inf, True, False, True),
    "start": (0, 1, True, True, False),
    "pct": (0, 1, False, False, False),
    "div": (1, math.inf, True, False, False),
    "final_div": (1, math.inf, True, False, False),
    "low": (0, 1, True, False, False),
    "high": (0, 1, True, False, False),
    "factor": (0, 1, False, False, False),
    "patience": (0, math.inf, True, False, True),
    "threshold": (0, math.inf, True, False, False),
}


def _check_argument(owner, name, value):
    """Raise TypeError or ValueError unless ``value`` suits the argument ``name`` of ``owner``."""
    if name == "after":
        if isinstance(value, Schedule) or not callable(value):
            raise TypeError(
                f"{owner}: after must be a schedule with its arguments, such as "
                f"cosine(lr=0.1, steps=100), got {value!r}"
            )
        return
    if name == "milestones":
        _check_milestones(owner, value)
        return
    if name not in _ARGUMENTS:
        return
    low, high, with_low, with_high, whole = _ARGUMENTS[name]
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)):
        raise TypeError(f"{owner}: {name} must be a number, got {value!r}")
    inside = (value >= low if with_low else value > low) and (
        value <= high if with_high else value < high
    )
    if not inside or (whole and value != int(value)):
        kind = "a whole number" if whole else "a number"
        left, right = "[" if with_low else "(", "]" if with_high else ")"
        end = "infinity" if high == math.inf else high
        raise ValueError(
            f"{owner}: {name} must be {kind} in {left}{low}, {end}{right}, got {value!r}"
        )


def _check_milestones(owner, value):
    try:
        steps = list(value)
    except TypeError:
        raise TypeError(f"{owner}: milestones must be a list of steps, got {value!r}") from None
    for step_number in steps:
        _check_argument(f"{owner}, milestones", "every", step_number)
    if not steps or sorted(set(steps)) != steps:
        raise ValueError(
            f"{owner}: milestones must be rising step numbers, at least one, got {value!r}"
        )


_FALLS = ("lr_min <= lr", lambda lr, lr_min, **_: lr_min <= lr)
_ROOM = ("warmup < steps", lambda steps, warmup, **_: warmup < steps)
_CYCLE = (
    "pct * steps > 1, so that there is a step on the way up",
    lambda steps, pct, **_: pct * steps > 1,
)


@schedule
def constant(t, *, lr):
    """The same value at every step.

    >>> constant(lr=0.1)(7)
    0.1
    """
    return lr + 0 * t


@schedule
def step(t, *, lr, every, gamma=0.1):
    """Multiply by gamma after every ``every`` steps. torch: StepLR.

    optax: exponential_decay(staircase=True).

    >>> [step(lr=8, every=2, gamma=0.5)(t) for t in (1, 2, 3, 4, 5)]
    [8.0, 8.0, 4.0, 4.0, 2.0]
    """
    return lr * gamma ** floor((t - 1) / every)


@schedule
def multi_step(t, *, lr, milestones, gamma=0.1):
    """Multiply by gamma after each of the steps in ``milestones``. torch: MultiStepLR.

    milestones : rising step numbers; the step after a milestone is the first with the new value.
    optax: piecewise_constant_schedule.

    >>> [multi_step(lr=8, milestones=[2, 3], gamma=0.5)(t) for t in (1, 2, 3, 4)]
    [8.0, 8.0, 4.0, 2.0]
    """
    return lr * gamma ** passed(t, milestones)


@schedule
def exponential(t, *, lr, gamma):
    """Multiply by gamma after each step. torch: ExponentialLR. optax: exponential_decay.

    >>> exponential(lr=8, gamma=0.5)(3)
    2.0
    """
    return lr * gamma ** (t - 1)


@schedule
def inverse_t(t, *, lr, decay=1):
    """lr / (1 + decay (t - 1)); with decay = 1 it is lr / t. keras: InverseTimeDecay.

    Its sum diverges and the sum of its squares does not: Robbins & Monro 1951 ask for both.

    >>> [inverse_t(lr=12)(t) for t in (1, 2, 3)]
    [12.0, 6.0, 4.0]
    """
    return lr / (1 + decay * (t - 1))


@schedule
def inverse_sqrt(t, *, lr, decay=1):
    """lr / sqrt(1 + decay (t - 1)); with decay = 1 it is lr / sqrt(t).

    >>> [inverse_sqrt(lr=6)(t) for t in (1, 4, 9)]
    [6.0, 3.0, 2.0]
    """
    return lr / sqrt(1 + decay * (t - 1))


@schedule(requires=[_FALLS])
def polynomial(t, *, lr, steps, power=1, lr_min=0):
    """From lr at t = 1 to lr_min at t = steps + 1 as (1 - done)^power, then lr_min for good.

    power = 1 is the straight line. torch: PolynomialLR and LinearLR. optax: polynomial_schedule.

    >>> [polynomial(lr=8, steps=2, power=2)(t) for t in (1, 2, 3, 4)]
    [8.0, 2.0, 0.0, 0.0]
    """
    done = minimum((t - 1) / steps, 1.0)
    return lr_min + (lr - lr_min) * (1 - done) ** power


@schedule(requires=[_FALLS])
def cosine(t, *, lr, steps, lr_min=0):
    """Half a cosine from lr at t = 1 to lr_min at t = steps + 1, then lr_min for good.

    Loshchilov & Hutter 2017 (SGDR). optax: cosine_decay_schedule. torch's CosineAnnealingLR rises
    again after its end (:func:`cosine_torch`).

    >>> [cosine(lr=8, steps=2)(t) for t in (1, 2, 3, 9)]
    [8.0, 4.0, 0.0, 0.0]
    """
    done = minimum((t - 1) / steps, 1.0)
    return lr_min + (lr - lr_min) * (1 + cos(pi * done)) / 2


@schedule(requires=[_FALLS])
def cosine_torch(t, *, lr, steps, lr_min=0):
    """torch's CosineAnnealingLR: :func:`cosine` up to its end, then up again and down again.

    >>> [cosine_torch(lr=8, steps=2)(t) for t in (1, 2, 3, 5)]
    [8.0, 4.0, 0.0, 8.0]
    """
    return lr_min + (lr - lr_min) * (1 + cos(pi * (t - 1) / steps)) / 2


@schedule(requires=[_FALLS])
def cosine_restarts(t, *, lr, steps, growth=1, lr_min=0):
    """Cosines that jump back to lr: the first is ``steps`` long, each next one growth times longer.

    Loshchilov & Hutter 2017 (SGDR), with T_0 = steps and T_mult = growth (a whole number). torch:
    CosineAnnealingWarmRestarts. The last value before a restart is not lr_min itself.

    >>> [cosine_restarts(lr=8, steps=2)(t) for t in (1, 2, 3, 4)]
    [8.0, 4.0, 8.0, 4.0]
    """
    done = (t - 1) / steps
    # The 1e-9 keeps rounding in the logarithms from missing a restart.
    long = floor(log(1 + done * (growth - 1)) / log(maximum(growth, 2)) + 1e-9)
    cycle = where(growth == 1, floor(done), long)
    before = where(growth == 1, cycle, (growth**cycle - 1) / maximum(growth - 1, 1))
    share = (done - before) / growth**cycle
    return lr_min + (lr - lr_min) * (1 + cos(pi * share)) / 2


@schedule
def warmup(t, *, after, steps):
    """A straight rise to the first value of ``after`` at t = steps, then on with ``after``.

    after : any schedule with its arguments. steps : length of the rise. Step 1 takes 1/steps of the
    peak, so that no step is wasted; ``after`` is one step past its own start at t = steps + 1.

    >>> ramp = warmup(after=exponential(lr=8, gamma=0.5), steps=4)
    >>> [ramp(t) for t in (1, 2, 3, 4, 5, 6)]
    [2.0, 4.0, 6.0, 8.0, 4.0, 2.0]
    """
    return where(t <= steps, after(1) * t / steps, after(maximum(t - steps + 1, 1)))


@schedule
def warmup_from(t, *, after, steps, start=0):
    """The ramps of torch and optax: ``start`` times the peak at t = 1, the peak at t = steps + 1.

    start : share of the peak, in [0, 1]. torch: SequentialLR([LinearLR(start_factor=start,
    total_iters=steps), after], milestones=[steps]), where start is 1/3 unless said otherwise and
    may not be 0. optax: join_schedules([linear_schedule(start * peak, peak, steps), after],
    [steps]), often with start = 0: the first step then does nothing.

    >>> ramp = warmup_from(after=exponential(lr=8, gamma=0.5), steps=4)
    >>> [ramp(t) for t in (1, 2, 3, 4, 5, 6)]
    [0.0, 2.0, 4.0, 6.0, 8.0, 4.0]
    """
    rise = start + (1 - start) * (t - 1) / steps
    return where(t <= steps, after(1) * rise, after(maximum(t - steps, 1)))


@schedule(requires=[_FALLS, _ROOM])
def warmup_cosine(t, *, lr, steps, warmup, lr_min=0):
    """Rise from lr/warmup at t = 1 to lr at t = warmup, then half a cosine to lr_min at t = steps.

    ``steps`` counts the warm-up, as optax's decay_steps does. The same as
    ``warmup(after=cosine(lr=lr, steps=steps - warmup, lr_min=lr_min), steps=warmup)``.

    >>> [warmup_cosine(lr=8, steps=4, warmup=2)(t) for t in (1, 2, 3, 4, 5)]
    [4.0, 8.0, 4.0, 0.0, 0.0]
    """
    done = minimum((t - warmup) / (steps - warmup), 1.0)
    fall = lr_min + (lr - lr_min) * (1 + cos(pi * done)) / 2
    return where(t <= warmup, lr * t / maximum(warmup, 1), fall)


@schedule(requires=[_FALLS, _ROOM])
def warmup_linear(t, *, lr, steps, warmup, lr_min=0):
    """Rise from lr/warmup at t = 1 to lr at t = warmup, then straight down to lr_min at t = steps.

    >>> [warmup_linear(lr=8, steps=4, warmup=2)(t) for t in (1, 2, 3, 4, 5)]
    [4.0, 8.0, 4.0, 0.0, 0.0]
    """
    done = minimum((t - warmup) / (steps - warmup), 1.0)
    fall = lr_min + (lr - lr_min) * (1 - done)
    return where(t <= warmup, lr * t / maximum(warmup, 1), fall)


@schedule(
    requires=[
        _FALLS,
        (
            "warmup + cooldown <= steps",
            lambda steps, warmup, cooldown, **_: warmup + cooldown <= steps,
        ),
    ]
)
def wsd(t, *, lr, steps, warmup, cooldown, lr_min=0):
    """Warm-up, stable, decay: rise to lr at t = warmup, hold, fall to lr_min over the last steps.

    cooldown : length of the straight fall, which ends with lr_min at t = steps. Until it begins, no
    value depends on ``steps``: a run can be prolonged without starting again. Hu et al. 2024.

    >>> [wsd(lr=8, steps=6, warmup=2, cooldown=2)(t) for t in (1, 2, 3, 4, 5, 6, 7)]
    [4.0, 8.0, 8.0, 8.0, 4.0, 0.0, 0.0]
    """
    done = minimum(maximum((t - (steps - cooldown)) / cooldown, 0.0), 1.0)
    fall = lr_min + (lr - lr_min) * (1 - done)
    return where(t <= warmup, lr * t / maximum(warmup, 1), fall)


@schedule(requires=[_CYCLE])
def one_cycle(t, *, lr, steps, pct=0.3, div=25, final_div=1e4):
    """Up from lr/div to lr, then down to lr/(div final_div) at t = steps, both along a cosine.

    lr : the peak, at t = pct * steps if that is a whole number. pct : share of the way up.
    The value stays at its last one after t = steps, where torch raises.
    Source: torch's OneCycleLR, after Smith & Topin 2019. Cycle beta with it:
    :func:`one_cycle_momentum`. optax peaks a step later: :func:`one_cycle_optax`.

    >>> [one_cycle(lr=8, steps=4, pct=0.5, div=8, final_div=2)(t) for t in (1, 2, 4, 5)]
    [1.0, 8.0, 0.5, 0.5]
    """
    peak = pct * steps - 1
    first = lr / div
    last = first / final_div
    rise = lr + (first - lr) * (1 + cos(pi * minimum((t - 1) / peak, 1.0))) / 2
    share = minimum((t - 1 - peak) / (steps - 1 - peak), 1.0)
    fall = last + (lr - last) * (1 + cos(pi * share)) / 2
    return where(t - 1 <= peak, rise, fall)


@schedule(requires=[_CYCLE, ("low <= high", lambda low, high, **_: low <= high)])
def one_cycle_momentum(t, *, steps, pct=0.3, low=0.85, high=0.95):
    """The beta that goes with :func:`one_cycle`: high while lr is low, and the reverse.

    low, high : in [0, 1). Source: torch's OneCycleLR (base_momentum, max_momentum).

    >>> [one_cycle_momentum(steps=4, pct=0.5, low=0.5, high=0.75)(t) for t in (1, 2, 4)]
    [0.75, 0.5, 0.75]
    """
    peak = pct * steps - 1
    fall = low + (high - low) * (1 + cos(pi * minimum((t - 1) / peak, 1.0))) / 2
    share = minimum((t - 1 - peak) / (steps - 1 - peak), 1.0)
    rise = high + (low - high) * (1 + cos(pi * share)) / 2
    return where(t - 1 <= peak, fall, rise)


@schedule(requires=[("pct * steps >= 1", lambda steps, pct, **_: pct * steps >= 1)])
def one_cycle_optax(t, *, lr, steps, pct=0.3, div=25, final_div=1e4):
    """optax's cosine_onecycle_schedule: the peak at t = int(pct * steps) + 1, the end a step later.

    >>> [one_cycle_optax(lr=8, steps=4, pct=0.5, div=8, final_div=2)(t) for t in (1, 3, 5, 6)]
    [1.0, 8.0, 0.5, 0.5]
    """
    peak = floor(pct * steps)
    first = lr / div
    last = first / final_div
    rise = lr + (first - lr) * (1 + cos(pi * minimum((t - 1) / peak, 1.0))) / 2
    share = minimum((t - 1 - peak) / (steps - peak), 1.0)
    fall = last + (lr - last) * (1 + cos(pi * share)) / 2
    return where(t - 1 < peak, rise, fall)


class ReduceOnPlateau:
    """Multiply the rate by ``factor`` when a metric has stopped improving.

    Call :meth:`observe` with the metric, once an epoch, say; as a hyperparameter the object gives
    the current rate, whatever t. It pickles with what it has seen.

    lr : first rate. patience : how many checks without improvement are tolerated; the next one
    cuts. optax's patience is one more for the same effect. threshold : relative improvement that
    counts. cooldown : checks after a cut that are not counted. mode : "min" or "max".
    lr_min : the rate never goes below. Source: torch's ReduceLROnPlateau.

    >>> plateau = ReduceOnPlateau(lr=1.0, factor=0.5, patience=1)
    >>> [plateau.observe(loss) for loss in (3, 2, 2, 2, 2, 2)]
    [1.0, 1.0, 1.0, 0.5, 0.5, 0.25]
    """

    def __init__(
        self, *, lr, factor=0.1, patience=10, threshold=1e-4, cooldown=0, lr_min=0, mode="min"
    ):
        for name, value in {
            "lr": lr,
            "factor": factor,
            "patience": patience,
            "threshold": threshold,
            "lr_min": lr_min,
        }.items():
            _check_argument("ReduceOnPlateau", name, value)
        _check_argument("ReduceOnPlateau, cooldown", "patience", cooldown)
        if lr_min > lr:
            raise ValueError(f"ReduceOnPlateau needs lr_min <= lr, got lr_min={lr_min}, lr={lr}")
        if mode not in ("min", "max"):
            raise ValueError(f'ReduceOnPlateau: mode must be "min" or "max", got {mode!r}')
        self.lr, self.factor, self.patience, self.threshold = lr, factor, patience, threshold
        self.cooldown, self.lr_min, self.mode = cooldown, lr_min, mode
        self.best = None
        self.bad = self.cooling = 0

    def __call__(self, t):
        """The current rate; t does not matter."""
        return self.lr

    def observe(self, metric):
        """Take in one value of the metric; returns the rate from now on. nan raises ValueError."""
        if isinstance(metric, (str, bytes, type(None))):
            raise TypeError(f"the metric must be a number, got {metric!r}")
        metric = float(metric)
        if math.isnan(metric):
            raise ValueError(
                "the metric is nan: the run has diverged, and a lower rate will not bring it back"
            )
        if self.best is None or self._better(metric):
            self.best, self.bad = metric, 0
        else:
            self.bad += 1
        if self.cooling > 0:
            self.cooling -= 1
            self.bad = 0
        if self.bad > self.patience:
            self.lr = max(self.lr * self.factor, self.lr_min)
            self.cooling, self.bad = self.cooldown, 0
        return self.lr

    def _better(self, metric):
        if self.mode == "min":
            return metric < self.best * (1 - self.threshold)
        return metric > self.best * (1 + self.threshold)

    def __repr__(self):
        return f"<ReduceOnPlateau: lr={self.lr:g}, best={self.best}>"


reduce_on_plateau = ReduceOnPlateau  # spelt like the schedules


class CountedFromZero:
    """A function of k = 0, 1, ... as a schedule of t = k + 1. Made by :func:`counted_from_zero`."""

    def __init__(self, function):
        self.function = function

    def __call__(self, t):
        return self.function(t - 1)

    def __repr__(self):
        return f"counted_from_zero({self.function!r})"


def counted_from_zero(function):
    """Use a function that counts steps from 0, such as an optax schedule, as a schedule of t.

    >>> counted_from_zero(lambda k: 10 + k)(1)
    10
    """
    if isinstance(function, Schedule) or not callable(function):
        raise TypeError(f"counted_from_zero needs a function of the step k, got {function!r}")
    return CountedFromZero(function)


for _s in (
    constant,
    step,
    multi_step,
    exponential,
    inverse_t,
    inverse_sqrt,
    polynomial,
    cosine,
    cosine_torch,
    cosine_restarts,
    warmup,
    warmup_from,
    warmup_cosine,
    warmup_linear,
    wsd,
    one_cycle,
    one_cycle_momentum,
    one_cycle_optax,
):
    _SCHEDULES[_s.name] = _s
ALL = _SCHEDULES
