"""Does full-batch gradient descent end where the sharpness is 2/eta?

Cohen et al. 2021, "Gradient descent on neural networks typically occurs at the edge of stability":
the sharpness (largest Hessian eigenvalue) rises until it reaches 2/eta and then hovers there, while
the loss goes on falling, not monotonically.
"""

import numpy as np

from .. import tasks, training
from .record import Claim, first

CHAPTER = "01_gradient_descent"
PILOT = "three runs came before the criterion"
PARAMETERS = {
    "task": "first 300 training digits, full batch",
    "model": "tanh MLP 64-50-50-10",
    "loss": "half the squared error to one-hot labels, summed over outputs, mean over examples",
    "steps": 3000,
    "record_every": 50,
    "lrs": [0.05, 0.1, 0.2, 0.4, 0.8],
    "seeds": [0, 1, 2, 3, 4],
    "band": [0.95, 1.10],
    "criterion": (
        "an lr holds if lr * sharpness / 2 lies in [0.95, 1.10] at every record of the last half "
        "of the run, for every seed; reproduced if three or more lrs hold"
    ),
}


def plan(done):
    """Every step size with every seed."""
    return [{"lr": lr, "seed": s} for lr in PARAMETERS["lrs"] for s in PARAMETERS["seeds"]]


def one(lr, seed, steps=None):
    """One run: loss, test accuracy and sharpness at every record."""
    task = tasks.digits().first(300)
    history = training.train(
        task,
        tasks.mlp((64, 50, 50, 10), "tanh"),
        "gradient_descent",
        lr=lr,
        seed=seed,
        loss="mean_square",
        steps=steps or PARAMETERS["steps"],
        record_every=PARAMETERS["record_every"],
        measure={
            "sharpness": lambda net, optimizer, step: training.sharpness(
                net, task.x_train, task.y_train, "mean_square"
            )
        },
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
    """For each lr: where lr * sharpness / 2 lay in the last half, and whether the band held."""
    low, high = PARAMETERS["band"]
    table = {}
    for lr in PARAMETERS["lrs"]:
        curves = np.array([r["result"]["sharpness"] for r in runs if r["lr"] == lr]) * lr / 2
        losses = np.array([r["result"]["loss"] for r in runs if r["lr"] == lr])
        tail = curves[:, curves.shape[1] // 2 :]
        table[f"{lr:g}"] = {
            "start": curves[:, 0].mean(),
            "lowest": tail.min(),
            "highest": tail.max(),
            "mean": tail.mean(),
            "share_inside": ((tail >= low) & (tail <= high)).mean(),
            "seeds_inside": int(((tail >= low) & (tail <= high)).all(1).sum()),
            "holds": bool(((tail >= low) & (tail <= high)).all()),
            "records_where_loss_rose": float((np.diff(losses, axis=1) > 0).mean()),
            "final_loss": losses[:, -1].mean(),
        }
    held = [lr for lr, row in table.items() if row["holds"]]
    return {"by_lr": table, "lrs_that_hold": held, "reproduced": len(held) >= 3}


def claims(summary):
    """The ledger's line."""
    rows, held = summary["by_lr"], summary["lrs_that_hold"]
    ends = [rows[lr][end] for lr in held for end in ("lowest", "highest")]
    return [
        Claim(
            "In full-batch gradient descent the sharpness rises to 2/η and then hovers there.",
            "Cohen et al. 2021",
            f"{len(held)} of {len(rows)} step sizes hold, with η · sharpness / 2 from "
            f"{min(ends):.3f} to {max(ends):.3f}; with η = 0.05 it ends at "
            f"{rows['0.05']['mean']:.2f}: 3,000 steps are too few to arrive",
            summary["reproduced"],
        )
    ]
