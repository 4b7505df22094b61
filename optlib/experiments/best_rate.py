"""Where does the best step size go when batch, width or duration change?

A tanh network on the digits, momentum and Adam, one thing changed at a time; the training loss at
the end of a run with a constant step size judges.
"""

import math

import numpy as np

from .. import tasks, training
from .record import Claim, _settings

CHAPTER = "11_choosing_and_debugging"
NOT_FIXED_BEFORE = (
    "the grid of momentum was made one decade longer after a first run, since its best value at "
    "batch 512 lay on the edge"
)
METHODS = {"momentum": (-2.5, 1.5), "adam": (-4.0, -1.0)}
BASE = {"batch": 32, "width": 128, "steps": 200}
AXES = {"batch": (8, 32, 128, 512), "width": (32, 128, 512), "steps": (50, 200, 800)}
PARAMETERS = {
    "task": "digits",
    "model": "tanh MLP 64-width-width-10, torch's default start, cross-entropy",
    "methods": "momentum (beta = 0.9) and adam, constant step size, the rest at its default",
    "base": BASE,
    "axes": {k: list(v) for k, v in AXES.items()},
    "grid": (
        "half decades, 10^-2.5 to 10^1.5 for momentum, 10^-4 to 10^-1 for adam; momentum's was "
        "one decade shorter at first, and its best value at batch 512 lay on the edge"
    ),
    "grids": {m: list(v) for m, v in METHODS.items()},
    "seeds": [0, 1, 2, 3, 4],
    "best": (
        "for each seed the vertex of the parabola through the lowest log training loss and its two "
        "neighbours in log step size; a lowest value on the edge of the grid is flagged"
    ),
    "criterion": (
        "fixed before the run, on the slope of log best step size against log of what changes, "
        "least squares for each seed, mean over seeds with its 95 % interval: the best step size "
        "grows with the batch if the interval lies above 0, linearly if it covers 1, as the "
        "square root if it covers 1/2; it falls with the width (duration) if the interval lies "
        "below 0; it transfers if it lies within -0.1 and 0.1"
    ),
}


def _grid(method):
    low, high = METHODS[method]
    return [float(f"{10**e:.4g}") for e in np.arange(low, high + 0.1, 0.5)]


def plan(done):
    """Every point of every axis with every step size and seed; the base once."""
    points = [{**BASE, axis: v} for axis, values in AXES.items() for v in values]
    points = [p for i, p in enumerate(points) if p not in points[:i]]
    return [
        {"method": m, **p, "lr": lr, "seed": s}
        for m in METHODS
        for p in points
        for lr in _grid(m)
        for s in PARAMETERS["seeds"]
    ]


def one(method, batch, width, steps, lr, seed, run=None):
    """The training loss at the end; None where it diverged. run : fewer steps."""
    history = training.train(
        tasks.digits(),
        tasks.mlp((64, width, width, 10), "tanh"),
        method,
        lr=lr,
        seed=seed,
        batch_size=batch,
        steps=run or steps,
        record_every=run or steps,
    )
    return {"loss": history.final_loss}


def shorten(run):
    """A whole short run with a step size from the lower half of its grid."""
    rates = _grid(run["method"])
    if run["lr"] > rates[len(rates) // 2 - 1] or run["steps"] > 400:
        return None
    return _settings(run), run["result"]


def best(losses, rates):
    """(best step size by the parabola through the lowest of the log losses, on the edge or not)."""
    y = [math.inf if v is None else math.log(v) for v in losses]
    k = int(np.argmin(y))
    if k in (0, len(y) - 1) or not all(map(math.isfinite, y[k - 1 : k + 2])):
        return rates[k], k in (0, len(y) - 1)
    a, b, c = y[k - 1 : k + 2]
    shift = (a - c) / (2 * (a - 2 * b + c))
    return float(10 ** (math.log10(rates[k]) + 0.5 * shift)), False


def summary(runs):
    """For each method and axis the best step sizes, their slope, and the verdict."""
    table = {}
    for m in METHODS:
        table[m] = {}
        rates = _grid(m)
        for axis, values in AXES.items():
            logs, edges = [], []
            for s in PARAMETERS["seeds"]:
                row = []
                for v in values:
                    point = {"method": m, **BASE, axis: v, "seed": s}
                    mine = {r["lr"]: r["result"]["loss"] for r in runs
                            if all(r[k] == w for k, w in point.items())}  # fmt: skip
                    lr, edge = best([mine[lr] for lr in rates], rates)
                    row.append(math.log10(lr))
                    edges += [v] if edge else []
                logs.append(row)
            at = training.interval(logs)
            x = np.log10(values)
            slope = training.interval([np.polyfit(x, row, 1)[0] for row in logs])
            table[m][axis] = {
                "values": list(values),
                "lr": (10**at.mean).tolist(),
                "low": (10**at.low).tolist(),
                "high": (10**at.high).tolist(),
                "on_edge": sorted(set(edges)),
                "slope": {"mean": slope.mean, "low": slope.low, "high": slope.high},
            }
    return {"table": table}


def claims(summary):
    """The ledger's lines."""

    def slope(method, axis):
        s = summary["table"][method][axis]["slope"]
        return f"{method} {s['mean']:+.2f} [{s['low']:+.2f}, {s['high']:+.2f}]"

    def both(axis):
        return ", ".join(slope(m, axis) for m in METHODS)

    def covers(axis, value):
        found = [summary["table"][m][axis]["slope"] for m in METHODS]
        return all(s["low"] <= value <= s["high"] for s in found)

    def below(axis):
        return all(summary["table"][m][axis]["slope"]["high"] < 0 for m in METHODS)

    return [
        Claim("The best step size grows in proportion to the batch.", "the linear scaling rule",
              f"slope: {both('batch')}", covers("batch", 1)),
        Claim("The best step size grows as the root of the batch.", "the square-root rule",
              f"slope: {both('batch')}", covers("batch", 0.5)),
        Claim("In the standard parametrisation it falls as the network gets wider.",
              "Yang et al. 2022", f"slope: {both('width')}", below("width")),
        Claim("It falls as the run gets longer.", "ours", f"slope: {both('steps')}",
              below("steps")),
    ]  # fmt: skip
