"""Which schedule ends lowest on a real network, and which is ahead half-way?

Plain SGD on mnist1d, every schedule and every form of averaging at its own best step size, against
the order on the exact noisy quadratic: there linear decay beats the constant rate by a factor of
two, the average of a constant rate's last half beats both, and 1/t leads half-way.
"""

import itertools
import math

import numpy as np
import torch

from .. import schedules, tasks, training
from ..rule import rule
from .record import Claim, first

STEPS = 1000
CHAPTER = "10_schedules"


@rule
def schedule_free(theta, g, d=0, *, t, lr=1e-1, beta=0.9):
    """Gradients at y, a blend of the running point z and of x, the average of all z so far.

    theta is y, d is z - x; x itself, which is what to evaluate, is theta - (1 - beta) d.
    lr : step size of z. beta : share of x in y. Source: Defazio et al. 2024, with c = 1 / (t + 1).
    """
    x = theta - (1 - beta) * d
    z = x + d - lr * g
    x = x + (z - x) / (t + 1)
    d = z - x
    theta = x + (1 - beta) * d
    return theta, d


# One line for each: its schedule without lr, what is evaluated, log2 of the middle of its grid.
METHODS = {
    "constant": (schedules.constant, {}, "iterate", -1.5),
    "constant, average of the last half": (schedules.constant, {}, "last half", -0.5),
    "constant, EMA": (schedules.constant, {}, "ema", -0.5),
    "schedule-free": (schedules.constant, {}, "schedule-free", 0.0),
    "inverse_sqrt": (schedules.inverse_sqrt, {"decay": 20 / STEPS}, "iterate", 0.0),
    "inverse_t": (schedules.inverse_t, {"decay": 20 / STEPS}, "iterate", 0.5),
    "multi_step": (
        schedules.multi_step,
        {"milestones": (STEPS // 2, 3 * STEPS // 4)},
        "iterate",
        -0.5,
    ),
    "wsd": (
        schedules.wsd,
        {"steps": STEPS, "warmup": 0, "cooldown": STEPS // 5},
        "iterate",
        -0.5,
    ),
    "cosine": (schedules.cosine, {"steps": STEPS}, "iterate", 0.0),
    "linear": (schedules.polynomial, {"steps": STEPS}, "iterate", 0.0),
}
PARAMETERS = {
    "task": "mnist1d, 4,000 training examples",
    "model": "relu MLP 40-100-100-10, cross-entropy",
    "method": "plain SGD, batches of 32",
    "steps": STEPS,
    "record_every": STEPS // 20,
    "ema": 1 - 5 / STEPS,
    "methods": {k: f"{s.name} {given}, {what}" for k, (s, given, what, _) in METHODS.items()},
    "grid": (
        "five half octaves about a middle, widened by one while the best lr lies on an edge; best "
        "by the mean of log final loss over the tuning seeds"
    ),
    "tuning_seeds": [100, 101, 102],
    "seeds": [0, 1, 2, 3, 4],
    "measured": "loss over all training examples, at the end and half-way in the same run",
    "pairs": "a seed fixes start and batches, so methods are compared by paired ratios of losses",
    "criterion": (
        "fixed after a pilot with seed 100 of 2,000 steps (constant, linear and "
        "1/t; one run each of the averages). All by 95 % intervals of "
        "the mean paired log ratio over the five seeds. (1) Rankings disagree: some method is "
        "ahead of another half-way and behind it at the end, both intervals away from 0. "
        "(2) Averaging is as good as decay: average of the last half against linear, interval not "
        "above 0. (3) Cool-down equals cosine (Haegele et al. 2024): wsd against cosine, interval "
        "contains 0, or the ratio is within 10 % of 1"
    ),
}


class Averages:
    """The mean of the weights since half of the run, and their EMA, kept beside an optimizer.

    ``step`` is called after every step of the optimizer, as a torch scheduler's would be.
    """

    def __init__(self, optimizer, steps):
        self.weights = [p for group in optimizer.param_groups for p in group["params"]]
        self.half, self.taken = steps // 2, 0
        self.mean = [p.detach().clone() for p in self.weights]
        self.ema = [p.detach().clone() for p in self.weights]

    def step(self):
        self.taken += 1
        late = 1 / (self.taken - self.half) if self.taken > self.half else 1
        with torch.no_grad():
            for p, mean, ema in zip(self.weights, self.mean, self.ema):
                mean.lerp_(p, late)
                ema.lerp_(p, 1 - PARAMETERS["ema"])

    def kept(self, what):
        """The weights to evaluate: of the mean since half-way ("last half") or of the EMA."""
        return self.mean if what == "last half" else self.ema


def _settled(optimizer):
    """x of schedule_free, from the y that the network holds and the state d."""
    group = optimizer.param_groups[0]
    back = 1 - group["beta"]
    states = [optimizer.state[p] for p in group["params"]]
    return [p - back * s["d"] if s else p for p, s in zip(group["params"], states)]


def _values(runs, method, lr, seeds, at=-1):
    """Loss of each seed at a record (-1: the last), infinity where the run diverged or is not."""
    found = {r["seed"]: r["result"]["loss"] for r in runs if (r["method"], r["lr"]) == (method, lr)}
    return [math.inf if not found.get(s) else found[s][at] for s in seeds]


def _tuning(runs, method):
    """{lr: mean log final loss over the tuning seeds}, widened until its least is inside.

    None stands for a step size whose runs are not all done.
    """
    middle, seeds = METHODS[method][3], PARAMETERS["tuning_seeds"]
    done = {(r["method"], r["lr"], r["seed"]) for r in runs}
    low, high = middle - 1, middle + 1
    while True:
        grid = [float(f"{2**e:.4g}") for e in np.arange(low, high + 0.1, 0.5)]
        means = {
            lr: float(np.mean(np.log(_values(runs, method, lr, seeds))))
            if all((method, lr, s) in done for s in seeds)
            else None
            for lr in grid
        }
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
    for method in METHODS:
        means = _tuning(done, method)
        seeds = PARAMETERS["tuning_seeds"]
        tuning += [{"method": method, "lr": lr, "seed": s} for lr in means for s in seeds]
        if None not in means.values():
            best = min(means, key=means.get)
            final += [{"method": method, "lr": best, "seed": s} for s in PARAMETERS["seeds"]]
    return tuning + final


def one(method, lr, seed, steps=None):
    """One run: loss and test accuracy at every record of what the method evaluates.

    steps : stop after so many; the schedule stays that of the whole run.
    """
    task = tasks.mnist1d()
    schedule, given, what, _ = METHODS[method]
    kept = {}

    def watch(optimizer):
        kept["averages"] = Averages(optimizer, STEPS)
        return kept["averages"]

    def evaluated(net, optimizer, x):
        if what == "iterate":
            return net(x)
        weights = _settled(optimizer) if what == "schedule-free" else kept["averages"].kept(what)
        names = [name for name, _ in net.named_parameters()]
        return torch.func.functional_call(net, dict(zip(names, weights)), (x,))

    def loss(net, optimizer, step):
        with torch.no_grad():
            output = evaluated(net, optimizer, task.x_train)
            return training.cross_entropy(output, task.y_train).item()

    def accuracy(net, optimizer, step):
        with torch.no_grad():
            output = evaluated(net, optimizer, task.x_test)
            return (output.argmax(1) == task.y_test).float().mean().item()

    history = training.train(
        task,
        tasks.mlp((40, 100, 100, 10), "relu"),
        schedule_free if what == "schedule-free" else "gradient_descent",
        lr=schedule(lr=lr, **given),
        seed=seed,
        batch_size=32,
        steps=steps or STEPS,
        record_every=PARAMETERS["record_every"],
        measure={"loss": loss, "accuracy": accuracy},
        scheduler=watch if what in ("last half", "ema") else None,
    )
    if history.diverged is not None:
        return {"loss": None, "test_accuracy": None}
    curve = history.measures["loss"]
    return {
        "loss": [float(v) for v in (curve[-1:] if seed in PARAMETERS["tuning_seeds"] else curve)],
        "test_accuracy": float(history.measures["accuracy"][-1]),
    }


def shorten(run):
    """The first 100 steps of a fresh seed at a step size that is not near the limit."""
    if run["seed"] not in PARAMETERS["seeds"] or run["lr"] > 1:
        return None
    return first(run, 3, "loss", steps=2 * PARAMETERS["record_every"])


def _ratio(runs, best, first, second, at):
    """Mean paired log ratio of the losses of two methods with its interval, at a record."""
    logs = [
        np.log(_values(runs, method, best[method], PARAMETERS["seeds"], at))
        for method in (first, second)
    ]
    return training.interval(logs[0] - logs[1])


def summary(runs):
    """For each method: best lr, losses half-way and at the end; then the three verdicts."""
    seeds, half = PARAMETERS["seeds"], STEPS // 2 // PARAMETERS["record_every"]
    table, best = {}, {}
    for method in METHODS:
        means = _tuning(runs, method)
        best[method] = lr = min(means, key=means.get)
        chosen = [r for r in runs if (r["method"], r["lr"]) == (method, lr) and r["seed"] in seeds]
        final, early = (
            training.interval(_values(runs, method, lr, seeds, at)) for at in (-1, half)
        )
        accuracy = training.interval([r["result"]["test_accuracy"] for r in chosen])
        table[method] = {
            "lr": lr,
            "on_edge": lr in (min(means), max(means)),
            "final": [final.mean, final.low, final.high],
            "half_way": [early.mean, early.low, early.high],
            "test_accuracy": [accuracy.mean, accuracy.low, accuracy.high],
            "tuning": {f"{k:g}": math.exp(v) for k, v in means.items()},
        }
    crossed = [
        [a, b]
        for a, b in itertools.permutations(METHODS, 2)
        if _ratio(runs, best, a, b, half).high < 0 and _ratio(runs, best, a, b, -1).low > 0
    ]
    averaging = _ratio(runs, best, "constant, average of the last half", "linear", -1)
    cooling = _ratio(runs, best, "wsd", "cosine", -1)
    return {
        "by_method": table,
        "ahead_then_behind": crossed,
        "average_over_linear": _as_ratio(averaging),
        "wsd_over_cosine": _as_ratio(cooling),
        "rankings_disagree": bool(crossed),
        "averaging_as_good": bool(averaging.low <= 0),
        "cooldown_equals_cosine": bool(
            cooling.low <= 0 <= cooling.high or abs(math.expm1(cooling.mean)) < 0.1
        ),
    }


def _as_ratio(span):
    return [math.exp(v) for v in (span.mean, span.low, span.high)]


def claims(summary):
    """The ledger's lines."""
    rows = summary["by_method"]

    def ends(name):
        return f"{name} {rows[name]['final'][0]:.3f}"

    def paired(name):
        return "{:.2f} [{:.2f}, {:.2f}]".format(*summary[name])

    early, late = rows["cosine"], rows["wsd"]
    return [
        Claim(
            "The ranking of schedules half-way is not that at the end.",
            "ours, from the exact noisy quadratic",
            f"{len(summary['ahead_then_behind'])} pairs change places; cosine and WSD: "
            f"{early['half_way'][0]:.2f} and {late['half_way'][0]:.2f}, then "
            f"{early['final'][0]:.2f} and {late['final'][0]:.2f}",
            summary["rankings_disagree"],
        ),
        Claim(
            "The average of a constant rate's last half is as good as linear decay.",
            "ours, from the exact noisy quadratic",
            f"loss times {paired('average_over_linear')}; {ends('constant')}",
            summary["averaging_as_good"],
        ),
        Claim(
            "A constant rate with a cool-down does as well as a cosine.",
            "Hägele et al. 2024",
            f"loss times {paired('wsd_over_cosine')}",
            summary["cooldown_equals_cosine"],
            words="not equal: better here" if summary["wsd_over_cosine"][2] < 1 else "",
        ),
    ]
