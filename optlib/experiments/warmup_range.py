"""What does a warm-up widen, and does it depend on where training starts?

Kalra & Barkeshli 2024: the overwhelming benefit of warm-up is that the network tolerates a larger
learning rate, and how much depends on the initialization. Here a small network starts from torch's
weights, where the loss is flat, and from weights three times as large, where it is sharp.
"""

import math

import numpy as np
import torch

from .. import tasks, training
from ..schedules import warmup_linear
from .record import Claim, first

STEPS = 300
CHAPTER = "10_schedules"
GRIDS = {
    "gradient_descent": [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8],
    "adam": [0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256],
}
PARAMETERS = {
    "task": "mnist1d, 4,000 training examples",
    "model": "relu MLP 40-100-100-10, torch's initial weights and biases times scale",
    "scales": [1, 3],
    "warmups": [0, 100],
    "batch_size": 64,
    "steps": STEPS,
    "schedule": "warmup_linear: up to lr over the warm-up, then straight down to 0 at the end",
    "grid": GRIDS,
    "tuning_seeds": [100, 101],
    "seeds": [0, 1, 2, 3, 4],
    "usable": "every one of the five seeds ends below half of ln 10, the loss of guessing",
    "measured": (
        "the largest usable lr, and the final loss over all training examples at the lr that is "
        "best for the tuning seeds (mean of log loss)"
    ),
    "criterion": (
        "fixed after a pilot with seed 100. Warm-up of 100 steps against none. It widens if the "
        "largest usable lr grows at least twofold; it pays if the 95 % interval of the mean paired "
        "log ratio of the final losses, each at its best lr, lies below 0. The claim holds here if "
        "for both rules it does both from the sharp start and neither from the flat one"
    ),
}


def start(scale):
    """seed -> the network with its initial parameters times scale."""
    plain = tasks.mlp((40, 100, 100, 10), "relu")

    def build(seed):
        net = plain(seed)
        with torch.no_grad():
            for p in net.parameters():
                p.mul_(scale)
        return net

    return build


def plan(done):
    """Every cell with all seeds; nothing depends on earlier runs."""
    seeds = PARAMETERS["tuning_seeds"] + PARAMETERS["seeds"]
    return [
        {"scale": scale, "method": method, "warmup": warmup, "lr": lr, "seed": seed}
        for scale in PARAMETERS["scales"]
        for method in GRIDS
        for warmup in PARAMETERS["warmups"]
        for lr in GRIDS[method]
        for seed in seeds
    ]


def one(scale, method, warmup, lr, seed, steps=None):
    """One run: the loss at every 30th step, or None if it diverged.

    steps : stop after so many; the schedule stays that of the whole run.
    """
    history = training.train(
        tasks.mnist1d(),
        start(scale),
        method,
        lr=warmup_linear(lr=lr, steps=STEPS, warmup=warmup),
        seed=seed,
        batch_size=PARAMETERS["batch_size"],
        steps=steps or STEPS,
        record_every=STEPS // 10,
    )
    loss = [float(f"{v:.6g}") for v in history.loss]
    return {"loss": None if history.diverged is not None else loss, "diverged": history.diverged}


def shorten(run):
    """The first 30 steps from the flat start, at a step size that is usable there."""
    if run["scale"] > 1 or run["lr"] > {"gradient_descent": 0.8, "adam": 0.016}[run["method"]]:
        return None
    return first(run, 2, "loss", steps=STEPS // 10)


def start_sharpness(scale, seed=0):
    """The largest curvature of the loss of the first 1,000 examples at the start."""
    few = tasks.mnist1d().first(1000)
    return training.sharpness(start(scale)(seed), few.x_train, few.y_train)


def _final(runs, scale, method, warmup, lr, seeds):
    """The last loss of each seed, infinity where the run diverged or is missing."""
    cell = (scale, method, warmup, lr)
    found = {
        r["seed"]: r["result"]["loss"]
        for r in runs
        if (r["scale"], r["method"], r["warmup"], r["lr"]) == cell
    }
    return np.array([found[s][-1] if found.get(s) else math.inf for s in seeds])


def summary(runs):
    """For each start, rule and warm-up: largest usable and best lr, final loss; the verdicts."""
    tuning, seeds = PARAMETERS["tuning_seeds"], PARAMETERS["seeds"]
    rows, logs = [], {}
    for scale in PARAMETERS["scales"]:
        for method, grid in GRIDS.items():
            for warmup in PARAMETERS["warmups"]:
                cell = (scale, method, warmup)
                usable = [
                    lr for lr in grid if max(_final(runs, *cell, lr, seeds)) < math.log(10) / 2
                ]
                means = {lr: np.log(_final(runs, *cell, lr, tuning)).mean() for lr in grid}
                best = min(means, key=means.get)
                final = _final(runs, *cell, best, seeds)
                span, logs[cell] = training.interval(final), np.log(final)
                rows.append(
                    {
                        "scale": scale,
                        "method": method,
                        "warmup": warmup,
                        "largest_usable": max(usable),
                        "best_lr": best,
                        "on_edge": best in (grid[0], grid[-1]),
                        "loss": [span.mean, span.low, span.high],
                    }
                )
    usable = {(r["scale"], r["method"], r["warmup"]): r["largest_usable"] for r in rows}
    verdicts = []
    for scale in PARAMETERS["scales"]:
        for method in GRIDS:
            with_it, without = (scale, method, 100), (scale, method, 0)
            ratio = training.interval(logs[with_it] - logs[without])
            verdicts.append(
                {
                    "scale": scale,
                    "method": method,
                    "wider": usable[with_it] / usable[without],
                    "loss_ratio": [math.exp(v) for v in (ratio.mean, ratio.low, ratio.high)],
                    "widens": usable[with_it] >= 2 * usable[without],
                    "pays": bool(ratio.high < 0),
                }
            )
    return {
        "sharpness_at_start": {str(s): round(start_sharpness(s), 2) for s in PARAMETERS["scales"]},
        "rows": rows,
        "verdicts": verdicts,
        "holds": all(
            v["widens"] == v["pays"] == (v["scale"] > min(PARAMETERS["scales"])) for v in verdicts
        ),
    }


def claims(summary):
    """The ledger's line."""
    found = [
        f"{v['method'].replace('_', ' ')}, weights times {v['scale']}: range times {v['wider']:g}, "
        f"best loss times {v['loss_ratio'][0]:.2f}"
        for v in summary["verdicts"]
    ]
    return [
        Claim(
            "Warm-up lets a network tolerate a larger rate, and the start decides how much.",
            "Kalra & Barkeshli 2024",
            "; ".join(found),
            summary["holds"] or "the range as claimed; Adam gains a little from the flat start too",
        )
    ]
