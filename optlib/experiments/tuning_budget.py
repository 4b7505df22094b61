"""Which optimizer is best after k trials of tuning, on four tasks?

Random search over a fixed space of each optimizer's own hyperparameters. The trial with the lowest
validation loss is chosen and judged by its test loss, for every budget k at once: what the best
of k trials drawn from all of them gives on average is a sum over ranks.
"""

import math

import numpy as np

from .. import schedules, tasks, training
from .record import Claim

# Base-10 logarithms of the ends; of a share of the past kept, those of 1 - share.
_LR = (-4.0, 0.0)
_SPACES = {
    "gradient_descent": {"lr": (-3.0, 1.0)},
    "momentum": {"lr": (-4.0, 0.0), "beta": (-2.0, 0.0)},
    "nesterov_torch": {"lr": (-4.0, 0.0), "beta": (-2.0, 0.0)},
    "adagrad": {"lr": (-3.0, 1.0)},
    "rmsprop": {"lr": _LR, "beta": (-3.0, -1.0), "eps": (-10.0, 0.0)},
    "adam": {"lr": _LR, "beta1": (-2.0, 0.0), "beta2": (-4.0, -1.0), "eps": (-10.0, 0.0)},
    "adam_lr": {"lr": _LR},
}
METHODS = tuple(_SPACES)
# What one takes without tuning: torch's defaults; momentum's 0.9 with SGD's rate is custom.
_DEFAULTS = {
    "gradient_descent": {"lr": 1e-3},
    "momentum": {"lr": 1e-3, "beta": 0.9},
    "nesterov_torch": {"lr": 1e-3, "beta": 0.9},
    "adagrad": {"lr": 1e-2},
    "rmsprop": {"lr": 1e-2},
    "adam": {"lr": 1e-3},
}
_TASKS = {
    "digits": {"batch_size": 32, "steps": 200},
    "diabetes": {"batch_size": 32, "steps": 200},
    "mnist1d": {"batch_size": 64, "steps": 400},
    "zipf_text": {"batch_size": 64, "steps": 200},
}
_MODELS = {
    "digits": tasks.mlp((64, 50, 10), "tanh"),
    "diabetes": tasks.mlp((10, 50, 1), "relu"),
    "mnist1d": tasks.mlp((40, 100, 100, 10), "relu"),
    "zipf_text": tasks.linear(2000, 2),
}
CHAPTER = "11_choosing_and_debugging"
PARAMETERS = {
    "tasks": {name: {**s, "model": repr(_MODELS[name])} for name, s in _TASKS.items()},
    "spaces": {m: {k: list(v) for k, v in space.items()} for m, space in _SPACES.items()},
    "drawn": "log-uniform between 10^low and 10^high; betas as 1 - beta; the rest at its default",
    "schedule": "linear to zero over the run, for all",
    "trials": 64,
    "seeds": [0, 1, 2, 3, 4],
    "validation": "the last fifth of the training part; it chooses, the test part judges",
    "loss_of_guessing": {
        name: round(math.log(tasks.ALL[name]().classes), 4) if name != "diabetes" else 0.5
        for name in _TASKS
    },
    "capped": "a run that diverged or ended above the loss of guessing counts as guessing",
    "budgets": [1, 2, 4, 8, 16, 32],
    "criterion_ranking": (
        "fixed before the run: the ranking depends on the budget if the optimizer with the "
        "lowest expected test loss at 2 trials is not the one at 32 on at least two tasks"
    ),
    "criterion_inclusion": (
        "fixed before the run: the general never loses to its special case if, at the best of "
        "64 trials and with five fresh seeds, the 95 % interval of the test loss lies above "
        "the special case's on no task: momentum over gradient descent, adam over momentum, "
        "adam over rmsprop"
    ),
    "criterion_lr_first": (
        "fixed before the run: tune the step size alone while trials are few, if at 4 trials "
        "adam_lr has the lower expected test loss than adam on at least three tasks, and at "
        "32 on at most one"
    ),
    "criterion_defaults": (
        "fixed before the run: trying optimizers at their defaults is as good as tuning one, "
        "if the best of the six defaults by validation loss has a test loss, mean of five "
        "seeds, not above what six trials of adam_lr give on at least three tasks"
    ),
}


def _draw(method, trial):
    """The hyperparameters of a trial: numbers that depend on the trial and the name alone."""
    found = {}
    for k, (name, (low, high)) in enumerate(_SPACES[method].items()):
        # A name's own stream: adam and adam_lr try the same step sizes.
        exponent = np.random.default_rng([trial, k]).uniform(low, high)
        value = 10.0**exponent
        found[name] = float(f"{1 - value if name.startswith('beta') else value:.4g}")
    return found


def _key(task, method):
    return lambda r: (r["task"], r["method"]) == (task, method)


def _trials(runs, task, method):
    """The results of the trials in order."""
    mine = [r for r in runs if r["kind"] == "trial" and _key(task, method)(r)]
    return [r["result"] for r in sorted(mine, key=lambda r: r["number"])]


def plan(done):
    """All trials; the defaults with five seeds; then each method's best trial with five seeds."""
    pairs = [(t, m) for t in _TASKS for m in METHODS]
    trials = [
        {"task": t, "method": m, "kind": "trial", "number": k, "seed": 100 + k}
        for t, m in pairs
        for k in range(PARAMETERS["trials"])
    ]
    fresh = [
        {"task": t, "method": m, "kind": "default", "number": 0, "seed": s}
        for t, m in pairs
        if m in _DEFAULTS
        for s in PARAMETERS["seeds"]
    ]
    for t, m in pairs:
        found = _trials(done, t, m)
        if len(found) == PARAMETERS["trials"]:
            best = int(np.argmin([r["validation"] for r in found]))
            fresh += [
                {"task": t, "method": m, "kind": "best", "number": best, "seed": s}
                for s in PARAMETERS["seeds"]
            ]
    return trials + fresh


def hyper(task, method, kind, number):
    """The hyperparameters of a run's settings."""
    return _DEFAULTS[method] if kind == "default" else _draw(method, number)


def _with_validation(name):
    """The task whose "test part" is the last fifth of the training part, and the whole task."""
    whole = tasks.ALL[name]()
    cut = len(whole.x_train) - len(whole.x_train) // 5
    x, y = whole.x_train, whole.y_train
    return whole.first(cut), (x[cut:], y[cut:])


def one(task, method, kind, number, seed):
    """One run: training, validation and test loss at the end (capped), and the test score."""
    settings, chosen = _TASKS[task], hyper(task, method, kind, number)
    part, (x, y) = _with_validation(task)
    guess = PARAMETERS["loss_of_guessing"][task]
    loss = training.LOSSES["mean_square" if part.kind == "regression" else "cross_entropy"]
    history = training.train(
        part,
        _MODELS[task],
        method.removesuffix("_lr"),
        seed=seed,
        batch_size=settings["batch_size"],
        steps=settings["steps"],
        record_every=settings["steps"],
        measure={"validation": lambda net, optimizer, step: loss(net(x), y).item()},
        **chosen | {"lr": schedules.polynomial(lr=chosen["lr"], steps=settings["steps"])},
    )
    ends = {
        "training": history.final_loss,
        "validation": float(history.measures["validation"][-1]),
        "test": float(history.test_loss[-1]),
    }
    lost = history.diverged is not None
    capped = {k: guess if lost or not v < guess else v for k, v in ends.items()}
    return {**chosen, **capped, "score": history.final_score, "diverged": history.diverged}


def _weights(n, k):
    """(n,): the share of the choices of k of n trials whose best has rank 0, 1, ..., n - 1."""
    return np.array([math.comb(n - 1 - i, k - 1) / math.comb(n, k) for i in range(n)])


def _ranked(trials):
    """(n,) test losses, the one with the lowest validation loss first."""
    return np.array([r["test"] for r in sorted(trials, key=lambda r: r["validation"])])


def expected(trials, k):
    """The mean test loss over all choices of k of the trials, each judged by its best one.

    trials : results with "validation", which chooses, and "test". The trial of rank i (from 0) of n
    is the best of k in C(n - 1 - i, k - 1) of the C(n, k) choices.
    """
    return float(_weights(len(trials), k) @ _ranked(trials))


def spread(trials, k, draws=200):
    """Ends of the 80 % bootstrap interval of :func:`expected`, the trials drawn again."""
    n = len(trials)
    again = np.sort(np.random.default_rng(0).integers(n, size=(draws, n)))
    return np.quantile(_ranked(trials)[again] @ _weights(n, k), [0.1, 0.9]).tolist()


def _fresh(runs, task, method, kind):
    mine = [r for r in runs if r["kind"] == kind and _key(task, method)(r)]
    return [r["result"] for r in mine]


def _row(runs, task, method):
    """What the chapter says about one optimizer on one task."""
    trials, best = _trials(runs, task, method), _fresh(runs, task, method, "best")
    span = training.interval([r["test"] for r in best])
    score = training.interval([r["score"] for r in best])
    places = {
        k: (math.log10(1 - best[0][k] if k.startswith("beta") else best[0][k]) - low) / (high - low)
        for k, (low, high) in _SPACES[method].items()
    }
    return {
        "expected": {str(k): expected(trials, k) for k in PARAMETERS["budgets"]},
        "spread": {str(k): spread(trials, k) for k in PARAMETERS["budgets"]},
        "best": {k: best[0][k] for k in _SPACES[method]},
        "place": places,
        "on_edge": [k for k, v in places.items() if not 0.05 < v < 0.95],
        "test": {"mean": span.mean, "low": span.low, "high": span.high},
        "score": {"mean": score.mean, "half": score.half},
        "failed": sum(r["validation"] >= PARAMETERS["loss_of_guessing"][task] for r in trials),
    }


def _leader(table, task, budget, methods):
    return min(methods, key=lambda m: table[task][m]["expected"][str(budget)])


def summary(runs):
    """For each task and optimizer the expected test loss by budget, the best; and the verdicts."""
    table = {t: {m: _row(runs, t, m) for m in METHODS} for t in _TASKS}
    six = tuple(_DEFAULTS)
    leaders = {
        t: {str(k): _leader(table, t, k, six) for k in PARAMETERS["budgets"]} for t in _TASKS
    }
    ranks = {str(k): dict.fromkeys(six, 0.0) for k in PARAMETERS["budgets"]}
    for k, found in ranks.items():
        for t in _TASKS:
            order = sorted(six, key=lambda m: table[t][m]["expected"][k])
            for place, m in enumerate(order, 1):
                found[m] += place / len(_TASKS)
    lost = [
        [t, general, special]
        for general, special in (
            ("momentum", "gradient_descent"),
            ("adam", "momentum"),
            ("adam", "rmsprop"),
        )
        for t in _TASKS
        if table[t][general]["test"]["low"] > table[t][special]["test"]["high"]
    ]

    def alone(k):
        gain = {t: table[t]["adam"]["expected"][k] - table[t]["adam_lr"]["expected"][k]
                for t in _TASKS}  # fmt: skip
        return [t for t, v in gain.items() if v > 0]

    defaults = {}
    for t in _TASKS:
        means = {
            m: {key: float(np.mean([r[key] for r in _fresh(runs, t, m, "default")]))
                for key in ("validation", "test")}
            for m in six
        }  # fmt: skip
        chosen = min(six, key=lambda m: means[m]["validation"])
        rival = expected(_trials(runs, t, "adam_lr"), 6)
        defaults[t] = {"chosen": chosen, "test": means[chosen]["test"], "six_trials": rival,
                       "all": {m: v["test"] for m, v in means.items()}}  # fmt: skip
    changed = [t for t in _TASKS if leaders[t]["2"] != leaders[t]["32"]]
    good = [t for t in _TASKS if defaults[t]["test"] <= defaults[t]["six_trials"]]
    return {
        "table": table,
        "leaders": leaders,
        "mean_rank": ranks,
        "ranking": {"changed_on": changed, "holds": len(changed) >= 2},
        "inclusion": {"lost": lost, "holds": not lost},
        "lr_first": {
            "alone_better_at_4": alone("4"),
            "alone_better_at_32": alone("32"),
            "holds": len(alone("4")) >= 3 and len(alone("32")) <= 1,
        },
        "defaults": {"by_task": defaults, "as_good_on": good, "holds": len(good) >= 3},
    }


def claims(summary):
    """The ledger's lines."""
    changed, lost = summary["ranking"]["changed_on"], summary["inclusion"]["lost"]
    alone, by_task = summary["lr_first"], summary["defaults"]["by_task"]
    pairs = [f"{t} {row['test']:.3f} against {row['six_trials']:.3f}" for t, row in by_task.items()]
    return [
        Claim(
            "Which optimizer is best depends on the tuning protocol.",
            "Choi et al. 2019",
            f"the leader at 2 trials is not the leader at 32 on {len(changed)} of 4 tasks",
            summary["ranking"]["holds"],
        ),
        Claim(
            "Tuned, a general optimizer never loses to one that it contains.",
            "Choi et al. 2019",
            f"worse, intervals apart, in {len(lost)} of 12 comparisons",
            summary["inclusion"]["holds"],
        ),
        Claim(
            "With fewer than ten trials tune Adam's step size alone.",
            "Godbole et al. 2023",
            f"alone better on {len(alone['alone_better_at_4'])} of 4 tasks at 4 trials, on "
            f"{len(alone['alone_better_at_32'])} at 32",
            alone["holds"],
        ),
        Claim(
            "Trying several optimizers at their defaults works about as well as tuning one.",
            "Schmidt et al. 2021",
            f"test loss of six defaults' best, and of six trials of Adam's: {', '.join(pairs)}",
            summary["defaults"]["holds"],
        ),
    ]


# What the chapter reads off the record ------------------------------------------------------------


def resampled(record, task, k, draws=400):
    """{optimizer: (draws,) of :func:`expected` at k trials, the trials drawn again, with repeats}.

    The same trials for all optimizers, since trial n has one seed and one place in every space of
    step sizes: what differs between two optimizers in a draw is not the luck of their seeds.
    """
    n, found = PARAMETERS["trials"], {}
    again = np.random.default_rng(0).integers(n, size=(draws, n))
    for method in METHODS:
        trials = _trials(record["runs"], task, method)
        validation, test = (np.array([r[key] for r in trials]) for key in ("validation", "test"))
        order = np.argsort(validation[again], axis=1, kind="stable")
        found[method] = np.take_along_axis(test[again], order, axis=1) @ _weights(n, k)
    return found


def behind(record, k):
    """{optimizer: [ratio, low, high]}: how far it is behind the best of the six after k trials.

    Expected test loss over that of the task's best optimizer, geometric mean over the tasks; low
    and high are the ends of the 80 % interval over :func:`resampled`.
    """
    drawn = [resampled(record, task, k) for task in _TASKS]
    rows = [{m: expected(_trials(record["runs"], task, m), k) for m in METHODS} for task in _TASKS]

    def ratio(tasks, method):
        best = [np.min([row[m] for m in _DEFAULTS], axis=0) for row in tasks]
        return np.exp(np.mean([np.log(row[method] / b) for row, b in zip(tasks, best)], axis=0))

    return {m: [ratio(rows, m), *np.quantile(ratio(drawn, m), [0.1, 0.9])] for m in _DEFAULTS}


def searches(record, budgets):
    """The trials cut into searches of k trials each, for every k -> one dict a search.

    Searches of the same k share no trial, so that they are independent of one another. Keys: task,
    optimizer, trials (k) and "test loss" of the trial that its validation loss chose.
    """
    rows = []
    for t in _TASKS:
        for m in METHODS:
            found = _trials(record["runs"], t, m)
            for k in budgets:
                for start in range(0, len(found) - k + 1, k):
                    best = min(found[start : start + k], key=lambda r: r["validation"])
                    name = "adam, η alone" if m == "adam_lr" else m.removesuffix("_torch")
                    rows.append(
                        {"task": t, "optimizer": name, "trials": k, "test loss": best["test"]}
                    )
    return rows


def shares(record, task, method):
    """{hyperparameter: share of the variance of log test loss that lies between its quarters}.

    The trials are sorted by the hyperparameter and cut into four groups of equal size; by chance
    alone the share is about 3/63, 5 %.
    """
    found = _trials(record["runs"], task, method)
    y = np.log([r["test"] for r in found])
    total = ((y - y.mean()) ** 2).sum()
    result = {}
    for name in _SPACES[method]:
        order = np.argsort([r[name] for r in found])
        groups = np.array_split(y[order], 4)
        result[name] = sum(len(g) * (g.mean() - y.mean()) ** 2 for g in groups) / total
    return result


def usable(record, task, method, within=1.2):
    """Share of the trials whose test loss is at most ``within`` times the least of all trials."""
    least = min(r["test"] for m in METHODS for r in _trials(record["runs"], task, m))
    return float(
        np.mean([r["test"] <= within * least for r in _trials(record["runs"], task, method)])
    )
