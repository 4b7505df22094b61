"""A rule is a plain function whose signature is the algorithm box; this module runs rules.

    @rule
    def momentum(theta, g, u=0, *, t, lr=1e-2, beta=0.9):
        u = beta * u + g
        theta = theta - lr * u
        return theta, u

Positional arguments with a default are the state and its start; keyword-only arguments after t are
hyperparameters, and any of them may be a schedule: a function of the step t = 1, 2, ...

:func:`run` follows one trajectory, :func:`sweep` a whole grid of hyperparameters at once, and
:class:`Optimizer` applies a rule to the layers of a model.
"""

import difflib
import functools
import inspect
import math
import warnings
from dataclasses import dataclass, field

import numpy as np

from . import ops

# The allowed range of every hyperparameter: lowest value, highest value, whether the end belongs.
_RATE = (0.0, math.inf, True, False)
_SHARE = (0.0, 1.0, True, False)
_POSITIVE = (0.0, math.inf, False, False)
RANGES = {
    "lr": _RATE,
    "beta": _SHARE,
    "beta1": _SHARE,
    "beta2": _SHARE,
    "rho": _SHARE,
    "damping": (0.0, 1.0, True, True),
    "eps": _RATE,
    "l2": _RATE,
    "weight_decay": _RATE,
    "lr_decay": _RATE,
    "momentum_decay": _RATE,
    "initial_accumulator": _RATE,
    "trust": _POSITIVE,
    "clip": _POSITIVE,
    "multiplier": _RATE,
    "threshold": _RATE,
    "clip_norm": _POSITIVE,
    "centered": (0, 1, True, True),
}


def check_hyper(name, value):
    """Return a hyperparameter as a plain number, an array of numbers or a schedule, or raise.

    TypeError: not a number, an array of numbers or a function of t. ValueError: outside RANGES,
    nan or infinite.
    """
    if callable(value):
        return value
    if isinstance(value, (str, bytes, type(None), complex, dict, set)):
        raise TypeError(
            f"{name} must be a number or a schedule (a function of t), "
            f"got {value!r} ({type(value).__name__})"
        )
    if isinstance(value, (int, float)):
        _check_range(name, value)
        return value
    module = type(value).__module__.partition(".")[0]
    if module in ("torch", "jax", "jaxlib", "sympy"):
        return value
    try:
        array = np.asarray(value)
        if array.dtype == object:
            return value  # symbols
        array = array if array.dtype == bool else np.asarray(array, dtype=float)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{name} must be a number or a schedule (a function of t), got {value!r}"
        ) from error
    if array.size == 0:
        raise ValueError(f"{name} must hold at least one number, got an empty array")
    _check_range(name, array)
    return array if array.ndim else array.item()


def _check_range(name, value):
    low, high, with_low, with_high = RANGES.get(name, (-math.inf, math.inf, False, False))
    inside = (value >= low if with_low else value > low) & (
        value <= high if with_high else value < high
    )
    if np.all(inside):  # nan fails every comparison
        return
    worst = value if np.ndim(value) == 0 else np.asarray(value)[~np.asarray(inside)][0]
    left, right = "[" if with_low else "(", "]" if with_high else ")"
    ends = [f"{end:g}".replace("inf", "infinity") for end in (low, high)]
    raise ValueError(f"{name} must be a number in {left}{ends[0]}, {ends[1]}{right}, got {worst}")


class Rule:
    """An update rule that knows its own signature. Made by :func:`rule`.

    name : the function's name. state : {name: start}. hyper : {name: default}.
    at : for a rule with look-ahead, the function that says where the gradient is taken.
    """

    def __init__(self, fn, at=None):
        functools.update_wrapper(self, fn)
        self.fn, self.at, self.name = fn, at, fn.__name__
        parameters = list(inspect.signature(fn).parameters.values())
        positional = [p for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        keyword = [p for p in parameters if p.kind is p.KEYWORD_ONLY]
        if [p.name for p in positional[:2]] != ["theta", "g"] or "t" not in [
            p.name for p in keyword
        ]:
            raise TypeError(
                f"a rule is written def {self.name}(theta, g, state=0, ..., *, t, lr=..., ...); "
                f"got {self.name}{inspect.signature(fn)}"
            )
        for p in (*positional[2:], *(k for k in keyword if k.name != "t")):
            if p.default is p.empty:
                raise TypeError(
                    f"{self.name}: {p.name} needs a default, as every state and hyperparameter"
                )
        self.state = {p.name: p.default for p in positional[2:]}
        self.hyper = {p.name: p.default for p in keyword if p.name != "t"}

    def __call__(self, *args, **kwargs):
        """One step, exactly what the function returns: theta, or theta and the state."""
        return self.fn(*args, **kwargs)

    def step(self, theta, g, state, t, hyper):
        """One step -> (theta, state), the state always a tuple."""
        out = self.fn(theta, g, *state, t=t, **hyper)
        return (out[0], tuple(out[1:])) if isinstance(out, tuple) else (out, ())

    def init(self, theta):
        """The state before the first step: one array of theta's shape and type for each name."""
        return tuple(theta * 0 + start for start in self.state.values())

    def point(self, theta, state, t, hyper):
        """Where the gradient is taken: theta itself, unless the rule looks ahead."""
        if self.at is None:
            return theta
        wanted = inspect.signature(self.at).parameters
        named = {"t": t, **hyper}
        return self.at(theta, *state, **{k: v for k, v in named.items() if k in wanted})

    def check(self, hyper):
        """All hyperparameters of one run, defaults filled in and checked."""
        for name in hyper:
            if name not in self.hyper:
                near = difflib.get_close_matches(name, self.hyper, n=1)
                hint = f" Did you mean {near[0]}?" if near else ""
                raise TypeError(
                    f"{self.name} has no hyperparameter {name!r}; "
                    f"it takes {', '.join(self.hyper)}.{hint}"
                )
        return {k: check_hyper(k, v) for k, v in {**self.hyper, **hyper}.items()}

    def __repr__(self):
        values = ", ".join(f"{k}={v!r}" for k, v in self.hyper.items())
        return f"rule {self.name}({values})"

    def __reduce__(self):
        # By name: a pickle stays valid when the rule moves to another file.
        if _REGISTRY.get(self.name) is self:
            return by_name, (self.name,)
        return self.__qualname__

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


def rule(fn=None, *, at=None):
    """Turn an update function into a :class:`Rule`.

    at : ``at(theta, *state, *, hyperparameters it needs)`` gives the point where g is taken, for
        rules that look ahead. Written as a lambda, so that it can be translated as well.
    """
    return Rule(fn, at) if fn else lambda f: Rule(f, at)


_REGISTRY = {}


def register(*rules):
    """Enter rules under their names and return the registry, name -> rule, in order."""
    for r in rules:
        _REGISTRY[r.name] = r
    return _REGISTRY


def by_name(name):
    """The registered rule of this name; ValueError with the nearest names if there is none."""
    if isinstance(name, Rule):
        return name
    if name not in _REGISTRY:
        near = difflib.get_close_matches(str(name), _REGISTRY, n=3)
        hint = f" Did you mean {', '.join(near)}?" if near else f" Known: {', '.join(_REGISTRY)}."
        raise ValueError(f"there is no rule named {name!r}.{hint}")
    return _REGISTRY[name]


def now(hyper, t):
    """The hyperparameters at step t: schedules evaluated and their values checked."""
    return {k: _scheduled(k, h, t) if callable(h) else h for k, h in hyper.items()}


def _scheduled(name, schedule, t):
    value = schedule(t)
    if callable(value):
        raise TypeError(f"{name} is a schedule; at t={t} it returned another function")
    try:
        return check_hyper(name, value)
    except (TypeError, ValueError) as error:
        raise type(error)(f"at t={t}, {error}") from None


def _as_float(name, value):
    """An array of floats from numbers, lists or integer arrays; torch and JAX pass as they are."""
    library = type(value).__module__.partition(".")[0]
    if library in ("torch", "jax", "jaxlib"):
        floating = value.is_floating_point() if library == "torch" else value.dtype.kind in "fV"
        return value if floating else value * 1.0
    try:
        array = np.asarray(value)
        if array.dtype == object or array.dtype.kind in "USOmM":
            raise TypeError
        if array.dtype.kind == "c":
            raise TypeError
        return array if array.dtype.kind == "f" else array.astype(float)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be an array of real numbers, got {value!r}") from None


def _all_finite(x):
    """Whether an array has no nan and no infinity: the sum first, closer only if that fails."""
    with np.errstate(all="ignore"):
        if math.isfinite(float(x.sum())):
            return True
    kind = ops.backend(x)
    if kind == "torch":
        return bool(x.isfinite().all())
    xp = np if kind in ("numpy", "number") else ops._library(kind)
    return bool(xp.isfinite(x).all())


@dataclass(frozen=True)
class Run:
    """A trajectory.

    theta : (steps + 1, *shape), the start first. loss : (steps + 1,) or None if no loss is known.
    diverged : None, or the step whose parameters were no longer finite; the arrays end before it.
    """

    theta: np.ndarray
    loss: np.ndarray | None
    diverged: int | None = None
    state: tuple = field(default=(), repr=False)

    @property
    def message(self):
        """One line on how the run ended."""
        if self.diverged is not None:
            return f"diverged at step {self.diverged}"
        end = "" if self.loss is None else f", loss {self.loss[-1]:.3g}"
        return f"{len(self.theta) - 1} steps{end}"

    def steps_to(self, target):
        """The first step whose loss is at most target, or None."""
        if self.loss is None:
            raise ValueError("this run has no loss; pass loss=... to run")
        reached = np.flatnonzero(self.loss <= target)
        return int(reached[0]) if len(reached) else None

    def __repr__(self):
        return f"<Run: {self.message}>"


def _gradient_and_loss(target, loss):
    """A surface brings its gradient and itself as the loss; a function is the gradient."""
    grad = getattr(target, "grad", None)
    if grad is not None:
        return grad, loss or target
    if not callable(target):
        raise TypeError(
            "the second argument must be a surface or a function theta -> gradient, "
            f"got {type(target).__name__}"
        )
    return target, loss


def _check_steps(steps):
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 0:
        raise ValueError(f"steps must be a whole number, 0 or more, got {steps!r}")
    return int(steps)


def _refuse_zero_over_zero(theta, g, hyper, where):
    eps = hyper.get("eps")
    if eps is None or np.any(np.asarray(eps) != 0):
        return
    if np.any(np.isnan(np.asarray(theta)) & np.isfinite(np.asarray(g))):
        raise ValueError(
            f"eps must be positive here, got 0: {where} divided 0 by 0, "
            "since a coordinate's gradient has been exactly zero"
        )


def run(rule, target, start, steps, *, loss=None, **hyper):
    """Follow a rule from a start -> :class:`Run`.

    target : a surface, or a function theta -> gradient (same shape as theta).
    start : array or number, finite. steps : number of steps. loss : optional theta -> loss.
    hyper : the rule's hyperparameters; numbers or schedules.

    The run ends early, with ``diverged`` set, when a parameter is no longer finite.

    >>> from optlib.rules import gradient_descent
    >>> run(gradient_descent, lambda x: 2 * x, 1.0, 3, lr=0.25).theta
    array([1.   , 0.5  , 0.25 , 0.125])
    """
    rule = by_name(rule)
    grad, loss = _gradient_and_loss(target, loss)
    hyper, steps = rule.check(hyper), _check_steps(steps)
    theta = np.array(_as_float("start", start), dtype=float)
    if not _all_finite(theta):
        raise ValueError(f"start must be finite, got {start!r}")
    for name, value in hyper.items():
        if np.ndim(value) > 0:
            raise ValueError(f"{name} must be one number in run, got {np.shape(value)}; use sweep")
    state, path, diverged = rule.init(theta), [theta], None
    with np.errstate(all="ignore"):
        for t in range(1, steps + 1):
            h = now(hyper, t)
            g = np.asarray(grad(rule.point(theta, state, t, h)))
            if g.shape != theta.shape:
                raise ValueError(f"the gradient has shape {g.shape}, theta has {theta.shape}")
            theta, state = rule.step(theta, g, state, t, h)
            if not _all_finite(np.asarray(theta)):
                _refuse_zero_over_zero(theta, g, h, f"{rule.name} at step {t}")
                diverged = t
                break
            path.append(theta)
        path = np.array(path)
        losses = None if loss is None else np.array([float(loss(x)) for x in path])
    return Run(path, losses, diverged, state)


@dataclass(frozen=True)
class Sweep:
    """The end of many runs, one for each cell of a hyperparameter grid of shape G.

    theta : (*shape, *G), the last parameters; nan or inf where a run diverged.
    finite : (*G) bool, whether the last parameters are finite.
    loss, best : (*G), the last and the smallest loss reached (None without a loss).
    steps_to : (*G), the first step with loss <= target, -1 where never (None without a target).
    """

    theta: np.ndarray
    finite: np.ndarray
    loss: np.ndarray | None = None
    best: np.ndarray | None = None
    steps_to: np.ndarray | None = None

    def __repr__(self):
        bad = int((~self.finite).sum())
        return f"<Sweep: {self.finite.size} runs, {bad} diverged>"


# Runs are taken in blocks whose arrays stay in the processor's cache.
_BLOCK = 8192


def sweep(rule, target, start, steps, *, loss=None, goal=None, **hyper):
    """Run a whole grid of hyperparameters at once -> :class:`Sweep`, equal to single runs.

    target : a surface, or a function theta -> gradient that works on arrays (*shape, runs).
    start : array of any shape. steps : number of steps.
    loss : optional theta (*shape, runs) -> (runs,). goal : a loss whose first step is recorded.
    hyper : numbers, schedules, or arrays that broadcast against each other to the grid's shape G.

    >>> from optlib.rules import gradient_descent
    >>> sweep(gradient_descent, lambda x: 2 * x, [1.0], 3, lr=np.array([0.25, 0.5])).theta
    array([[0.125, 0.   ]])
    """
    rule = by_name(rule)
    grad, loss = _gradient_and_loss(target, loss)
    hyper, steps = rule.check(hyper), _check_steps(steps)
    if goal is not None and loss is None:
        raise ValueError("goal needs a loss: pass a surface or loss=...")
    start = np.array(_as_float("start", start), dtype=float)
    if not _all_finite(start):
        raise ValueError(f"start must be finite, got {start!r}")
    arrays = {k: v for k, v in hyper.items() if not callable(v) and np.ndim(v) > 0}
    grid = np.broadcast_shapes(*(v.shape for v in arrays.values()))
    flat = {k: np.broadcast_to(v, grid).ravel() for k, v in arrays.items()}
    cells = int(np.prod(grid))
    blocks = []
    with np.errstate(all="ignore"), ops.run_axes(1):
        for first in range(0, cells, _BLOCK):
            part = slice(first, min(first + _BLOCK, cells))
            h = {**hyper, **{k: v[part] for k, v in flat.items()}}
            runs = part.stop - part.start
            blocks.append(_sweep_block(rule, grad, loss, start, steps, h, runs, goal))
    theta, finite, last, best, reached = (
        None if column[0] is None else np.concatenate(column, axis=-1)
        for column in zip(*blocks, strict=True)
    )
    return Sweep(
        theta.reshape(*start.shape, *grid),
        finite.reshape(grid),
        *(None if x is None else x.reshape(grid) for x in (last, best, reached)),
    )


def _sweep_block(rule, grad, loss, start, steps, hyper, runs, goal):
    theta = np.repeat(start[..., None], runs, axis=-1)
    state = rule.init(theta)
    last = best = reached = None
    if loss is not None:
        last = np.array(loss(theta), dtype=float)
        best = last.copy()
        if goal is not None:
            reached = np.where(last <= goal, 0, -1)
    for t in range(1, steps + 1):
        h = now(hyper, t)
        g = np.asarray(grad(rule.point(theta, state, t, h)))
        if g.shape != theta.shape:
            raise ValueError(f"the gradient has shape {g.shape}, theta has {theta.shape}")
        theta, state = rule.step(theta, g, state, t, h)
        if loss is not None:
            last = np.asarray(loss(theta))
            best = np.fmin(best, last)
            if goal is not None:
                reached[(reached < 0) & (last <= goal)] = t
    finite = np.isfinite(theta).all(axis=tuple(range(theta.ndim - 1)))
    return theta, finite, last, best, reached


class Optimizer:
    """A rule applied to the layers of a model: a dict or list of arrays, or a single array.

    rule : a rule or its name. params : the layers (NumPy, torch or JAX arrays), not modified.
    l2 : penalty strength; l2 * theta is added to the gradient (coupled, as opposed to the
        decoupled ``weight_decay`` of rules such as adamw).
    clip_norm : if set, all gradients together are scaled down to at most this Euclidean norm.
    groups : list of (select, overrides). The first ``select(name, array)`` that is true gives that
        layer its own hyperparameters; l2 may be among them.
    hyper : hyperparameters of the rule, numbers or schedules of t.

    State and step count pickle, copy and resume exactly: the rule and schedules pickle by name.

    >>> opt = Optimizer("gradient_descent", {"w": np.ones(2)}, lr=0.5)
    >>> opt.step({"w": np.ones(2)}, {"w": np.array([1.0, 2.0])})
    {'w': array([0.5, 0. ])}
    """

    def __init__(self, rule, params, *, l2=0, clip_norm=None, groups=(), **hyper):
        self.rule = by_name(rule)
        layers = self._layers("params", params)
        if clip_norm is not None:
            clip_norm = check_hyper("clip_norm", clip_norm)
        base = {**self.rule.check(hyper), "l2": check_hyper("l2", l2)}
        self.clip_norm, self.t = clip_norm, 0
        self.hyper = {name: base | self._override(name, x, groups) for name, x in layers.items()}
        for h in self.hyper.values():
            _warn_if_decay_overshoots(h)
        self.state = {name: self.rule.init(x) for name, x in layers.items()}

    def _override(self, name, array, groups):
        for entry in groups:
            try:
                select, overrides = entry
            except (TypeError, ValueError):
                raise TypeError(
                    "groups must be a list of (select(name, array), {hyperparameter: value}), "
                    f"got {entry!r}"
                ) from None
            if select(name, array):
                own = {k: v for k, v in overrides.items() if k != "l2"}
                checked = self.rule.check(own)
                result = {k: checked[k] for k in own}
                if "l2" in overrides:
                    result["l2"] = check_hyper("l2", overrides["l2"])
                return result
        return {}

    @staticmethod
    def _layers(what, tree):
        """A dict of float arrays from a dict, a list or tuple, or a single array."""
        if isinstance(tree, dict):
            items = tree
        elif isinstance(tree, (list, tuple)):
            if any(isinstance(x, (int, float)) for x in tree):
                raise TypeError(
                    f"{what} is a list of numbers; pass np.array({what}) for one layer, "
                    "or a list of arrays for several"
                )
            items = dict(enumerate(tree))
        else:
            items = {None: tree}
        if not items:
            raise ValueError(f"{what} must hold at least one layer, got none")
        label = {k: what if k is None else f"{what}[{k!r}]" for k in items}
        return {k: _as_float(label[k], x) for k, x in items.items()}

    def point(self, params):
        """Where the gradients must be taken: ahead of params for a rule that looks ahead."""
        layers = self._layers("params", params)
        t = self.t + 1
        points = {}
        for k, x in layers.items():
            h = now(self.hyper[k], t)
            h.pop("l2")
            points[k] = self.rule.point(x, self.state[k], t, h)
        return _like(params, points)

    def step(self, params, grads, *, at_point=False, check=True):
        """One update -> new parameters in the shape of params; params and grads stay as they are.

        at_point : say True when grads were taken at ``opt.point(params)``; needed for rules that
            look ahead, refused for no other. check=False leaves out the tests for nan and inf.
        Raises before any state has changed: ValueError for a gradient that is not finite, has
        another shape or is missing; FloatingPointError when the new parameters are not finite.
        """
        if self.rule.at is not None and not at_point:
            raise ValueError(
                f"{self.rule.name} needs gradients taken at opt.point(params): compute them there "
                "and call step(params, grads, at_point=True)"
            )
        layers, slopes = self._layers("params", params), self._layers("grads", grads)
        self._match(layers, slopes, check)
        t = self.t + 1
        scale = self._clip(slopes)
        new_params, new_state = {}, {}
        with np.errstate(all="ignore"):
            for k, x in layers.items():
                h = now(self.hyper[k], t)
                l2 = h.pop("l2")
                g = slopes[k] if scale is None else slopes[k] * scale
                if not (isinstance(l2, (int, float)) and l2 == 0):
                    g = g + l2 * x
                new_params[k], new_state[k] = self.rule.step(x, g, self.state[k], t, h)
                if check and not _all_finite(new_params[k]):
                    name = "" if k is None else f" of layer {k!r}"
                    _refuse_zero_over_zero(new_params[k], g, h, f"step {t}{name}")
                    raise FloatingPointError(
                        f"step {t} of {self.rule.name} would make a parameter{name} nan or "
                        "infinite; nothing was changed. Lower lr or clip the gradient."
                    )
        self.t, self.state = t, new_state
        return _like(params, new_params)

    def _match(self, layers, slopes, check):
        for what, found in (("params", layers), ("grads", slopes)):
            if found.keys() != self.state.keys():
                missing = [k for k in self.state if k not in found]
                extra = [k for k in found if k not in self.state]
                raise ValueError(
                    f"{what} must hold the layers this optimizer was made for; "
                    f"missing {missing}, unknown {extra}"
                )
        for k, g in slopes.items():
            name = "the gradient" if k is None else f"the gradient of layer {k!r}"
            if tuple(g.shape) != tuple(layers[k].shape):
                raise ValueError(
                    f"{name} has shape {tuple(g.shape)}, its parameters {tuple(layers[k].shape)}"
                )
            if check and not _all_finite(g):
                raise ValueError(
                    f"{name} holds nan or inf at step {self.t + 1}; nothing was changed "
                    "(check=False lets it through)"
                )
            if check and not _all_finite(layers[k]):
                raise ValueError(
                    f"params hold nan or inf at step {self.t + 1}; nothing was changed"
                )

    def _clip(self, slopes):
        if self.clip_norm is None:
            return None
        # Scaled by the largest entry, so that squares of large gradients do not overflow.
        largest = max(float(ops.abs(g).max()) for g in slopes.values())
        if largest == 0:
            return None
        total = sum(float(((g / largest) ** 2).sum()) for g in slopes.values())
        length = largest * math.sqrt(total)
        limit = self.clip_norm(self.t + 1) if callable(self.clip_norm) else self.clip_norm
        return limit / length if length > limit else None

    def state_dict(self):
        """Step count and state, to be saved; the arrays are copies."""
        return {"t": self.t, "state": {k: tuple(s * 1 for s in v) for k, v in self.state.items()}}

    def load_state_dict(self, saved):
        """Take back what :meth:`state_dict` gave; ValueError if the layers differ."""
        if saved["state"].keys() != self.state.keys():
            raise ValueError(
                f"the saved state has layers {list(saved['state'])}, "
                f"this optimizer {list(self.state)}"
            )
        self.t = saved["t"]
        self.state = {k: tuple(s * 1 for s in v) for k, v in saved["state"].items()}

    def __repr__(self):
        return f"<Optimizer {self.rule.name}: {len(self.state)} layers, step {self.t}>"


def _warn_if_decay_overshoots(hyper):
    lr, decay = hyper.get("lr"), hyper.get("weight_decay")
    if isinstance(lr, (int, float)) and isinstance(decay, (int, float)) and lr * decay > 1:
        warnings.warn(
            f"lr * weight_decay = {lr * decay:g} is above 1: decay alone flips the sign of the "
            "weights at every step",
            stacklevel=3,
        )


def _like(tree, items):
    """The layers in the container they came in."""
    if isinstance(tree, dict):
        return items
    if isinstance(tree, (list, tuple)):
        return type(tree)(items[i] for i in range(len(tree)))
    return items[None]
