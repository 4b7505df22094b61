"""Does Adam's bias correction matter on a real network, and where?

Kingma & Ba 2015, section 6.4 and figure 4: without the correction, beta2 close to 1 makes training
unstable, most of all in the first epochs and at large rates; with it, results are at least as good
at every setting. Theirs is a variational auto-encoder; here, an MLP on the digits.
"""

import math

import numpy as np

from .. import tasks, training
from ..ops import sqrt
from ..rule import rule
from .record import Claim, first

CHAPTER = "07_adam"
PARAMETERS = {
    "task": "digits, 1,438 training examples",
    "model": "tanh MLP 64-50-50-10, cross-entropy",
    "batch_size": 128,
    "epochs": [10, 100],
    "steps_per_epoch": 12,
    "lrs": [1e-4, 3.16e-4, 1e-3, 3.16e-3, 1e-2, 3.16e-2, 1e-1],
    "beta1s": [0.0, 0.9],
    "beta2s": [0.99, 0.999, 0.9999],
    "eps": 1e-8,
    "seeds": [0, 1, 2, 3, 4],
    "usable": "training loss below 0.5 for every seed (chance is 2.30)",
    "criterion": (
        "at each (beta1, beta2, epochs) the missing correction hurts if the best mean training "
        "loss over lrs is worse without it, intervals apart, or if the largest usable lr is "
        "smaller; the claim holds if it hurts for beta2 = 0.999 and 0.9999 at 10 epochs with both "
        "beta1, and helps nowhere"
    ),
}


@rule
def adam_uncorrected(theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Adam with both corrections left out."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    theta = theta - lr * m / (sqrt(v) + eps)
    return theta, m, v


def plan(done):
    """Every setting with every seed."""
    return [
        {"corrected": c, "beta1": b1, "beta2": b2, "lr": lr, "seed": s}
        for c in (True, False)
        for b1 in PARAMETERS["beta1s"]
        for b2 in PARAMETERS["beta2s"]
        for lr in PARAMETERS["lrs"]
        for s in PARAMETERS["seeds"]
    ]


def one(corrected, beta1, beta2, lr, seed, epochs=None):
    """One run: training loss after the first epoch, after 10 and 100, and test accuracy."""
    per_epoch, after = PARAMETERS["steps_per_epoch"], PARAMETERS["epochs"]
    history = training.train(
        tasks.digits(),
        tasks.mlp((64, 50, 50, 10), "tanh"),
        "adam" if corrected else adam_uncorrected,
        lr=lr,
        beta1=beta1,
        beta2=beta2,
        eps=PARAMETERS["eps"],
        seed=seed,
        batch_size=PARAMETERS["batch_size"],
        steps=per_epoch * (epochs or after[-1]),
        record_every=per_epoch,
    )
    loss = dict(zip((history.steps // per_epoch).tolist(), history.loss.tolist()))
    return {
        "loss": [loss.get(e, math.nan) for e in (1, *after)],
        "highest_loss": float(history.loss.max()),
        "test_accuracy": history.final_score,
        "diverged": history.diverged,
    }


def shorten(run):
    """The first ten of the hundred epochs."""
    return first(run, 2, "loss", epochs=10)


def _row(runs, at):
    """Over the lrs: best mean loss with its interval, and the largest usable lr."""
    best, usable = None, 0.0
    for lr in PARAMETERS["lrs"]:
        found = [r["result"]["loss"][at] for r in runs if r["lr"] == lr]
        values = np.array([math.inf if x is None else x for x in found])
        if (values < 0.5).all():
            usable = lr
        here = training.interval(values)
        if best is None or here.mean < best[1].mean:
            best = (lr, here)
    lr, here = best
    return {
        "best_lr": lr,
        "on_edge": lr in (PARAMETERS["lrs"][0], PARAMETERS["lrs"][-1]),
        "loss": here.mean,
        "low": here.low,
        "high": here.high,
        "largest_usable_lr": usable,
    }


def summary(runs):
    """For each (beta1, beta2, epochs): with, without, and whether the missing correction hurts."""
    table = []
    for b1 in PARAMETERS["beta1s"]:
        for b2 in PARAMETERS["beta2s"]:
            here = [r for r in runs if (r["beta1"], r["beta2"]) == (b1, b2)]
            for at, epochs in enumerate(PARAMETERS["epochs"], start=1):
                a = _row([r for r in here if r["corrected"]], at)
                b = _row([r for r in here if not r["corrected"]], at)
                table.append(
                    {
                        "beta1": b1,
                        "beta2": b2,
                        "epochs": epochs,
                        "corrected": a,
                        "uncorrected": b,
                        "hurts": bool(
                            b["low"] > a["high"] or b["largest_usable_lr"] < a["largest_usable_lr"]
                        ),
                        "helps": bool(
                            b["high"] < a["low"] or b["largest_usable_lr"] > a["largest_usable_lr"]
                        ),
                    }
                )
    wanted = [r for r in table if r["beta2"] >= 0.999 and r["epochs"] == 10]
    return {
        "table": table,
        "holds": all(r["hurts"] for r in wanted) and not any(r["helps"] for r in table),
    }


def claims(summary):
    """The ledger's line."""
    wanted = [r for r in summary["table"] if r["beta2"] >= 0.999 and r["epochs"] == 10]
    hurts = sum(row["hurts"] for row in wanted)
    helps = [
        f"(β₁, β₂) = ({r['beta1']:g}, {r['beta2']:g}), {r['epochs']} epochs"
        for r in summary["table"]
        if r["helps"]
    ]
    return [
        Claim(
            "Without bias correction β₂ near 1 makes training unstable, and with it results are at "
            "least as good everywhere.",
            "Kingma & Ba 2015",
            f"leaving it out hurts in {hurts} of {len(wanted)} cells named beforehand, and helps "
            f"in {len(helps)} of {len(summary['table'])}: {'; '.join(helps)}",
            summary["holds"],
        )
    ]
