"""Is Nesterov's momentum ahead of the heavy ball, in full batches and in small ones?

CS231n's notes say that Nesterov momentum "consistently works slightly better than standard
momentum" in practice; Kidambi et al. 2018 that the gain of either over SGD is a by-product of
mini-batches. Here: regularised softmax regression on digits, every method at its best step size.
"""

import math

import numpy as np
import torch

from .. import tasks, training
from . import adam_digits
from .record import Claim

METHODS = ("gradient_descent", "momentum", "nesterov_torch")
CHAPTER = "04_nesterov"
PARAMETERS = {
    "task": "digits, 1,438 training examples",
    "model": "softmax regression, random start of each seed's own",
    "l2": adam_digits.PARAMETERS["l2"],
    "beta": 0.9,
    "batch_sizes": [4, 64, 1438],
    "steps": 100,
    "grid": {
        "gradient_descent": [10**e for e in np.arange(-2, 2.1, 0.25)],
        "momentum": [10**e for e in np.arange(-3, 1.1, 0.25)],
        "nesterov_torch": [10**e for e in np.arange(-3, 1.1, 0.25)],
    },
    "tuning": "best lr by the mean final gap over the tuning seeds, a constant lr",
    "tuning_seeds": [100, 101, 102],
    "seeds": [0, 1, 2, 3, 4, 5, 6, 7],
    "measured": "cross-entropy + l2/2 * squared norm on all training data, minus its minimum",
    "criterion": (
        "Nesterov is ahead at a batch size if the 95 % interval of the mean paired difference of "
        "log10 gap, Nesterov minus heavy ball, lies below 0; behind if above; else undecided. "
        "The claim holds if it is ahead at every batch size"
    ),
    "pilot": "a first run of 300 steps: at full batch float32 could not tell the gaps from 0",
}


def _grid(method):
    return [float(f"{lr:.4g}") for lr in PARAMETERS["grid"][method]]


def _settings(batch_size, method, lr, seed):
    return {"batch_size": batch_size, "method": method, "lr": lr, "seed": seed}


def _final(runs, batch_size, method, lr, seeds):
    """The last gap of each seed, infinity where the run diverged or is missing."""
    gaps = {
        r["seed"]: r["result"]["gap"]
        for r in runs
        if (r["batch_size"], r["method"], r["lr"]) == (batch_size, method, lr)
    }
    return [math.inf if gaps.get(seed) is None else gaps[seed] for seed in seeds]


def _best(runs, batch_size, method):
    """The step size with the smallest mean gap over the tuning seeds, and all means."""
    means = {
        lr: float(np.mean(_final(runs, batch_size, method, lr, PARAMETERS["tuning_seeds"])))
        for lr in _grid(method)
    }
    return min(means, key=means.get), means


def plan(done):
    """The grid with the tuning seeds first; then every method at its best with fresh seeds."""
    cells = [(b, m) for b in PARAMETERS["batch_sizes"] for m in METHODS]
    tuning = [
        _settings(b, m, lr, s)
        for b, m in cells
        for lr in _grid(m)
        for s in PARAMETERS["tuning_seeds"]
    ]
    finished = [{k: r[k] for k in ("batch_size", "method", "lr", "seed")} for r in done]
    if any(settings not in finished for settings in tuning):
        return tuning
    final = [
        _settings(b, m, _best(done, b, m)[0], s) for b, m in cells for s in PARAMETERS["seeds"]
    ]
    return tuning + final


def one(batch_size, method, lr, seed, steps=None):
    """One run: the gap to the minimum at the end, infinity if it diverged."""
    task = tasks.digits()
    hyper = {} if method == "gradient_descent" else {"beta": PARAMETERS["beta"]}
    history = training.train(
        task,
        tasks.linear(64, 10),
        method,
        lr=lr,
        l2=PARAMETERS["l2"],
        seed=seed,
        batch_size=batch_size,
        steps=steps or PARAMETERS["steps"],
        record_every=steps or PARAMETERS["steps"],
        **hyper,
    )
    if history.diverged is not None:
        return {"gap": math.inf, "test_accuracy": math.nan}
    with torch.no_grad():
        loss = adam_digits._objective(history.model, task.x_train, task.y_train).item()
    return {"gap": loss - adam_digits.minimum(), "test_accuracy": history.final_score}


def summary(runs):
    """For each batch size and method: best lr and final gap; then the paired comparison."""
    table = {}
    for batch_size in PARAMETERS["batch_sizes"]:
        rows, logs = {}, {}
        for method in METHODS:
            lr, means = _best(runs, batch_size, method)
            gaps = _final(runs, batch_size, method, lr, PARAMETERS["seeds"])
            span = training.interval(gaps)
            logs[method] = np.log10(gaps)
            rows[method] = {
                "lr": lr,
                "on_edge": lr in (_grid(method)[0], _grid(method)[-1]),
                "gap": span.mean,
                "gap_low": span.low,
                "gap_high": span.high,
                "tuning": {f"{k:g}": v for k, v in means.items()},
            }
        pair = training.interval(logs["nesterov_torch"] - logs["momentum"])
        gain = training.interval(logs["momentum"] - logs["gradient_descent"])
        verdict = "ahead" if pair.high < 0 else "behind" if pair.low > 0 else "undecided"
        table[str(batch_size)] = {
            "by_method": rows,
            "nesterov_minus_momentum": [pair.mean, pair.low, pair.high],
            "momentum_minus_gradient_descent": [gain.mean, gain.low, gain.high],
            "nesterov_is": verdict,
        }
    return {
        "minimum": adam_digits.minimum(),
        "by_batch_size": table,
        "holds": all(row["nesterov_is"] == "ahead" for row in table.values()),
    }


def claims(summary):
    """The ledger's line."""
    found = [
        f"B = {batch}: {10 ** -row['nesterov_minus_momentum'][0]:.2f} times nearer "
        f"({row['nesterov_is']})"
        for batch, row in summary["by_batch_size"].items()
    ]
    return [
        Claim(
            "Nesterov's momentum works consistently slightly better than standard momentum.",
            "CS231n, notes on neural networks",
            "; ".join(found),
            summary["holds"],
            words="" if summary["holds"] else "not consistently",
        )
    ]
