"""Over how many decades of the step size does AdaGrad train as well as at its best?

Ward, Wu & Bottou 2020: the convergence of AdaGrad-Norm is robust to its hyperparameters, eta and
b_0, where its denominator starts; that of SGD depends crucially on the step size. Here both are
varied, on sparse text and on digits; and the initial accumulator 0.1 of optax and keras is
compared with none.
"""

import functools
import math

import numpy as np

from .. import tasks, training
from ..ops import norm, sqrt
from ..rule import rule
from .adam_digits import inverse_root
from .record import Claim


@rule
def adagrad_norm(theta, g, s=0, *, t, lr=1e-2, eps=1e-10, initial_accumulator=0):
    r"""AdaGrad with one sum for a whole array: a rate that falls, but the same in all coordinates.

    .. math::
        s_t = s_{t-1} + \lVert g_t\rVert^2, \qquad
        \theta_t = \theta_{t-1} - \eta\, \frac{g_t}{\sqrt{s_t + s_0} + \epsilon}

    Source: Ward, Wu & Bottou 2020, where s_0 = b_0^2 and eps = 0.
    """
    s = s + norm(g) ** 2
    theta = theta - lr * g / (sqrt(s + initial_accumulator) + eps)
    return theta, s


# One line for each method: its rule, whether lr falls as 1/sqrt(t), the exponents of ten that end
# its grid. adagrad_norm_b0 keeps lr = 10; what is varied is its first rate lr / b_0.
METHODS = {
    "gradient_descent": ("gradient_descent", False, -2.0, 2.0),
    "gradient_descent_decay": ("gradient_descent", True, -1.0, 3.0),
    "adagrad": ("adagrad", False, -3.0, 1.5),
    "adagrad_optax": ("adagrad_optax", False, -3.0, 2.0),
    "adagrad_norm": (adagrad_norm, False, -1.0, 3.0),
    "adagrad_norm_b0": (adagrad_norm, False, -2.0, 3.0),
}
TASKS = {
    "zipf_text": (tasks.zipf_text, tasks.linear(2000, 2, bias=False, zero=True)),
    "digits": (tasks.digits, tasks.mlp((64, 50, 50, 10), "tanh")),
}
SHARE = 0.9
CHAPTER = "05_adagrad"
PARAMETERS = {
    "tasks": {
        "zipf_text": "4,000 training documents, logistic regression from zero weights, no bias",
        "digits": "1,438 training examples, 64-50-50-10 tanh network",
    },
    "batch_size": 32,
    "epochs": 5,
    "grid": "half decades between the ends of each method",
    "tuning_seeds": [200, 201, 202],
    "seeds": [0, 1, 2, 3, 4],
    "b0_lr": 10.0,
    "usable": (
        "a step size is usable if, for this seed, the loss closes at least 0.9 of the way from its "
        "start to the lowest final loss of the same method; the ends of the usable range around "
        "that lowest loss are interpolated in log10 of the step size"
    ),
    "criterion": (
        "AdaGrad (AdaGrad-Norm) is insensitive on a task if, for the training loss, the mean width "
        "of its usable range is at least twice that of gradient descent with constant step size "
        "and the 95 % intervals of the two widths lie apart; fixed after a pilot of one seed"
    ),
    "criterion_accumulator": (
        "the initial accumulator costs something on a task if, each at the step size with the "
        "lowest mean test loss over the tuning seeds, the test loss of adagrad_optax lies above "
        "that of adagrad on the other seeds, intervals apart"
    ),
}


@functools.cache
def _task(name):
    return TASKS[name][0]()


def grid(method):
    """The step sizes of a method: half decades."""
    low, high = METHODS[method][2:]
    return [float(f"{10**e:.4g}") for e in np.arange(low, high + 0.1, 0.5)]


def plan(done):
    """Every method at every step size, with tuning seeds and fresh seeds."""
    return [
        {"task": task, "method": method, "lr": lr, "seed": seed}
        for task in TASKS
        for method in METHODS
        for lr in grid(method)
        for seed in PARAMETERS["tuning_seeds"] + PARAMETERS["seeds"]
    ]


def one(task, method, lr, seed, epochs=None):
    """One run: training and test loss at the start and at the end, test accuracy."""
    rule, decays, *_ = METHODS[method]
    hyper = {"lr": inverse_root(lr=lr) if decays else lr}
    if method == "adagrad_norm_b0":
        b0 = PARAMETERS["b0_lr"] / lr
        hyper = {"lr": PARAMETERS["b0_lr"], "initial_accumulator": b0**2}
    history = training.train(
        _task(task),
        TASKS[task][1],
        rule,
        seed=seed,
        batch_size=PARAMETERS["batch_size"],
        epochs=epochs or PARAMETERS["epochs"],
        record_every=10**6,  # the start and the end
        **hyper,
    )
    finite = history.diverged is None
    return {
        "start": float(history.loss[0]),
        "loss": history.final_loss,
        "test_start": float(history.test_loss[0]),
        "test_loss": float(history.test_loss[-1]) if finite else math.inf,
        "test_accuracy": history.final_score,
        "diverged": history.diverged,
    }


def usable(rates, starts, losses):
    """The ends of the usable range in log10 of the step size, and whether the grid cuts it off.

    rates : (n,) increasing. starts, losses : (n,) of one method and seed, inf where it diverged.
    """
    rates, losses = np.log10(rates), np.array(losses, dtype=float)
    share = (np.array(starts) - losses) / (np.array(starts) - losses.min())
    share = np.maximum(share, -1)  # infinity has no place in an interpolation
    best, ends, cut = int(share.argmax()), [], False
    for way in (-1, 1):
        k = best
        while 0 <= k + way < len(rates) and share[k + way] >= SHARE:
            k += way
        if not 0 <= k + way < len(rates):
            ends.append(float(rates[k]))
            cut = True
            continue
        part = (share[k] - SHARE) / (share[k] - share[k + way])
        ends.append(float(rates[k] + part * (rates[k + way] - rates[k])))
    return ends[0], ends[1], cut


def _value(result, name):
    return math.inf if result[name] is None else result[name]


def _row(found, kind):
    """The usable range and the best step size of one task and method.

    found : {(lr, seed): result}. kind : "loss" or "test_loss".
    """
    start = {"loss": "start", "test_loss": "test_start"}[kind]
    rates = sorted({lr for lr, _ in found})
    ranges = []
    for seed in PARAMETERS["seeds"]:
        results = [found[lr, seed] for lr in rates]
        losses = [_value(r, kind) for r in results]
        ranges.append(usable(rates, [r[start] for r in results], losses))
    width = training.interval([high - low for low, high, _ in ranges])

    def values(lr, seeds):
        return [_value(found[lr, seed], kind) for seed in seeds]

    best = min(rates, key=lambda lr: np.mean(values(lr, PARAMETERS["tuning_seeds"])))
    final = training.interval(values(best, PARAMETERS["seeds"]))
    return {
        "width": width.mean,
        "width_low": width.low,
        "width_high": width.high,
        "from": float(np.mean([r[0] for r in ranges])),
        "to": float(np.mean([r[1] for r in ranges])),
        "cut_by_grid": any(r[2] for r in ranges),
        "best_lr": best,
        "on_edge": best in (rates[0], rates[-1]),
        "mean": final.mean,
        "low": final.low,
        "high": final.high,
    }


def summary(runs):
    """For each task and method: the usable range, the best step size and the losses there."""
    table = {}
    for task in TASKS:
        table[task] = {}
        for method in METHODS:
            chosen = [r for r in runs if (r["task"], r["method"]) == (task, method)]
            found = {(r["lr"], r["seed"]): r["result"] for r in chosen}
            table[task][method] = {kind: _row(found, kind) for kind in ("loss", "test_loss")}
    return {"by_task": table, "verdicts": {task: _verdicts(table[task]) for task in TASKS}}


def _verdicts(rows):
    plain = rows["gradient_descent"]["loss"]
    verdicts = {}
    for method in ("adagrad", "adagrad_norm"):
        row = rows[method]["loss"]
        verdicts[f"{method}_insensitive"] = bool(
            row["width"] >= 2 * plain["width"] and row["width_low"] > plain["width_high"]
        )
    with_start, without = rows["adagrad_optax"]["test_loss"], rows["adagrad"]["test_loss"]
    verdicts["accumulator_costs"] = bool(with_start["low"] > without["high"])
    return verdicts


def claims(summary):
    """The ledger's lines."""
    rows, verdicts = summary["by_task"], summary["verdicts"]

    def widths(method):
        both = {task: rows[task][method]["loss"]["width"] for task in TASKS}
        return f"documents {both['zipf_text']:.2f}, digits {both['digits']:.2f} decades"

    def over(name):
        held = [task for task in TASKS if verdicts[task][name]]
        if 0 < len(held) < len(TASKS):
            return {"zipf_text": "on the documents only", "digits": "on the digits only"}[held[0]]
        return bool(held)

    plain = f"gradient descent: {widths('gradient_descent')}"
    tests = {m: rows["zipf_text"][m]["test_loss"]["mean"] for m in ("adagrad_optax", "adagrad")}
    return [
        Claim(
            "AdaGrad is insensitive to its step size, SGD is not (one rate for each coordinate).",
            "Ward et al. 2020, for AdaGrad-Norm",
            f"usable step sizes: {widths('adagrad')}; {plain}",
            over("adagrad_insensitive"),
        ),
        Claim(
            "AdaGrad-Norm is insensitive to its step size, SGD is not.",
            "Ward et al. 2020",
            f"usable step sizes: {widths('adagrad_norm')}; {plain}",
            over("adagrad_norm_insensitive"),
        ),
        Claim(
            "The initial accumulator 0.1 of optax and Keras costs test loss.",
            "ours",
            f"documents: test loss {tests['adagrad_optax']:.4f} with it, "
            f"{tests['adagrad']:.4f} without",
            over("accumulator_costs"),
        ),
    ]
