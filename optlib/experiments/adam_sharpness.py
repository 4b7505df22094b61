"""Does full-batch Adam end where the preconditioned sharpness is 38/eta?

Cohen et al. 2022, "Adaptive gradient methods at the edge of stability": with beta1 = 0.9 the
largest eigenvalue of P^(-1/2) H P^(-1/2), P = diag(sqrt(v_hat) + eps), rises to
2 (1 + beta1) / ((1 - beta1) eta) = 38/eta and stays there.
"""

import numpy as np

from .. import tasks, training
from .record import Claim, first

CHAPTER = "07_adam"
PARAMETERS = {
    "task": "first 300 training digits, full batch",
    "model": "tanh MLP 64-50-50-10",
    "loss": "half the squared error to one-hot labels, summed over outputs, mean over examples",
    "steps": 3000,
    "record_every": 50,
    "lrs": [5e-4, 1e-3, 2e-3],
    "beta1": 0.9,
    "beta2": 0.999,
    "eps": 1e-8,
    "seeds": [0, 1, 2, 3, 4],
    "band": [0.95, 1.10],
    "criterion": (
        "an lr holds if lr * preconditioned sharpness / 38 lies in [0.95, 1.10] at every record of "
        "the last half of the run, for every seed; reproduced if all three lrs hold"
    ),
}


def plan(done):
    """Every step size with every seed."""
    return [{"lr": lr, "seed": s} for lr in PARAMETERS["lrs"] for s in PARAMETERS["seeds"]]


def one(lr, seed, steps=None):
    """One run: loss, plain and preconditioned sharpness at every record after the first step."""
    task = tasks.digits().first(300)
    data = task.x_train, task.y_train

    def preconditioned(net, optimizer, step):
        if step == 0:
            return float("nan")
        v_hat = training.adam_v_hat(optimizer)
        return training.preconditioned_sharpness(
            net, *data, v_hat, PARAMETERS["eps"], "mean_square"
        )

    history = training.train(
        task,
        tasks.mlp((64, 50, 50, 10), "tanh"),
        "adam",
        lr=lr,
        seed=seed,
        loss="mean_square",
        steps=steps or PARAMETERS["steps"],
        record_every=PARAMETERS["record_every"],
        measure={
            "preconditioned": preconditioned,
            "plain": lambda net, opt, step: training.sharpness(net, *data, "mean_square"),
        },
        **{k: PARAMETERS[k] for k in ("beta1", "beta2", "eps")},
    )
    return {
        "loss": history.loss,
        "preconditioned_sharpness": history.measures["preconditioned"],
        "sharpness": history.measures["plain"],
        "test_accuracy": history.final_score,
        "diverged": history.diverged,
    }


def shorten(run):
    """The first 150 steps: where the sharpness has met its limit, rounding decides."""
    return first(run, 4, "loss", "sharpness", "preconditioned_sharpness", steps=150)


def summary(runs):
    """For each lr: where lr * preconditioned sharpness / 38 lay, and whether the band held."""
    low, high = PARAMETERS["band"]
    every = PARAMETERS["record_every"]
    table = {}
    for lr in PARAMETERS["lrs"]:
        found = [r["result"] for r in runs if r["lr"] == lr]
        curves = np.array([r["preconditioned_sharpness"] for r in found], dtype=float) * lr / 38
        plain = np.array([r["sharpness"] for r in found]) * lr / 2
        tail = curves[:, curves.shape[1] // 2 :]
        inside = (tail >= low) & (tail <= high)
        reached = [int(np.argmax(c[1:] >= low) + 1) * every for c in curves]
        table[f"{lr:g}"] = {
            "lowest": tail.min(),
            "highest": tail.max(),
            "mean": tail.mean(),
            "share_inside": inside.mean(),
            "seeds_inside": int(inside.all(1).sum()),
            "holds": bool(inside.all()),
            "first_step_at_low_end": reached,
            "plain_sharpness_times_lr_over_2_at_end": plain[:, -1].mean(),
            "final_loss": np.mean([r["loss"][-1] for r in found]),
        }
    held = [lr for lr, row in table.items() if row["holds"]]
    return {"by_lr": table, "lrs_that_hold": held, "reproduced": len(held) == len(table)}


def claims(summary):
    """The ledger's line."""
    rows = summary["by_lr"]
    inside = ", ".join(f"{100 * row['share_inside']:.1f} %" for row in rows.values())
    return [
        Claim(
            "In full-batch Adam the preconditioned sharpness ends at 38/η (β₁ = 0.9).",
            "Cohen et al. 2022",
            f"records of the last half inside [0.95, 1.10] of 38/η: {inside} at η = "
            f"{', '.join(rows)}; every one was asked for",
            summary["reproduced"],
        )
    ]
