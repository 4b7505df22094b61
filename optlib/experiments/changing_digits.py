"""Does forgetting pay where the problem changes, and what does it cost where it does not?

A gradient's size on one problem says little about the next. AdaGrad keeps all of them for ever,
RMSProp forgets: here both learn the digits while the order of the pixels changes, and while it
stays. Gradient descent and sign descent, which remember nothing, stand beside them.
"""

import math

import numpy as np
import torch

from .. import tasks, training
from ..ops import sign
from ..rule import rule
from ..torch_optim import TorchRule
from .record import Claim, first


@rule
def sign_descent(theta, g, *, t, lr=1e-2):
    """Every coordinate by lr, against its gradient's sign."""
    theta = theta - lr * sign(g)
    return theta


# One line for each method: its rule, its settings, and log10 of the middle of its grid.
METHODS = {
    "gradient_descent": ("gradient_descent", {}, 0.0),
    "sign_descent": (sign_descent, {}, -2.0),
    "adagrad": ("adagrad", {}, -1.0),
    "rmsprop": ("rmsprop", {"beta": 0.99}, -2.0),
    "rmsprop_corrected": ("adam", {"beta1": 0.0, "beta2": 0.99}, -2.0),
}
CHAPTER = "06_rmsprop"
PARAMETERS = {
    "task": "digits, 1,438 training examples",
    "model": "tanh MLP 64-50-50-10, cross-entropy",
    "batch_size": 32,
    "phases": 6,
    "steps_per_phase": 100,
    "streams": {
        "same": "the pixels stay where they are",
        "changing": "at the start of phases 2 to 6 the pixels are put into a new random order",
    },
    "rmsprop_beta": 0.99,
    "grid": (
        "five half decades about a middle, widened by one while the best lr lies on an edge; best "
        "by the mean over the tuning seeds of the judged loss, for each stream by itself"
    ),
    "tuning_seeds": [100, 101, 102],
    "seeds": [0, 1, 2, 3, 4],
    "judged": "training loss at the end of a phase, mean over phases 4, 5 and 6",
    "ageing": "training loss at the end of phase 6 over that at the end of phase 2",
    "criterion": (
        "fixed after a pilot with seed 0: forgetting pays if on the changing stream the interval "
        "of rmsprop's loss lies below adagrad's and the interval of its ageing too; it costs "
        "nothing if on the same stream adagrad's interval does not lie below rmsprop's; it is what "
        "helped if on the changing stream rmsprop's interval lies below gradient descent's too"
    ),
}


def _values(runs, stream, method, lr, seeds, key):
    """The judged loss or the ageing of the runs with these settings; infinity where diverged."""
    wanted = [(stream, method, lr, seed) for seed in seeds]
    found = [r for r in runs if (r["stream"], r["method"], r["lr"], r["seed"]) in wanted]
    return [math.inf if (x := r["result"][key]) is None else x for r in found]


def _tuning(runs, stream, method):
    """{lr: mean judged loss over the tuning seeds}, widened until its least is inside."""
    seeds = PARAMETERS["tuning_seeds"]
    middle = METHODS[method][2]
    low, high = middle - 1, middle + 1
    while True:
        grid = [float(f"{10**e:.4g}") for e in np.arange(low, high + 0.1, 0.5)]
        found = {lr: _values(runs, stream, method, lr, seeds, "judged") for lr in grid}
        means = {lr: np.mean(v) if len(v) == len(seeds) else None for lr, v in found.items()}
        if None in means.values():
            return means
        best = min(means, key=means.get)
        if best == grid[0]:
            low -= 0.5
        elif best == grid[-1]:
            high += 0.5
        else:
            return means


def plan(done):
    """The grids with the tuning seeds, as far as they must go; then the best with fresh seeds."""
    tuning, final = [], []
    for stream in PARAMETERS["streams"]:
        for method in METHODS:
            means = _tuning(done, stream, method)
            settings = {"stream": stream, "method": method}
            seeds = PARAMETERS["tuning_seeds"]
            tuning += [{**settings, "lr": lr, "seed": s} for lr in means for s in seeds]
            if None not in means.values():
                best = {**settings, "lr": min(means, key=means.get)}
                final += [{**best, "seed": s} for s in PARAMETERS["seeds"]]
    return tuning + final


def one(stream, method, lr, seed, phases=None):
    """One run: training loss on the current pixels at the end of each phase."""
    task = tasks.digits()
    x, y, loss = task.x_train, task.y_train, training.cross_entropy
    order = torch.Generator().manual_seed(seed)
    chosen, settings, _ = METHODS[method]
    ends = []
    with training.reproducible(seed):
        net = tasks.mlp((64, 50, 50, 10), "tanh")(seed)
        optimizer = TorchRule(net.parameters(), chosen, lr=lr, **settings)
        for phase in range(phases or PARAMETERS["phases"]):
            if stream == "changing" and phase > 0:
                x = task.x_train[:, torch.randperm(x.shape[1], generator=order)]
            for batch in _batches(len(x), order):
                optimizer.zero_grad()
                value = loss(net(x[batch]), y[batch])
                if not math.isfinite(value.item()):
                    return {"ends": ends, "judged": None, "ageing": None}
                value.backward()
                optimizer.step()
            with torch.no_grad():
                ends.append(loss(net(x), y).item())
    judged = np.mean(ends[3:]) if len(ends) > 3 else None
    return {"ends": ends, "judged": judged, "ageing": ends[-1] / ends[1]}


def shorten(run):
    """Two phases of a run whose step size is not above the middle of its grid."""
    if math.log10(run["lr"]) > METHODS[run["method"]][2] + 0.01:
        return None
    return first(run, 2, "ends", phases=2)


def _batches(count, order):
    """The batches of one phase: passes over the data in random order, the last one cut short."""
    steps, batches = PARAMETERS["steps_per_phase"], []
    while len(batches) < steps:
        batches += torch.randperm(count, generator=order).split(PARAMETERS["batch_size"])
    return batches[:steps]


def at_best(record, stream, method):
    """The results of the fresh seeds at the best lr, one for each seed."""
    cell = (stream, method, record["summary"]["table"][stream][method]["lr"])
    seeds = record["parameters"]["seeds"]
    runs = [r for r in record["runs"] if (r["stream"], r["method"], r["lr"]) == cell]
    return [r["result"] for r in runs if r["seed"] in seeds]


def summary(runs):
    """For each stream and method: best lr, judged loss and ageing with intervals; the verdicts."""
    table = {}
    for stream in PARAMETERS["streams"]:
        table[stream] = {}
        for method in METHODS:
            means = _tuning(runs, stream, method)
            lr = min(means, key=means.get)
            at = (runs, stream, method, lr, PARAMETERS["seeds"])
            judged, ageing = (training.interval(_values(*at, key)) for key in ("judged", "ageing"))
            table[stream][method] = {
                "lr": lr,
                "on_edge": lr in (min(means), max(means)),
                "judged": judged.mean,
                "judged_low": judged.low,
                "judged_high": judged.high,
                "ageing": ageing.mean,
                "ageing_low": ageing.low,
                "ageing_high": ageing.high,
                "tuning": {f"{k:g}": v for k, v in means.items()},
            }
    changing, same = table["changing"], table["same"]
    ada, rms = changing["adagrad"], changing["rmsprop"]
    return {
        "table": table,
        "pays": bool(
            rms["judged_high"] < ada["judged_low"] and rms["ageing_high"] < ada["ageing_low"]
        ),
        "costs_nothing": not same["adagrad"]["judged_high"] < same["rmsprop"]["judged_low"],
        "is_what_helped": bool(rms["judged_high"] < changing["gradient_descent"]["judged_low"]),
    }


def claims(summary):
    """The ledger's lines."""
    changing, same = summary["table"]["changing"], summary["table"]["same"]

    def loss(rows, method):
        row = rows[method]
        return f"{row['judged']:.4f} [{row['judged_low']:.4f}, {row['judged_high']:.4f}]"

    return [
        Claim(
            "Forgetting pays where the problem changes.",
            "ours, from a sentence of *Dive into Deep Learning*",
            f"loss on changing pixels: RMSProp {loss(changing, 'rmsprop')}, AdaGrad "
            f"{loss(changing, 'adagrad')}",
            summary["pays"],
        ),
        Claim(
            "Forgetting costs nothing where the problem stays.",
            "ours",
            f"loss on the same pixels: RMSProp {loss(same, 'rmsprop')}, AdaGrad "
            f"{loss(same, 'adagrad')}",
            summary["costs_nothing"],
        ),
        Claim(
            "Forgetting gradients is what helped: what remembers nothing does worse.",
            "ours",
            f"loss on changing pixels: RMSProp {loss(changing, 'rmsprop')}, gradient descent "
            f"{loss(changing, 'gradient_descent')}",
            summary["is_what_helped"],
        ),
    ]
