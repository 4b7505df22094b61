"""Does momentum help, on one example a step and on all of them?

Ridge-penalised logistic regression on the breast-cancer data, twice: 20 epochs of single examples,
and 250 steps of the whole training part. The same data, the same model; the step size is tuned
for every beta and both batch sizes. Wang et al. 2023 (arXiv:2307.15196): where gradient noise
forces a small step, SGD with and without momentum behave alike.
"""

import functools
import math

import numpy as np

from .. import tasks, training
from ..rules import momentum
from .record import Claim

# Where the batch is one example the grid is one of lr / (1 - beta), else of lr.
CHAPTER = "03_momentum"
PARAMETERS = {
    "task": "breast cancer, 455 training examples, 30 standardised features and a constant",
    "model": "logistic regression, ridge/2 * squared norm of all weights, float64",
    "ridge": 1e-4,
    "betas": [0.0, 0.5, 0.9, 0.99],
    "steps": {"one": 20 * 455, "all": 250},
    "grid": (
        "eighths of a decade; one example: lr / (1 - beta) from 10^-2.5 to 10^0; all examples: lr "
        "from 10^-1 to 10^1.75; best by the mean of log10 of the final gap"
    ),
    "start": "normal weights of standard deviation 31^-0.5 and the examples' order, by the seed",
    "tuning_seeds": [100, 101, 102],
    "seeds": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    "measured": (
        "penalised training loss minus its minimum; one example: mean of 7 records in the last "
        "epoch; all examples: at the last step"
    ),
    "criterion": (
        "momentum helps at a batch size if for some beta the geometric mean of the final gap is at "
        "most a tenth of that at beta = 0, intervals of the logarithm apart; it makes little "
        "difference if for no beta it is below a half; the verdicts are opposite if it helps with "
        "all examples and makes little difference with one"
    ),
    "fixed": (
        "after pilots with 2 and 3 seeds, in which 500 steps of all examples brought the gap down "
        "to rounding and the best lr to the edge of a shorter grid, and before these runs"
    ),
}


@functools.cache
def _data():
    """(examples, 31) features with a constant, (examples,) labels -1 and 1."""
    task = tasks.breast_cancer().numpy()
    constant = np.ones((len(task.x_train), 1))
    return np.hstack([task.x_train, constant]), 2.0 * task.y_train - 1


def loss(w):
    """The penalised mean loss of the weights (31,) over all training examples."""
    x, y = _data()
    return np.logaddexp(0, -y * (x @ w)).mean() + PARAMETERS["ridge"] / 2 * (w @ w)


def gradient(w, rows=slice(None)):
    """Gradient (31,) of the penalised mean loss over some rows of the training data."""
    x, y = _data()
    x, y = x[rows], y[rows]
    with np.errstate(over="ignore"):
        share = -y / (1 + np.exp(y * (x @ w)))
    return share @ x / len(x) + PARAMETERS["ridge"] * w


def hessian(w):
    """Hessian (31, 31) of the penalised mean loss."""
    x, _ = _data()
    p = 1 / (1 + np.exp(-(x @ w)))
    return (x.T * (p * (1 - p))) @ x / len(x) + PARAMETERS["ridge"] * np.eye(x.shape[1])


@functools.cache
def minimiser():
    """The weights of least loss, by Newton's method from zero."""
    w = np.zeros(_data()[0].shape[1])
    for _ in range(30):
        w = w - np.linalg.solve(hessian(w), gradient(w))
    return w


def _grid(batch, beta):
    low, high = (-2.5, 0.0) if batch == "one" else (-1.0, 1.75)
    scale = 1 - beta if batch == "one" else 1.0
    exponents = np.arange(low, high + 0.01, 0.125)
    return [float(f"{scale * 10**e:.4g}") for e in exponents]


def _best(batch, beta, runs):
    """The step size with the smallest mean log10 gap over the tuning seeds, and all the means."""
    means = {}
    for lr in _grid(batch, beta):
        found = [
            r["result"]["gap"][-1]
            for r in runs
            if (r["batch"], r["beta"], r["lr"]) == (batch, beta, lr)
            and r["seed"] in PARAMETERS["tuning_seeds"]
        ]
        finite = found and all(g is not None for g in found)
        means[lr] = float(np.mean(np.log10(found))) if finite else math.inf
    return min(means, key=means.get), means


def plan(done):
    """The grids with the tuning seeds first; then every beta at its best with fresh seeds."""
    pairs = [(batch, beta) for batch in PARAMETERS["steps"] for beta in PARAMETERS["betas"]]
    tuning = [
        {"batch": batch, "beta": beta, "lr": lr, "seed": s}
        for batch, beta in pairs
        for lr in _grid(batch, beta)
        for s in PARAMETERS["tuning_seeds"]
    ]
    finished = [{k: r[k] for k in ("batch", "beta", "lr", "seed")} for r in done]
    if any(settings not in finished for settings in tuning):
        return tuning
    final = [
        {"batch": batch, "beta": beta, "lr": _best(batch, beta, done)[0], "seed": s}
        for batch, beta in pairs
        for s in PARAMETERS["seeds"]
    ]
    return tuning + final


def _order(count, rng):
    """Rows one by one for ever, in a new order in each epoch."""
    while True:
        yield from rng.permutation(count)


def one(batch, beta, lr, seed, steps=None):
    """One run: the gap for every epoch (one example: its mean) or every 25 steps (all)."""
    count, size = _data()[0].shape
    rng = np.random.default_rng(seed)
    w, u = rng.normal(size=size) / math.sqrt(size), np.zeros(size)
    rows, floor, gaps = _order(count, rng), loss(minimiser()), []
    single = batch == "one"
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(1, (steps or PARAMETERS["steps"][batch]) + 1):
            g = gradient(w, [next(rows)]) if single else gradient(w)
            w, u = momentum(w, g, u, t=t, lr=lr, beta=beta)
            if t % (65 if single else 25) == 0:
                gaps.append(loss(w) - floor)
    curve = np.reshape(gaps, (-1, 7)).mean(1) if single else np.array(gaps)
    tuning = seed in PARAMETERS["tuning_seeds"]
    return {"gap": curve[-1:] if tuning else curve}


def summary(runs):
    """For each batch and beta: best lr, final gap with its interval, and the verdicts."""
    table, verdict = {}, {}
    for batch in PARAMETERS["steps"]:
        rows = {}
        for beta in PARAMETERS["betas"]:
            lr, means = _best(batch, beta, runs)
            final = [
                r["result"]["gap"][-1]
                for r in runs
                if (r["batch"], r["beta"], r["lr"]) == (batch, beta, lr)
                and r["seed"] in PARAMETERS["seeds"]
            ]
            gap = training.interval(np.log10(final))
            rows[str(beta)] = {
                "lr": lr,
                "effective_lr": lr / (1 - beta),
                "on_edge": lr in (_grid(batch, beta)[0], _grid(batch, beta)[-1]),
                "log10_gap": gap.mean,
                "low": gap.low,
                "high": gap.high,
                "tuning": {f"{k:g}": v for k, v in means.items()},
            }
        plain = rows[str(PARAMETERS["betas"][0])]
        others = [rows[str(beta)] for beta in PARAMETERS["betas"][1:]]
        helps = [
            row["log10_gap"] <= plain["log10_gap"] - 1 and row["high"] < plain["low"]
            for row in others
        ]
        little = all(row["log10_gap"] >= plain["log10_gap"] - math.log10(2) for row in others)
        verdict[batch] = "helps" if any(helps) else "little difference" if little else "neither"
        table[batch] = rows
    return {
        "minimum": loss(minimiser()),
        "curvatures": np.linalg.eigvalsh(hessian(minimiser()))[[0, -1]],
        "by_batch": table,
        "verdict": verdict,
        "opposite": verdict == {"one": "little difference", "all": "helps"},
    }


def claims(summary):
    """The ledger's line."""
    gain = {}
    for batch, rows in summary["by_batch"].items():
        best = min(row["log10_gap"] for row in rows.values())
        gain[batch] = 10 ** (rows["0.0"]["log10_gap"] - best)
    return [
        Claim(
            "Where gradient noise forces a small step, momentum makes little difference; the same "
            "problem in full batches gains from it.",
            "Wang et al. 2023",
            f"gap with the best β smaller by a factor of {gain['one']:.2f} on one example a step, "
            f"by {gain['all']:.1e} on all of them",
            summary["opposite"],
        )
    ]
