"""Is Adam ahead on softmax regression, each method at its best step size?

Kingma & Ba 2015, section 6.1 and figure 1: L2-regularised multi-class logistic regression on
MNIST, batches of 128, rate alpha/sqrt(t): Adam converges like SGD with Nesterov momentum, and both
faster than AdaGrad. Here: the digits data, and the gap to the minimum of the regularised loss.
"""

import functools
import math

import numpy as np
import torch

from .. import tasks, training
from ..schedules import schedule
from .record import Claim

# One line for each method: its rule, whether lr decays, the exponents of ten that end its grid.
METHODS = {
    "gradient_descent": ("gradient_descent", True, -1.0, 2.0),
    "momentum": ("momentum", True, -2.0, 2.0),
    "nesterov_torch": ("nesterov_torch", True, -2.0, 2.0),
    "adagrad": ("adagrad", True, -1.5, 1.5),
    "adagrad_constant": ("adagrad", False, -2.5, 0.5),
    "rmsprop": ("rmsprop", True, -3.0, 0.5),
    "adam": ("adam", True, -2.5, 0.5),
}
CHAPTER = "07_adam"
NOT_FIXED_BEFORE = (
    "after the first results the grids were widened, since momentum and Nesterov had their best η "
    "on the edge; AdaGrad with its own decay alone was added; and the criterion got these words"
)
PARAMETERS = {
    "task": "digits, 1,438 training examples",
    "model": "softmax regression from zero weights",
    "batch_size": 128,
    "steps": 600,
    "record_every": 20,
    "l2": 1e-3,
    "schedule": "lr / sqrt(t); for adagrad_constant, which decays by itself, lr",
    "grid": "half decades between the ends of each method; best lr by the mean final gap",
    "tuning_seeds": [100, 101, 102],
    "seeds": [0, 1, 2, 3, 4],
    "measured": "cross-entropy + l2/2 * squared norm on all training data, minus its minimum",
    "criterion": (
        "reproduced if, at the last step, the intervals of Adam and of Nesterov momentum lie below "
        "AdaGrad's, and the means of Adam and Nesterov differ by less than a factor of two; judged "
        "with either form of AdaGrad: with the decay on top of its own, and with its own alone"
    ),
}


@schedule
def inverse_root(t, *, lr):
    """lr / sqrt(t): the decay of Kingma & Ba's analysis and of their figure 1."""
    return lr / t**0.5


def _objective(net, x, y):
    penalty = sum((p**2).sum() for p in net.parameters()) * PARAMETERS["l2"] / 2
    return training.cross_entropy(net(x), y) + penalty


@functools.cache
def minimum():
    """The smallest value of the regularised loss, by L-BFGS in float64."""
    task = tasks.digits().double()
    net = tasks.linear(64, 10, zero=True)(0).double()
    optimizer = torch.optim.LBFGS(
        net.parameters(),
        max_iter=2000,
        tolerance_grad=1e-10,
        tolerance_change=1e-15,
        line_search_fn="strong_wolfe",
    )

    def closure():
        optimizer.zero_grad()
        value = _objective(net, task.x_train, task.y_train)
        value.backward()
        return value

    with training.reproducible(0):
        optimizer.step(closure)
        return closure().item()


def _grid(method):
    low, high = METHODS[method][2:]
    return [float(f"{10**e:.4g}") for e in np.arange(low, high + 0.1, 0.5)]


def _best(method, runs):
    """The step size with the smallest mean gap over the tuning seeds."""
    means = {}
    for lr in _grid(method):
        found = [
            r["result"]["gap"][-1]
            for r in runs
            if (r["method"], r["lr"]) == (method, lr) and r["seed"] in PARAMETERS["tuning_seeds"]
        ]
        means[lr] = np.mean([math.inf if g is None else g for g in found]) if found else math.inf
    return min(means, key=means.get), means


def plan(done):
    """The grid with the tuning seeds first; then every method at its best with fresh seeds."""
    tuning = [
        {"method": m, "lr": lr, "seed": s}
        for m in METHODS
        for lr in _grid(m)
        for s in PARAMETERS["tuning_seeds"]
    ]
    finished = [{k: r[k] for k in ("method", "lr", "seed")} for r in done]
    if any(settings not in finished for settings in tuning):
        return tuning
    final = [
        {"method": m, "lr": _best(m, done)[0], "seed": s}
        for m in METHODS
        for s in PARAMETERS["seeds"]
    ]
    return tuning + final


def one(method, lr, seed, steps=None):
    """One run: the gap at every record (the last one only for tuning seeds) and test accuracy."""
    task = tasks.digits()
    rule, decays, *_ = METHODS[method]
    floor = minimum()

    def gap(net, optimizer, step):
        with torch.no_grad():
            return _objective(net, task.x_train, task.y_train).item() - floor

    history = training.train(
        task,
        tasks.linear(64, 10, zero=True),
        rule,
        lr=inverse_root(lr=lr) if decays else lr,
        l2=PARAMETERS["l2"],
        seed=seed,
        batch_size=PARAMETERS["batch_size"],
        steps=steps or PARAMETERS["steps"],
        record_every=PARAMETERS["record_every"],
        measure={"gap": gap},
    )
    curve = history.measures["gap"]
    if history.diverged is not None:
        curve = [math.inf]
    elif seed in PARAMETERS["tuning_seeds"]:
        curve = curve[-1:]
    return {
        "gap": curve,
        "test_accuracy": history.final_score,
        "diverged": history.diverged,
    }


def summary(runs):
    """For each method: best lr, whether it lies on the edge, final gap with its interval."""
    table = {}
    for method in METHODS:
        lr, means = _best(method, runs)
        final = [
            r["result"]
            for r in runs
            if r["method"] == method and r["lr"] == lr and r["seed"] in PARAMETERS["seeds"]
        ]
        gap = training.interval([r["gap"][-1] for r in final])
        accuracy = training.interval([r["test_accuracy"] for r in final])
        table[method] = {
            "lr": lr,
            "on_edge": lr in (_grid(method)[0], _grid(method)[-1]),
            "gap": gap.mean,
            "gap_low": gap.low,
            "gap_high": gap.high,
            "test_accuracy": accuracy.mean,
            "test_accuracy_half": accuracy.half,
            "tuning": {f"{k:g}": v for k, v in means.items()},
        }
    adam, nesterov = table["adam"], table["nesterov_torch"]
    reproduced = {
        form: bool(
            adam["gap_high"] < table[form]["gap_low"]
            and nesterov["gap_high"] < table[form]["gap_low"]
            and 0.5 < adam["gap"] / nesterov["gap"] < 2
        )
        for form in ("adagrad", "adagrad_constant")
    }
    return {"minimum": minimum(), "by_method": table, "reproduced_against": reproduced}


def claims(summary):
    """The ledger's lines."""
    rows = summary["by_method"]

    def gap(method):
        row = rows[method]
        low, high = 1e3 * row["gap_low"], 1e3 * row["gap_high"]
        return f"{1e3 * row['gap']:.2f} [{low:.2f}, {high:.2f}]"

    forms = {
        "adagrad": "AdaGrad with 1/√t on top of its own decay",
        "adagrad_constant": "AdaGrad with its own decay alone",
    }
    return [
        Claim(
            "On softmax regression Adam converges like SGD with Nesterov momentum, both faster "
            f"than {words}.",
            "Kingma & Ba 2015",
            f"gap to the minimum, thousandths: Adam {gap('adam')}, Nesterov "
            f"{gap('nesterov_torch')}, AdaGrad {gap(form)}",
            summary["reproduced_against"][form],
        )
        for form, words in forms.items()
    ]
