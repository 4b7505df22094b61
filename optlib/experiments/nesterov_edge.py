"""Does Nesterov's momentum end where the sharpness is (2 + 2 beta)/(1 + 2 beta) over eta?

The experiment of edge_of_stability with velocity: heavy ball and Nesterov, beta = 0.9, full batch.
Each has a limit of its own on a quadratic; Cohen et al. 2021 report the first, 2 + 2 beta, and the
second for networks trained with momentum.
"""

import math

import numpy as np

from .. import tasks, training
from .record import Claim, first

LIMITS = {"momentum": 3.8, "nesterov_torch": 3.8 / 2.8}  # of lr * curvature at beta = 0.9
CHAPTER = "04_nesterov"
PARAMETERS = {
    "task": "first 300 training digits, full batch",
    "model": "tanh MLP 64-50-50-10",
    "loss": "half the squared error to one-hot labels, summed over outputs, mean over examples",
    "beta": 0.9,
    "steps": 2000,
    "record_every": 50,
    "lrs": {
        "momentum": [0.1, 0.2, 0.4, 0.6, 0.8],
        "nesterov_torch": [0.1, 0.15, 0.2, 0.25, 0.4],
    },
    "seeds": [0, 1, 2, 3, 4],
    "band": [0.95, 1.05],
    "sharpness": "at the stored parameters, where both rules take the gradient",
    "criterion": (
        "an lr holds if sharpness * lr / limit lies in [0.95, 1.05] at every record of the last "
        "half of the run, for every seed; reproduced if two or more lrs hold for each rule"
    ),
    "pilot": "seven runs of 1,500 steps with seed 100 came before the criterion",
}


def plan(done):
    """Every rule and step size with every seed."""
    return [
        {"rule": rule, "lr": lr, "seed": seed}
        for rule, lrs in PARAMETERS["lrs"].items()
        for lr in lrs
        for seed in PARAMETERS["seeds"]
    ]


def _sharpness(net, task):
    """The sharpness, or nan while a run is being thrown out and Lanczos meets overflow."""
    try:
        return training.sharpness(net, task.x_train, task.y_train, "mean_square")
    except np.linalg.LinAlgError:
        return math.nan


def one(rule, lr, seed, steps=None):
    """One run: loss, test accuracy and sharpness at every record."""
    task = tasks.digits().first(300)
    history = training.train(
        task,
        tasks.mlp((64, 50, 50, 10), "tanh"),
        rule,
        lr=lr,
        beta=PARAMETERS["beta"],
        seed=seed,
        loss="mean_square",
        steps=steps or PARAMETERS["steps"],
        record_every=PARAMETERS["record_every"],
        measure={"sharpness": lambda net, optimizer, step: _sharpness(net, task)},
    )
    return {
        "loss": history.loss,
        "sharpness": history.measures["sharpness"],
        "test_accuracy": history.final_score,
        "diverged": history.diverged,
    }


def shorten(run):
    """The first 50 steps: where the sharpness has met its limit, rounding decides."""
    return first(run, 2, "loss", "sharpness", steps=50)


def summary(runs):
    """For each rule and lr: sharpness over its limit in the last half, and whether it held."""
    low, high = PARAMETERS["band"]
    table = {}
    for rule, lrs in PARAMETERS["lrs"].items():
        table[rule] = {}
        for lr in lrs:
            found = [r["result"] for r in runs if (r["rule"], r["lr"]) == (rule, lr)]
            whole = [r for r in found if r["diverged"] is None]
            row = {
                "diverged": len(found) - len(whole),
                "start": np.mean([r["sharpness"][0] for r in found]) * lr / LIMITS[rule],
                "holds": False,
            }
            if whole:
                curves = np.array([r["sharpness"] for r in whole], dtype=float) * lr / LIMITS[rule]
                tail = curves[:, curves.shape[1] // 2 :]
                row |= {
                    "peak": np.nanmax(curves),
                    "lowest": tail.min(),
                    "highest": tail.max(),
                    "mean": tail.mean(),
                    "holds": len(whole) == len(found)
                    and bool(((tail >= low) & (tail <= high)).all()),
                    "final_loss": np.mean([r["loss"][-1] for r in whole]),
                }
            table[rule][f"{lr:g}"] = row
    held = {rule: [lr for lr, row in rows.items() if row["holds"]] for rule, rows in table.items()}
    return {
        "limits": LIMITS,
        "by_rule": table,
        "lrs_that_hold": held,
        "reproduced": all(len(lrs) >= 2 for lrs in held.values()),
    }


def claims(summary):
    """The ledger's line."""
    held = summary["lrs_that_hold"]
    means = [summary["by_rule"]["nesterov_torch"][lr]["mean"] for lr in held["nesterov_torch"]]
    count = {rule: f"{len(held[rule])} of {len(rows)}" for rule, rows in summary["by_rule"].items()}
    diverged = sum(row["diverged"] for row in summary["by_rule"]["momentum"].values())
    nesterov_only = len(held["nesterov_torch"]) >= 2 and not summary["reproduced"]
    return [
        Claim(
            "With momentum the sharpness ends at the method's own limit: (2 + 2β)/η for the heavy "
            "ball, (2 + 2β)/(1 + 2β)/η for Nesterov.",
            "Cohen et al. 2021",
            f"step sizes that hold: Nesterov {count['nesterov_torch']}, on average at "
            f"{np.mean(means):.3f} of its limit; heavy ball {count['momentum']}, {diverged} of its "
            "runs diverged",
            summary["reproduced"],
            words="not reproduced for both; Nesterov's part holds" if nesterov_only else "",
        )
    ]
