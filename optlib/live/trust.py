"""Relative steps of a small net's layers, whose norms of weights and gradients can be moved."""

import math

import numpy as np

from .. import plots, syntax
from . import frame
from .noise_floor import deviates
from .paths import (
    as_tuple,
    cast_of,
    looks,
    plan_of,
    prediction_of,
    shown_of,
    tuned_settings,
    whole,
    written,
)

LAYERS = {  # made up: layer, norm of its weights, norm of its gradient
    "conv 1": (0.5, 1.0),
    "conv 2": (2.0, 0.1),
    "conv 3": (5.0, 0.03),
    "dense": (10.0, 0.01),
    "output": (1.0, 0.5),
}
SIZE = 8  # weights of each layer
_LIMITS = (1e-4, 1e3)
_CONTROLS = ("lr", "beta", "trust")  # a change of LAMB's averages does not change its relative step
_RATES = {"gradient_descent": 0.01, "momentum": 0.01, "nesterov": 0.01, "adam": 1e-3}


def trust(
    rules=("gradient_descent", "adam", "lars", "lamb"),
    *,
    name="trust",
    layers=tuple(LAYERS),
    weights=None,
    gradients=None,
    spread=1.0,
    steps=20,
    step=1,
    seed=1,
    shown=None,
    tune=None,
    controls=None,
    ranges=None,
    predict=None,
    **hyper,
):
    """How far each layer moves, as a share of its own norm, under several rules -> LiveFigure.

    A made-up net: every layer has 8 weights in a random direction. Its gradient has the same norm
    at every step and a direction that is half fixed, half new. Left the norms of weights and
    gradient of every layer, to be dragged; right norm(change) / norm(weights) of every layer at the
    step shown. Every rule starts from the same weights and meets the same gradients.

    rules : names of rules, or rules. layers : 2 to 6 names. weights, gradients : the norms, a
        number from 1e-4 to 1e3 for each layer (default: those of a made-up net of five layers).
    spread : exponent of all distances from the geometric mean, 0 to 2: at 0 all layers are alike.
    steps : length of the run, 1 to 200. step : the step shown first. seed : of the directions.
    hyper : values of hyperparameters: adam_lr is Adam's own, lr is one value for all.
    shown : rules drawn at first. tune : the rule whose own settings are shown.
    controls : names of hyperparameters that get a control (default: lr, beta, trust).
    ranges : {hyperparameter: (low, high)} of its control.
    predict : "bars": the reader first sets the bar of each layer under the last rule shown, then
        sees the truth and how far off it was; {"what": "bars", "rule": "adam"} says whose.

    Raises ValueError or TypeError that names the argument, its value and what is allowed.
    """
    cast = cast_of(rules)
    layers = (layers,) if isinstance(layers, str) else tuple(layers)
    named = all(isinstance(layer, str) and layer for layer in layers)
    if not 2 <= len(layers) <= 6 or not named or len(set(layers)) < len(layers):
        raise ValueError(f"layers is {layers!r}; allowed: 2 to 6 different names")
    weights = _norms("weights", weights, layers, 0)
    gradients = _norms("gradients", gradients, layers, 1)
    steps = whole("steps", steps, 1, 200)
    seed = whole("seed", seed, 0, 99)
    shown = shown_of(shown, cast)
    own = {f"{r}_lr": v for r, v in _RATES.items() if r in cast and "lr" not in hyper}
    keys = {key for r in cast.values() for key in r.hyper}
    usual = [key for key in _CONTROLS if key in keys] if controls is None else controls
    plan = plan_of(cast, {**own, **hyper}, usual, ranges or {})
    asked = prediction_of(predict, cast, shown, ("bars",))

    settings = [
        frame.integer("step", "step t", whole("step", step, 1, steps), 1, steps),
        frame.slider("spread", "norm spread", spread, 0, 2, step=0.05),
        *tuned_settings(plan, shown, tune),
        frame.Setting("weights", weights),
        frame.Setting("gradients", gradients),
        frame.Setting("shown", list(shown)),
    ]
    call = [
        ("rules", as_tuple(map(written, cast.values()))),
        ("layers", layers),
        ("steps", steps),
        ("seed", seed),
        ("controls", tuple(controls) if controls is not None else None),
        ("ranges", ranges or None),
        *((key, value) for key, value in hyper.items() if key not in plan.names),
    ]
    values = {s.name: s.value for s in settings}

    def paint(sheet):
        moves = {}
        for r in shown:
            chosen = {k: values.get(v, v) for k, v in plan.arguments[r].items()}
            norms = spread_out(weights, spread), spread_out(gradients, spread)
            moves[r] = relative_steps(cast[r], *norms, steps=step, seed=seed, hyper=chosen)[-1]
        _paint(sheet, layers, moves, step)

    return frame.build(
        "trust",
        name,
        frame.compose(
            "curves.js",
            "trust.js",
            RULES=frame.table({r.name: syntax.javascript(r, n=SIZE) for r in cast.values()}),
            LOOKS=frame.json_text(looks(cast)),
        ),
        settings,
        ", ".join(f"{key}={value}" for key, value in call if value is not None),
        f"Relative steps of {len(layers)} layers under {', '.join(map(plots.label, cast))}",
        paint,
        {
            "layers": list(layers),
            "size": SIZE,
            "steps": steps,
            "seed": seed,
            "norms": list(_LIMITS),
            "arguments": plan.arguments,
            "own": plan.own,
        },
        predict=asked,
    )


def _norms(name, values, layers, which):
    if values is None:
        made_up = list(LAYERS.values())
        values = [made_up[k % len(made_up)][which] for k in range(len(layers))]
    try:
        found = [float(v) for v in values]
    except (TypeError, ValueError):
        found = []
    low, high = _LIMITS
    if len(found) != len(layers) or not all(low <= v <= high for v in found):
        raise ValueError(
            f"{name} is {values!r}; allowed: {len(layers)} numbers from {low:g} to {high:g}"
        )
    return found


# ---------------------------------------------------------------------------- the same in NumPy


def spread_out(norms, spread):
    """The norms with their distances from the geometric mean raised to this power, list."""
    middle = math.exp(np.mean(np.log(norms)))
    low, high = _LIMITS
    return [min(high, max(low, middle * (v / middle) ** spread)) for v in norms]


def relative_steps(rule, weights, gradients, *, steps, seed=1, hyper=None):
    """norm(change) / norm(weights) of every layer at every step, float64 (steps, layers).

    weights, gradients : the norm of each layer's start and of all its gradients. hyper : values of
    hyperparameters; the others have the rule's defaults.
    """
    hyper = {**rule.hyper, **(hyper or {})}
    found = np.empty((steps, len(weights)))
    for k, (norm, slope) in enumerate(zip(weights, gradients)):
        draws = deviates(100 * seed + k, (steps + 2) * SIZE).reshape(-1, SIZE)
        units = draws / np.linalg.norm(draws, axis=1, keepdims=True)
        theta = norm * units[0]
        state = rule.init(theta)
        for t in range(1, steps + 1):
            g = units[1] + units[t + 1]
            g *= slope / np.linalg.norm(g)
            before = theta
            theta, state = rule.step(theta, g, state, t, hyper)
            found[t - 1, k] = np.linalg.norm(theta - before) / np.linalg.norm(before)
    return found


# ---------------------------------------------------------------------------- without scripts


def _paint(sheet, layers, moves, step):
    ax = sheet.subplots()
    places = np.arange(len(layers))
    for k, (rule, values) in enumerate(moves.items()):
        wide = 0.8 / len(moves)
        ax.bar(places + (k + 0.5) * wide - 0.4, values, wide, color=plots.color(rule))
        ax.bar([0], [0], color=plots.color(rule), label=plots.label(rule))
    ax.set(xticks=places, xticklabels=layers, yscale="log", ylabel="‖Δw‖ / ‖w‖")
    ax.set_title(f"relative steps at step {step}")
    if moves:
        ax.legend()
