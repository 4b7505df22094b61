"""Weights whose length does not matter, under random gradients: where their norm settles."""

import math

import numpy as np

from .. import plots, syntax
from ..rule import by_name
from . import frame
from .noise_floor import deviates
from .paths import whole

PULLS = ("decoupled", "L2")
_BLOCK = 8  # the rule is compiled for so many weights at once
_INKS = (plots.ACCENT, plots.SECOND)


def equilibrium(
    *,
    name="equilibrium",
    lr=0.01,
    weight_decay=0.5,
    beta1=0.9,
    beta2=0.99,
    pull="decoupled",
    size=1.0,
    starts=(0.05, 5.0),
    d=32,
    steps=1000,
    step=None,
    seed=1,
    controls=("lr", "weight_decay", "beta1", "pull", "size"),
):
    """AdamW on weights whose direction alone counts, from two norms -> LiveFigure.

    Gradients are random, orthogonal to the weights and inversely proportional to their norm (see
    :func:`wander`). Left the norm at every step, with both starts to be dragged; right the relative
    step, norm(change) / norm(weights); dotted, where the random walk settles under AdamW.

    pull : "decoupled" (AdamW), or "L2": weight_decay * w is added to the gradient.
    size : the gradients' size, 0.001 to 1000, shown under L2, where it matters. starts : the two
        first norms, from 0.001 to 1000.
    d : number of weights, a multiple of 8 up to 256. steps : 50 to 5000, d * steps <= 200,000.
    step : the step shown first (default: the last). seed : of the gradients.
    controls : which of lr, weight_decay, beta1, pull, size get one.

    Raises ValueError that names the argument, its value and what is allowed.
    """
    d = whole("d", d, _BLOCK, 256)
    if d % _BLOCK:
        raise ValueError(f"d is {d}; allowed: a multiple of {_BLOCK} up to 256")
    steps = whole("steps", steps, 50, 5000)
    if d * steps > 200_000:
        raise ValueError(f"steps is {steps}; with {d} weights at most {200_000 // d}")
    step = steps if step is None else whole("step", step, 0, steps)
    seed = whole("seed", seed, 0, 99)
    starts = _starts(starts)
    frame.in_range("beta2", beta2, 0, 0.9999)
    settings = [
        frame.integer("step", "step t", step, 0, steps),
        frame.log_slider("lr", "step size η", lr, 1e-4, 0.1),
        frame.log_slider("weight_decay", "decay λ", weight_decay, 0.01, 10),
        frame.slider("beta1", "average β₁", beta1, 0, 0.99, step=0.01),
        frame.choice("pull", "decay", PULLS, pull, ("beside the step", "in the gradient (L2)")),
        frame.log_slider("size", "gradient size", size, 1e-3, 1e3),
    ]
    names = [s.name for s in settings[1:]]
    for key in controls:
        if key not in names:
            raise ValueError(f"controls holds {key!r}; allowed: {', '.join(map(repr, names))}")
    for k, s in enumerate(settings):
        if s.name in names and s.name not in controls:
            settings[k] = frame.Setting(s.name, s.value, choices=s.choices, limits=s.limits)
    settings.append(frame.Setting("starts", starts))
    rule = by_name("adamw")
    hyper = {"lr": lr, "weight_decay": weight_decay, "beta1": beta1, "beta2": beta2}
    call = [f"d={d}", f"steps={steps}", f"seed={seed}", f"beta2={beta2!r}"]
    return frame.build(
        "equilibrium",
        name,
        frame.compose("curves.js", "equilibrium.js", RULE=syntax.javascript(rule, n=_BLOCK)),
        settings,
        ", ".join([*call, f"controls={tuple(controls)!r}"]),
        f"Norm and relative step of {d} scale-invariant weights under AdamW",
        lambda sheet: _paint(sheet, starts, d, steps, seed, pull, size, hyper),
        {"d": d, "steps": steps, "seed": seed, "beta2": beta2, "block": _BLOCK},
    )


def settled(*, lr, weight_decay, beta1, d):
    """Norm and relative step of the random walk under AdamW in the long run, v settled -> floats.

    The stationary covariance of weights and average; for lr * weight_decay far below 1 - beta1
    the norm is sqrt(lr d / (2 weight_decay)) and beta1 is gone from it.
    """
    decay = lr * weight_decay
    kept = beta1 * (1 - decay)
    square = lr * (1 - beta1) * (1 + kept) / (weight_decay * (1 + beta1) * (2 - decay) * (1 - kept))
    return math.sqrt(square * d), math.sqrt(2 * decay * (1 - beta1) / (1 + kept))


def wander(
    rule, starts, *, steps, d=1000, size=1.0, l2=0.0, seed=0, every=200, draws=None, **hyper
):
    """Norms and relative steps of scale-invariant weights -> (t, norms, relative).

    Each gradient is random, orthogonal to the weights w (as where the loss depends on w / norm(w)
    alone) and about size * sqrt(d) / norm(w) long. All starts have one direction and meet the same
    draws.

    rule : a rule or its name. starts : norms of the first weights. l2 : l2 * w is added to the
    gradient. every : steps between two records. draws : (steps + 1, d) deviates, the start's
    direction first, in place of seeded ones. hyper : the rule's hyperparameters.
    t : (records,). norms : (records, starts), before the step. relative : norm(change) / norm(w).
    """
    rule = by_name(rule)
    hyper = {**rule.hyper, **rule.check(hyper)}
    deviate = np.random.default_rng(seed).standard_normal
    first = deviate(d) if draws is None else draws[0]
    w = np.asarray(starts, dtype=float)[:, None] * first / np.linalg.norm(first)
    state, records = rule.init(w), []
    for t in range(1, steps + 1):
        z = deviate(d) if draws is None else draws[t]
        squared = (w * w).sum(1, keepdims=True)
        g = size * (z - (w @ z)[:, None] / squared * w) / np.sqrt(squared)
        new, state = rule.step(w, g + l2 * w, state, t, hyper)
        if t % every == 0:
            norm = np.sqrt(squared[:, 0])
            records.append((t, norm, np.linalg.norm(new - w, axis=1) / norm))
        w = new
    t, norms, relative = zip(*records, strict=True)
    return np.array(t), np.array(norms), np.array(relative)


def drawn(starts, d, steps, seed, pull, size, hyper):
    """What the figure draws: :func:`wander` at every step, with the browser's random numbers."""
    draws = deviates(seed, (steps + 1) * d).reshape(steps + 1, d)
    own, l2 = dict(hyper), 0.0
    if pull == "L2":
        own["weight_decay"], l2 = 0.0, hyper["weight_decay"]
    return wander("adamw", starts, steps=steps, d=d, size=size, l2=l2, every=1, draws=draws, **own)


def _starts(starts):
    try:
        found = [float(v) for v in starts]
    except (TypeError, ValueError):
        found = []
    if len(found) != 2 or not all(1e-3 <= v <= 1e3 for v in found):
        raise ValueError(f"starts is {starts!r}; allowed: two numbers from 0.001 to 1000")
    return found


def _paint(sheet, starts, d, steps, seed, pull, size, hyper):
    t, norms, relative = drawn(starts, d, steps, seed, pull, size, hyper)
    shared = {k: v for k, v in hyper.items() if k != "beta2"}
    levels = settled(d=d, **shared) if pull == "decoupled" else (None, None)
    names = "norm ‖w‖", "relative step ‖Δw‖ / ‖w‖"
    for ax, values, level, what in zip(sheet.subplots(1, 2), (norms, relative), levels, names):
        for k, start in enumerate(starts):
            ax.semilogy(t, values[:, k], color=_INKS[k], label=f"from {start:g}")
        if level:
            ax.axhline(level, color="black", linestyle=":", linewidth=1, label="theory")
        ax.set(xlabel="step t", title=what)
        ax.legend()
