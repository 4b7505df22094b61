"""How large may the batch be if the number of epochs is fixed, and who copes best?

Ten epochs of the digits, whatever the batch size B: from B = 16 to the whole training part in one
batch the number of steps falls from 900 to 10. Momentum, Nesterov, Adam, LARS and LAMB are each
tuned for every B. You et al. 2020 report that LAMB trains BERT with very large batches without
degradation, where LARS does poorly; Nado et al. 2021 that Nesterov and Adam can match LARS and LAMB
at large batches. Beside that, the linear scaling rule of Goyal et al. 2017: lr in proportion to B,
with and without warm-up.
"""

import math

import numpy as np

from .. import schedules, tasks, training
from . import load
from .record import Claim

CHAPTER = "09_lars_lamb"
PARAMETERS = {
    "task": "digits, 1,438 training examples, reshuffled in every epoch, 359 test examples",
    "model": "tanh MLP 64-50-50-10",
    "epochs": 10,
    "batch_sizes": [16, 32, 64, 128, 256, 512, 1438],
    "schedule": "straight rise over warmup * steps steps, then straight down to 0",
    "warmup": 0.2,
    "methods": {
        "momentum": [-3, -2, -1, 0, 0, 1, 1],
        "nesterov_torch": [-3, -2, -1, 0, 1, 1, 1],
        "adam": [-6, -5, -4, -4, -4, -4, -4],
        "lars": [-8, -8, -7, -6, -5, -4, -2],
        "lamb": [-7, -6, -5, -4, -4, -3, -1],
    },
    "fixed_hyper": {"lars": {"trust": 1.0}, "lamb": {"weight_decay": 0}},
    "betas": {"B < 256": [0.9], "B >= 256": [0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98]},
    "grid": (
        "for every method, B and beta (Adam's and LAMB's beta1) seven values of log2_lr, 1/2 "
        "apart, around the number given with the method; lengthened for all beta until the best "
        "lies inside; lr = 2^log2_lr for Adam and LAMB, 2^log2_lr * 10 * (1 - beta) for the "
        "others; best by the mean log of the final training loss over the tuning seeds. No weight "
        "decay; every layer adapted, biases too (they do not start at zero)"
    ),
    "tuning_seeds": [100, 101, 102],
    "seeds": list(range(10)),
    "scaling": (
        "momentum, beta = 0.9: the best lr at B = 16, once with and once without warm-up, times "
        "B/16 at the other B"
    ),
    "measured": "training loss and test accuracy after the last step",
    "criterion": (
        "a method has the large-batch problem if its mean test accuracy at B = 1438 is at least 2 "
        "points below that at B = 16 and the intervals lie apart; LAMB helps (You et al.) if at "
        "B = 512 and at B = 1438 the interval of LAMB's test accuracy minus Adam's, paired by "
        "seed, lies above 0, and LARS helps if the same holds against momentum; generic methods "
        "match (Nado et al.) at a B if the interval of the test accuracy of Nesterov or Adam minus "
        "that of LARS or LAMB (of each pair the one with the lower tuning loss) reaches 0 or lies "
        "above, and the claim holds if they match at 512 and at 1438; linear scaling holds up to "
        "the largest B such that there and at every smaller B no run diverges and the mean test "
        "accuracy is at most 0.5 points below that at B = 16; the knee of batch_size predicts "
        "where it ends if the two are within a factor of 3"
    ),
    "pilot": "one seed, lr a factor of 2 apart, beta = 0.9, before the grids and the criterion",
    "changed": (
        "0.3 and 0.98 joined the values of beta after a first run, in which Nesterov's best was "
        "0.95, then the last, and LAMB's at B = 256 was 0.5, then the first; nothing else"
    ),
}
FULL = PARAMETERS["batch_sizes"][-1]
BASE = PARAMETERS["batch_sizes"][0]
MODEL = tasks.mlp((64, 50, 50, 10), "tanh")
NO_WARMUP = "momentum", BASE, 0.0
_EPS = 1e-9


def learning_rate(method, log2_lr, beta):
    """The peak of lr: in units of 1 / (1 - beta) for methods whose velocity is a sum."""
    return 2.0**log2_lr * (1.0 if method in ("adam", "lamb") else 10 * (1 - beta))


def _betas(batch_size):
    return PARAMETERS["betas"]["B < 256" if batch_size < 256 else "B >= 256"]


def _cells():
    """(method, batch size, warm-up) of everything that is tuned."""
    pairs = [(m, b) for b in PARAMETERS["batch_sizes"] for m in PARAMETERS["methods"]]
    return [(m, b, PARAMETERS["warmup"]) for m, b in pairs] + [NO_WARMUP]


def _means(cell, runs):
    """{(log2_lr, beta): mean log of the loss}, for what all tuning seeds have finished."""
    found = {}
    for r in runs:
        own = (r["method"], r["batch_size"], r["warmup"]) == cell
        if own and r["seed"] in PARAMETERS["tuning_seeds"]:
            loss = r["result"]["loss"]
            log = math.inf if loss is None else math.log(loss)
            found.setdefault((r["log2_lr"], r["beta"]), []).append(log)
    count = len(PARAMETERS["tuning_seeds"])
    return {k: float(np.mean(v)) for k, v in found.items() if len(v) == count}


def _grid(cell, means):
    """The exponents of a cell, and the best (log2_lr, beta), None while a run is missing."""
    method, batch_size, _ = cell
    middle = PARAMETERS["methods"][method][PARAMETERS["batch_sizes"].index(batch_size)]
    grid = [middle + k / 2 for k in range(-3, 4)]
    while True:
        keys = [(k, beta) for k in grid for beta in _betas(batch_size)]
        if any(key not in means for key in keys):
            return grid, None
        best = min(keys, key=means.get)
        if best[0] == grid[0]:
            grid = [grid[0] - 0.5, *grid]
        elif best[0] == grid[-1]:
            grid = [*grid, grid[-1] + 0.5]
        else:
            return grid, best


def _settings(cell, log2_lr, beta, seed, scaled=False):
    method, batch_size, warmup = cell
    return {
        "method": method,
        "batch_size": batch_size,
        "warmup": warmup,
        "log2_lr": log2_lr,
        "beta": beta,
        "scaled": scaled,
        "seed": seed,
    }


def plan(done):
    """Tuning until no best lr lies at an end; then fresh seeds, and the scaled runs."""
    tuning, final = [], []
    for cell in _cells():
        grid, best = _grid(cell, _means(cell, done))
        tuning += [
            _settings(cell, k, beta, s)
            for k in grid
            for beta in _betas(cell[1])
            for s in PARAMETERS["tuning_seeds"]
        ]
        if best is None:
            final = None
        elif final is not None:
            final += [_settings(cell, *best, s) for s in PARAMETERS["seeds"]]
    if final is None:
        return tuning
    for warmup in (0.0, PARAMETERS["warmup"]):
        base = ("momentum", BASE, warmup)
        _, (k, beta) = _grid(base, _means(base, done))
        for b in PARAMETERS["batch_sizes"][1:]:
            scaled = k + math.log2(b / BASE)
            cell = ("momentum", b, warmup)
            final += [_settings(cell, scaled, beta, s, True) for s in PARAMETERS["seeds"]]
    return tuning + final


def one(method, batch_size, warmup, log2_lr, beta, seed, scaled=False):
    """One run of ten epochs: the final training loss (None if it diverged) and test accuracy."""
    steps = PARAMETERS["epochs"] * math.ceil(FULL / batch_size)
    lr = learning_rate(method, log2_lr, beta)
    rise = round(warmup * steps)
    if rise:
        lr = schedules.warmup_linear(lr=lr, steps=steps + 1, warmup=rise)
    else:
        lr = schedules.polynomial(lr=lr, steps=steps)
    history = training.train(
        tasks.digits(),
        MODEL,
        method,
        lr=lr,
        steps=steps,
        batch_size=batch_size,
        seed=seed,
        record_every=steps,
        **{"beta1" if method in ("adam", "lamb") else "beta": beta},
        **PARAMETERS["fixed_hyper"].get(method, {}),
    )
    if history.diverged is not None:
        return {"loss": None, "test_accuracy": None}
    return {"loss": history.final_loss, "test_accuracy": history.final_score}


def shorten(run):
    """Whole runs, of at most 30 steps that end well: in others rounding decides the last digits.

    Of momentum's, and Nesterov's, only those with a small step size.
    """
    settings = {k: v for k, v in run.items() if k not in ("seconds", "result")}
    loss = run["result"]["loss"]
    calm = run["batch_size"] >= 512 and run["beta"] <= 0.9 and loss is not None and 0.01 < loss < 1
    small = run["method"] in ("adam", "lamb") or run["log2_lr"] <= 0
    return (settings, run["result"]) if calm and small else None


def _final(cell, runs, best=None):
    """Losses and accuracies (seeds,) of a cell's fresh runs; best None: those scaled from BASE."""
    found = {
        r["seed"]: r["result"]
        for r in runs
        if (r["method"], r["batch_size"], r["warmup"]) == cell
        and r["seed"] in PARAMETERS["seeds"]
        and (r["scaled"] if best is None else (r["log2_lr"], r["beta"]) == best)
        and r["scaled"] == (best is None)
    }
    found = [found[s] for s in PARAMETERS["seeds"]]
    loss = [math.nan if r["loss"] is None else r["loss"] for r in found]
    # A run that diverged guesses one of ten digits.
    accuracy = [0.1 if r["loss"] is None else r["test_accuracy"] for r in found]
    return np.array(loss), np.array(accuracy)


def _row(cell, log2_lr, beta, loss, accuracy):
    span = training.interval(accuracy)
    logs = training.interval(np.log(loss))
    return {
        "lr": learning_rate(cell[0], log2_lr, beta),
        "beta": beta,
        "diverged": int(np.isnan(loss).sum()),
        "loss": math.exp(logs.mean),
        "loss_low": math.exp(logs.low),
        "loss_high": math.exp(logs.high),
        "test_accuracy": span.mean,
        "low": span.low,
        "high": span.high,
    }


def _difference(one, other):
    """The interval of a difference of accuracies, paired by seed, as a dict."""
    span = training.interval(one - other)
    return {"mean": span.mean, "low": span.low, "high": span.high}


def _lower(names, batch_size, tuned):
    return min(names, key=lambda name: tuned[name, batch_size])


def summary(runs):
    """Tables by method and B and of the scaled runs; the four verdicts."""
    table, tuned, accuracy = {}, {}, {}
    for cell in _cells():
        method, batch_size, warmup = cell
        means = _means(cell, runs)
        grid, best = _grid(cell, means)
        loss, right = _final(cell, runs, best)
        row = _row(cell, *best, loss, right)
        row["on_edge"] = best[0] in (grid[0], grid[-1])
        betas = _betas(batch_size)
        row["beta_on_edge"] = len(betas) > 1 and best[1] in (betas[0], betas[-1])
        usual = [means[k, 0.9] for k in grid]
        row["log2_lr_at_0.9"] = grid[int(np.argmin(usual))]
        name = method if warmup else "momentum_without_warmup"
        table.setdefault(name, {})[str(batch_size)] = row
        tuned[name, batch_size] = means[best]
        accuracy[name, batch_size] = right
    problem = {}
    for name in PARAMETERS["methods"]:
        small, large = table[name][str(BASE)], table[name][str(FULL)]
        lost = small["test_accuracy"] - large["test_accuracy"]
        problem[name] = bool(lost >= 0.02 - _EPS and large["high"] < small["low"])
    helps, match = {}, {}
    for name, against in (("lamb", "adam"), ("lars", "momentum")):
        pairs = {b: _difference(accuracy[name, b], accuracy[against, b]) for b in (512, FULL)}
        helps[name] = {"differences": pairs, "holds": all(d["low"] > 0 for d in pairs.values())}
    for b in (256, 512, FULL):
        generic = _lower(("nesterov_torch", "adam"), b, tuned)
        layerwise = _lower(("lars", "lamb"), b, tuned)
        difference = _difference(accuracy[generic, b], accuracy[layerwise, b])
        match[str(b)] = {
            "generic": generic,
            "layerwise": layerwise,
            **difference,
            "matches": bool(difference["high"] >= 0),
        }
    scaling = {}
    for name, warmup in (("without", 0.0), ("with", PARAMETERS["warmup"])):
        origin = table["momentum" if warmup else "momentum_without_warmup"][str(BASE)]
        rows, holds = {str(BASE): origin}, True
        last = BASE
        for b in PARAMETERS["batch_sizes"][1:]:
            cell = ("momentum", b, warmup)
            k = math.log2(origin["lr"] * b / BASE)
            row = rows[str(b)] = _row(cell, k, 0.9, *_final(cell, runs))
            close = row["test_accuracy"] >= origin["test_accuracy"] - 0.005 - _EPS
            holds = holds and row["diverged"] == 0 and close
            last = b if holds else last
        scaling[name] = {"by_batch_size": rows, "holds_up_to": last}
    return {
        "by_method": table,
        "large_batch_problem": problem,
        "helps": helps,
        "generic_matches": match,
        "generic_match_holds": match["512"]["matches"] and match[str(FULL)]["matches"],
        "linear_scaling": scaling,
    }


def _points(difference):
    mean, low, high = (100 * difference[k] for k in ("mean", "low", "high"))
    return f"{mean:+.2f} [{low:+.2f}, {high:+.2f}] points"


def claims(summary):
    """The ledger's lines."""
    knee = round(load("batch_size")["summary"]["knee"])
    held = [summary["linear_scaling"][k]["holds_up_to"] for k in ("with", "without")]
    lamb, lars = (summary["helps"][k]["differences"] for k in ("lamb", "lars"))
    match = {B: summary["generic_matches"][B] for B in ("512", str(FULL))}
    ends = {}
    for name in ("momentum", "adam"):
        rows = summary["by_method"][name]
        right = (100 * rows[str(B)]["test_accuracy"] for B in (BASE, FULL))
        ends[name] = " and ".join(f"{r:.1f} %" for r in right)
    return [
        Claim(
            "Multiply the step size with the batch, warm up, and the accuracy stays, up to a batch "
            "that depends on the problem.",
            "Goyal et al. 2017",
            f"to within half a point, by the means of ten seeds, up to B = {held[0]} with warm-up, "
            f"{held[1]} without",
            f"to B = {held[0]}",
        ),
        Claim(
            "It ends near the critical batch size, the knee of `batch_size`.",
            "ours, from Chapter 2",
            f"it ends at {held[0]}, the knee is {knee}",
            knee / 3 <= held[0] <= 3 * knee,
        ),
        Claim(
            "At large batches LAMB keeps the test accuracy better than Adam.",
            "You et al. 2020",
            "LAMB minus Adam at 512 and 1,438: "
            + "; ".join(_points(d) for d in lamb.values())
            + f"; Adam alone at 16 and 1,438: {ends['adam']}",
            summary["helps"]["lamb"]["holds"],
        ),
        Claim(
            "At large batches LARS keeps the test accuracy better than momentum.",
            "You et al. 2017",
            "LARS minus momentum at 512 and 1,438: "
            + "; ".join(_points(d) for d in lars.values())
            + f"; momentum alone at 16 and 1,438: {ends['momentum']}",
            summary["helps"]["lars"]["holds"],
        ),
        Claim(
            "Nesterov momentum and Adam, tuned, can match LARS and LAMB at large batches.",
            "Nado et al. 2021",
            "the better generic minus the better layer-wise method at 512 and 1,438: "
            + "; ".join(_points(d) for d in match.values()),
            summary["generic_match_holds"],
        ),
    ]
