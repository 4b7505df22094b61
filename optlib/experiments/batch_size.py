"""How many steps, and how many examples, does one training loss cost at each batch size?

McCandlish, Kaplan, Amodei et al. 2018, "An Empirical Model of Large-Batch Training": with the step
size tuned for every batch size B, the steps S and the examples E = B S to a given loss lie on
(S/S_min - 1)(E/E_min - 1) = 1, and the gradient's noise scale predicts the knee E_min/S_min. With
E = B S the hyperbola is S = S_min + E_min/B.
"""

import math

import numpy as np
import torch

from .. import tasks, training
from .record import Claim, _settings

CHAPTER = "02_sgd"
PARAMETERS = {
    "task": "digits, 1,438 training examples, reshuffled in every epoch",
    "model": "tanh MLP 64-50-50-10",
    "rule": "gradient_descent, constant lr",
    "target": 0.05,
    "batch_sizes": [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1438],
    "log2_lr": [-5, -4, -3, -2, -1, 0, 0.5, 1.5, 1.5, 2, 2],
    "grid": (
        "seven values of lr, a factor of sqrt(2) apart, around 2^log2_lr, lengthened until the "
        "best lies inside; best by the mean steps over the tuning seeds, of those lr with which "
        "all of them arrive"
    ),
    "tuning_seeds": [100, 101, 102],
    "seeds": [0, 1, 2, 3, 4],
    "most_steps": "200 + 8000/B; a run that is not at the target by then counts as not arriving",
    "resolution": "the training loss is taken at every max(1, 32/B)-th step",
    "measured": (
        "the first record whose cross-entropy on all training data is at most the target; examples "
        "= steps times the mean batch, which is below B where B does not divide 1,438"
    ),
    "criterion": (
        "hyperbola: reproduced if S = S_min + E_min/B, fitted to the mean steps by least squares "
        "in log S, leaves a root mean square of at most 0.15 in natural log and no residual above "
        "0.30; noise scale: it predicts the knee if the median of tr(Sigma)/|g|^2 over the "
        "full-batch runs lies within a factor of 3 of E_min/S_min; regulariser: small batches "
        "generalise better here if, over the seeds, the interval of the test accuracy at the "
        "target, mean of the three smallest B minus mean of the three largest, lies above 0"
    ),
    "pilot": "one seed, lr a factor of 2 apart, before the grids and the criterion were fixed",
}
FULL = PARAMETERS["batch_sizes"][-1]
MODEL = tasks.mlp((64, 50, 50, 10), "tanh")


def noise_scale(net, x, y):
    """tr(Sigma)/|g|^2 of the cross-entropy: per-example gradients' total variance over |mean|^2.

    x : (examples, features). A number of examples: where batches are much smaller than it, noise
    rules the step; where they are much larger, the mean gradient does.
    """
    params = dict(net.named_parameters())

    def loss(values, one_x, one_y):
        output = torch.func.functional_call(net, values, (one_x[None],))
        return training.cross_entropy(output, one_y[None])

    slopes = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(params, x, y)
    total = squares = 0.0
    for slope in slopes.values():
        flat = slope.detach().reshape(len(x), -1)
        mean = flat.mean(0)
        total += float(((flat - mean) ** 2).sum()) / (len(x) - 1)
        squares += float((mean**2).sum())
    return total / squares


def _grid(batch_size, runs):
    """Exponents of 2: seven around the pilot's best, and one more wherever the best is an end."""
    middle = PARAMETERS["log2_lr"][PARAMETERS["batch_sizes"].index(batch_size)]
    grid = [middle + k / 2 for k in range(-3, 4)]
    while True:
        best = _best(batch_size, grid, runs)
        if best == grid[0]:
            grid = [grid[0] - 0.5, *grid]
        elif best == grid[-1]:
            grid = [*grid, grid[-1] + 0.5]
        else:
            return grid


def _best(batch_size, grid, runs):
    """The exponent with the fewest mean steps, None while a run is missing."""
    means = {}
    for k in grid:
        found = [
            r["result"]["steps"]
            for r in runs
            if (r["batch_size"], r["log2_lr"]) == (batch_size, k)
            and r["seed"] in PARAMETERS["tuning_seeds"]
        ]
        if len(found) < len(PARAMETERS["tuning_seeds"]):
            return None
        means[k] = np.mean([math.inf if s is None else s for s in found])
    return min(means, key=means.get)


def plan(done):
    """The grids with the tuning seeds until none has its best at an end; then fresh seeds."""
    grids = {b: _grid(b, done) for b in PARAMETERS["batch_sizes"]}
    tuning = [
        {"batch_size": b, "log2_lr": k, "seed": s}
        for b, grid in grids.items()
        for k in grid
        for s in PARAMETERS["tuning_seeds"]
    ]
    best = {b: _best(b, grid, done) for b, grid in grids.items()}
    if None in best.values():
        return tuning
    return tuning + [
        {"batch_size": b, "log2_lr": best[b], "seed": s}
        for b in PARAMETERS["batch_sizes"]
        for s in PARAMETERS["seeds"]
    ]


def one(batch_size, log2_lr, seed):
    """One run: steps and examples to the target (None if not reached), test accuracy there."""
    task = tasks.digits()
    measure = {}
    if batch_size == FULL and seed in PARAMETERS["seeds"]:
        measure["noise_scale"] = lambda net, optimizer, step: noise_scale(
            net, task.x_train, task.y_train
        )
    history = training.train(
        task,
        MODEL,
        "gradient_descent",
        lr=2.0**log2_lr,
        seed=seed,
        batch_size=batch_size,
        steps=200 + 8000 // batch_size,
        record_every=max(1, 32 // batch_size),
        goal=PARAMETERS["target"],
        measure=measure,
    )
    arrived = history.diverged is None and history.loss[-1] <= PARAMETERS["target"]
    steps = int(history.steps[-1])
    return {
        "steps": steps if arrived else None,
        "examples": steps * FULL / math.ceil(FULL / batch_size) if arrived else None,
        "test_accuracy": history.final_score if arrived else None,
        **{name: list(values) for name, values in history.measures.items()},
    }


def shorten(run):
    """A whole run of a batch of 4 or more, with a step size below the pilot's best."""
    middle = PARAMETERS["log2_lr"][PARAMETERS["batch_sizes"].index(run["batch_size"])]
    if run["batch_size"] < 4 or run["log2_lr"] >= middle:
        return None
    return _settings(run), run["result"]


def fit(batch, steps):
    """(S_min, E_min, residuals in log S) of S = S_min + E_min/B, least squares in log S."""
    from scipy.optimize import least_squares

    batch, steps = np.asarray(batch, float), np.asarray(steps, float)

    def residuals(logs):
        low, examples = np.exp(logs)
        return np.log(steps) - np.log(low + examples / batch)

    start = np.log([steps.min(), (batch * steps).min()])
    found = least_squares(residuals, start)
    return *np.exp(found.x), residuals(found.x)


def summary(runs):
    """For each B: lr, steps, examples, accuracy; the fit, its knee and the three verdicts."""
    table, accuracy = {}, {}
    for b in PARAMETERS["batch_sizes"]:
        grid = _grid(b, runs)
        best = _best(b, grid, runs)
        final = [
            r["result"]
            for r in runs
            if (r["batch_size"], r["log2_lr"]) == (b, best) and r["seed"] in PARAMETERS["seeds"]
        ]
        missing = sum(r["steps"] is None for r in final)
        steps = training.interval([math.nan if r["steps"] is None else r["steps"] for r in final])
        accuracy[b] = [r["test_accuracy"] for r in final]
        table[str(b)] = {
            "lr": 2.0**best,
            "on_edge": best in (grid[0], grid[-1]),
            "not_arrived": missing,
            "steps": steps.mean,
            "steps_low": steps.low,
            "steps_high": steps.high,
            "examples": steps.mean * FULL / math.ceil(FULL / b),
            "test_accuracy": float(np.mean(accuracy[b])),
        }
    rows = table.values()
    steps = [row["steps"] for row in rows]
    mean_batch = [row["examples"] / row["steps"] for row in rows]
    low, examples, residuals = fit(mean_batch, steps)
    knee = examples / low
    scales = [r["result"]["noise_scale"] for r in runs if "noise_scale" in r["result"]]
    scale = float(np.median(np.concatenate(scales)))
    sizes = PARAMETERS["batch_sizes"]
    small, large = (np.mean([accuracy[b] for b in part], 0) for part in (sizes[:3], sizes[-3:]))
    gain = training.interval(small - large)
    root_mean_square = float(np.sqrt(np.mean(residuals**2)))
    return {
        "by_batch_size": table,
        "steps_min": low,
        "examples_min": examples,
        "knee": knee,
        "residuals": residuals,
        "root_mean_square": root_mean_square,
        "hyperbola": bool(root_mean_square <= 0.15 and np.abs(residuals).max() <= 0.30),
        "noise_scale": scale,
        "noise_scale_predicts_the_knee": bool(1 / 3 <= scale / knee <= 3),
        "accuracy_gain": {"mean": gain.mean, "low": gain.low, "high": gain.high},
        "small_batches_generalise_better": bool(gain.low > 0),
    }


def claims(summary):
    """The ledger's lines."""
    gain = "{mean:+.2f} [{low:+.2f}, {high:+.2f}]".format(
        **{key: 100 * summary["accuracy_gain"][key] for key in ("mean", "low", "high")}
    )
    return [
        Claim(
            "Steps S and examples E to one loss lie on (S/S_min − 1)(E/E_min − 1) = 1, the step "
            "size tuned for each batch size.",
            "McCandlish et al. 2018",
            f"S_min = {summary['steps_min']:.1f}, E_min = {summary['examples_min']:.0f}; root mean "
            f"square of the residuals {summary['root_mean_square']:.3f} in log S",
            summary["hyperbola"],
        ),
        Claim(
            "The gradient's noise scale predicts the critical batch size.",
            "McCandlish et al. 2018",
            f"noise scale {summary['noise_scale']:.0f}, knee {summary['knee']:.0f} examples",
            summary["noise_scale_predicts_the_knee"],
        ),
        Claim(
            "Mini-batch noise is a regulariser: small batches generalise better.",
            "*An Engineer's Guide to Deep Learning Optimizers*",
            f"test accuracy, three smallest minus three largest batch sizes: {gain} points",
            summary["small_batches_generalise_better"],
            words="" if summary["small_batches_generalise_better"] else "not shown at this scale",
        ),
    ]
