"""Chapter 2, SGD and mini-batches: references, random cases and known mistakes."""

import numpy as np

from optlib_checks.judge import Exercise, Mistake, choice, numbers

# ½ λ x² with λ = 4, step 0.1 and noise of standard deviation 3 in every gradient.
_VARIANCE = 0.1 * 3**2 / (4 * (2 - 0.1 * 4))

noise_floor = numbers(
    "noise_floor",
    {"variance": _VARIANCE, "loss": 4 * _VARIANCE / 2, "batch": 16.0},
    [
        (
            {"variance": 0.1 * 9 / (4 * 2), "loss": 0.1 * 9 / 4},
            "ησ²/(2λ) is the limit of small steps. The factor is (1 − ηλ)², and "
            "1 − (1 − ηλ)² is ηλ(2 − ηλ), not 2ηλ.",
        ),
        (
            {"variance": 0.1 * 3 / (4 * 1.6), "loss": 0.1 * 3 / (2 * 1.6)},
            "noise enters with its variance, σ² = 9, not with its standard deviation 3.",
        ),
        (
            {"variance": 0.1 * 9 / (4 * 2)},
            "that variance is the limit of small steps: 1 − (1 − ηλ)² is ηλ(2 − ηλ), not 2ηλ.",
        ),
        (
            {"variance": 0.1**2 * 9},
            "η²σ² is what one step adds. The steps before it have not quite faded.",
        ),
        (
            {"variance": 0.1 * 9 / 1.6},
            "one division by λ is missing: η²σ² / (ηλ(2 − ηλ)).",
        ),
        ({"loss": 4 * _VARIANCE}, "the loss is ½λx²: the half is missing."),
        ({"loss": _VARIANCE / 2}, "the loss is ½λx²: λ is missing."),
        ({"loss": 0.1 * 9 / 4}, "ησ²/4 is the limit of small steps; here ηλ is 0.4."),
        (
            {"batch": 4.0},
            "4 rows quarter the variance and so halve the typical distance, its root.",
        ),
        ({"batch": 2.0}, "2 rows halve the variance; the distance shrinks by √2 only."),
        (
            {"batch": 256.0},
            "that would be for a quarter of the distance's square root. Variance goes like 1/B.",
        ),
    ],
    rtol=4e-3,
)


def _sgd_epoch(
    w,
    X,
    y,
    lr,
    batch,
    order,
    *,
    drop=False,
    divide="rows",
    shuffle=True,
    labels=True,
    stale=False,
    sign=-1.0,
    two=1.0,
    first=False,
):
    start_w = w = np.asarray(w, dtype=float)
    order = order if shuffle else np.arange(len(y))
    for start in range(0, len(y), batch):
        rows = order[start : start + batch]
        if drop and len(rows) < batch:
            break
        targets = y[rows] if labels else y[start : start + batch]
        error = X[rows] @ (start_w if stale else w) - targets
        count = {"rows": len(rows), "batch": batch, "all": len(y), "none": 1}[divide]
        w = w + sign * lr * two * X[rows].T @ error / count
        if first:
            break
    return (w,)


def _least_squares(rng, n, d):
    X = rng.normal(size=(n, d))
    return {"w": rng.normal(size=d), "X": X, "y": X @ rng.normal(size=d) + rng.normal(size=n)}


def _epoch_cases(rng):
    for k in range(16):
        batch = int(rng.integers(2, 6))
        short = int(rng.integers(1, batch)) if k % 4 else 0
        n = batch * int(rng.integers(2, 5)) + short
        data = _least_squares(rng, n, int(rng.integers(1, 4)))
        lr = float(rng.uniform(0.02, 0.1))
        yield data | {"lr": lr, "batch": batch, "order": rng.permutation(n)}


_CORNER = {
    "w": np.array([1.0, 0.0]),
    "X": np.array([[1.0, 2.0], [0.0, 1.0], [3.0, -1.0]]),
    "y": np.array([1.0, 0.0, 2.0]),
}

sgd_epoch = Exercise(
    name="sgd_epoch",
    reads="function",
    returns=("w",),
    reference=_sgd_epoch,
    cases=_epoch_cases,
    corners=(
        (
            "batches of one row",
            _CORNER | {"lr": 0.1, "batch": 1, "order": np.array([2, 0, 1])},
        ),
        (
            "a batch larger than the data, which is one short batch",
            _CORNER | {"lr": 0.1, "batch": 8, "order": np.array([1, 2, 0])},
        ),
        (
            "a w of whole numbers",
            _CORNER | {"w": np.array([1, 0]), "lr": 0.1, "batch": 2, "order": np.array([1, 2, 0])},
        ),
    ),
    mistakes=(
        Mistake({"drop": True}, "the short batch at the end is left out; its rows count too."),
        Mistake(
            {"divide": "batch"},
            "the last batch has fewer rows, and you divide by `batch` all the same. Divide by "
            "the number of rows that are there.",
        ),
        Mistake(
            {"divide": "none"},
            "that is the sum over the batch; the gradient of a mean is a mean, or the step grows "
            "with the batch.",
        ),
        Mistake(
            {"divide": "all"},
            "you divide by all n rows; this gradient is the mean over its own batch.",
        ),
        Mistake({"shuffle": False}, "the rows are taken as they lie; take them in `order`."),
        Mistake(
            {"labels": False},
            "X is shuffled and y is not: every row is taught another row's label. Use "
            "`order` on both.",
        ),
        Mistake(
            {"stale": True},
            "every batch's gradient is taken at the first w; take it at the w of that moment.",
        ),
        Mistake({"sign": 1.0}, "you walk uphill: subtract the step."),
        Mistake(
            {"two": 2.0},
            "every step is twice too long: half the squared error has no 2 in its gradient.",
        ),
        Mistake({"first": True}, "you return after the first batch; go through all of them."),
    ),
)


def _accumulate(
    w,
    X,
    y,
    lr,
    micro,
    every,
    *,
    keep=False,
    drop=False,
    fixed=False,
    means=False,
    total=False,
    each=False,
):
    w = np.asarray(w, dtype=float)
    gradient, rows_seen, parts = np.zeros_like(w), 0, 0
    for start in range(0, len(y), micro):
        rows = slice(start, start + micro)
        error = X[rows] @ w - y[rows]
        gradient = gradient + X[rows].T @ error / (len(error) if means else 1)
        rows_seen, parts = rows_seen + len(error), parts + 1
        last = start + micro >= len(y) and not drop
        if each or parts == every or last:
            count = parts if means else rows_seen
            if fixed:
                count = every if means else micro * every
            w = w - lr * gradient / (1 if total else count)
            gradient, rows_seen, parts = (gradient if keep else np.zeros_like(w)), 0, 0
    return (w,)


def _accumulation_cases(rng):
    for k in range(16):
        micro, every = int(rng.integers(2, 5)), int(rng.integers(2, 4))
        # whole groups; a last group cut between micro-batches, or in the middle of one
        rest = (0, micro + 1, 1, micro * (every - 1))[k % 4]
        n = micro * every * int(rng.integers(2, 4)) + rest
        data = _least_squares(rng, n, int(rng.integers(1, 4)))
        yield data | {"lr": float(rng.uniform(0.02, 0.1)), "micro": micro, "every": every}


accumulate = Exercise(
    name="accumulate",
    reads="function",
    returns=("w",),
    reference=_accumulate,
    cases=_accumulation_cases,
    corners=(
        (
            "every = 1, which is plain SGD",
            _CORNER | {"lr": 0.1, "micro": 2, "every": 1},
        ),
        (
            "a group larger than the data",
            _CORNER | {"lr": 0.1, "micro": 2, "every": 5},
        ),
    ),
    mistakes=(
        Mistake(
            {"keep": True, "drop": True, "fixed": True},
            "the loop is as it was given, with three faults in it. Begin with what the sum still "
            "holds after the first step.",
        ),
        Mistake(
            {"keep": True},
            "each group's step still carries the gradients of the groups before it: empty the "
            "sum after every step (zero_grad).",
        ),
        Mistake(
            {"drop": True},
            "the rows after the last full group are never used; take one more step at the end.",
        ),
        Mistake(
            {"fixed": True},
            "a short last group is divided by micro · every like a full one. Divide by the rows "
            "in it.",
        ),
        Mistake(
            {"means": True},
            "that is a mean of means, in which a short micro-batch weighs as much as a full one. "
            "Add up sums and divide once.",
        ),
        Mistake(
            {"means": True, "fixed": True},
            "each micro-batch gives its mean, and every group is divided by `every`, though the "
            "last one may be short. Count rows.",
        ),
        Mistake({"total": True}, "the step is a sum over the group; divide by its rows."),
        Mistake(
            {"each": True},
            "you step after every micro-batch. Inside a group w stays; only the sum grows.",
        ),
    ),
    slips=3,
)

# ½ λ x² with λ = 1/4, steps c/t.
one_over_t = numbers(
    "one_over_t",
    {"best": 4.0, "threshold": 2.0, "exponent": 0.5},
    [
        (
            {"best": 2.0},
            "at c = 1/(2λ) the last errors add up like log t: c²/(2cλ − 1) has its pole there. "
            "Where is its minimum?",
        ),
        ({"best": 8.0}, "2/λ is a limit for constant steps. Minimise c²/(2cλ − 1)."),
        ({"best": 0.25}, "that is λ; the best c is measured in 1/λ."),
        (
            {"threshold": 4.0},
            "1/λ is the best c. The rate 1/t is kept down to half of that.",
        ),
        ({"threshold": 1.0}, "E x² is asked: x shrinks like t^(−cλ), its square twice as fast."),
        (
            {"threshold": 0.5},
            "cλ > ½ is the condition; solve it for c.",
        ),
        (
            {"exponent": 0.25},
            "t^(−cλ) is how x shrinks. The loss goes with its square.",
        ),
        (
            {"exponent": 1.0},
            "1/t needs 2cλ > 1. With c = 1 it is ½, and the start is forgotten no faster.",
        ),
    ],
)


def _averaged_sgd(
    grad,
    w0,
    lr,
    steps,
    burn,
    *,
    begin=1,
    end=None,
    first=None,
    clock=1,
    fading=False,
    divide=True,
    frozen=False,
    swap=False,
):
    path = [np.asarray(w0, dtype=float)]
    for t in range(clock, steps + clock):
        g = np.asarray(grad(path[0] if frozen else path[-1], t), dtype=float)
        path.append(path[-1] - lr * g)
    kept = path[burn + begin if first is None else first : end]
    average = np.mean(kept, axis=0) if divide else np.sum(kept, axis=0) / steps
    if fading:
        average = kept[0]
        for w in kept[1:]:
            average = 0.9 * average + 0.1 * w
    return (average, path[-1]) if swap else (path[-1], average)


def _noisy_bowl(rng, n, steps):
    """The gradient of a bowl at w plus noise that depends on the step t alone."""
    root = rng.normal(size=(n, n))
    matrix, noise = root @ root.T / n + 0.3 * np.eye(n), rng.normal(size=(steps + 2, n))

    def grad(w, t):
        w = np.asarray(w, dtype=float)
        if w.shape != (n,):
            raise ValueError(f"grad takes an array of shape {(n,)}, not {w.shape}")
        if not 0 <= t <= steps:
            raise ValueError(f"t counts from 1 to {steps}; this is {t:g}")
        return matrix @ w + noise[int(t)]

    return grad


def _averaging_case(rng, n, steps, burn):
    return {
        "grad": _noisy_bowl(rng, n, steps),
        "w0": rng.normal(size=n) * 3,
        "lr": float(rng.uniform(0.05, 0.2)),
        "steps": steps,
        "burn": burn,
    }


def _averaging_cases(rng):
    for _ in range(12):
        steps = int(rng.integers(6, 16))
        yield _averaging_case(rng, int(rng.integers(1, 4)), steps, int(rng.integers(2, steps - 3)))


averaged_sgd = Exercise(
    name="averaged_sgd",
    reads="function",
    returns=("w", "average"),
    reference=_averaged_sgd,
    cases=_averaging_cases,
    corners=(
        ("burn = 0", _averaging_case(np.random.default_rng(1), 2, 5, 0)),
        (
            "burn = steps − 1, where the average is the last w",
            _averaging_case(np.random.default_rng(2), 2, 5, 4),
        ),
    ),
    mistakes=(
        Mistake(
            {"begin": 0},
            "one point too many: w after step `burn` still belongs to the burn-in.",
        ),
        Mistake({"begin": 2}, "one point too few: the first to be kept is w after step burn + 1."),
        Mistake({"end": -1}, "the last w is missing from the average."),
        Mistake(
            {"first": 0},
            "the average runs over all points, w0 and burn-in included: the way down is no noise.",
        ),
        Mistake({"first": 1}, "the burn-in is averaged too; begin after step `burn`."),
        Mistake(
            {"divide": False},
            "you divide by `steps`; the average has steps − burn points.",
        ),
        Mistake(
            {"fading": True},
            "that is a fading average, with weight 0.1 on the newest; here all kept points count "
            "the same.",
        ),
        Mistake({"clock": 0}, "t is 1 at the first step; your first is 0."),
        Mistake(
            {"frozen": True},
            "the gradient is taken at w0 every time; take it where you are now.",
        ),
        Mistake({"swap": True}, "return the last w first, then the average."),
    ),
)

unbiased = choice(
    "unbiased",
    {
        "a": (True, "each draw is uniform over all rows, so each term has the right mean."),
        "b": (
            True,
            "distinct rows depend on one another, but each is uniform, and a mean of means asks "
            "for no more.",
        ),
        "c": (True, "the first batch of a fresh order is B distinct random rows, as in b."),
        "d": (
            False,
            "the first batch is used up: if its gradients were large, what is left is small. "
            "Given the first batch, the second is biased.",
        ),
        "e": (
            False,
            "long rows come up more often and nothing makes up for it. Dividing by n·pᵢ would.",
        ),
        "f": (True, "pᵢ · 1/(n pᵢ) = 1/n: the division undoes the unequal draw."),
        "g": (
            False,
            "the short batch is as likely as a full one, so each of its 5 rows weighs 32/5 times "
            "as much as any other.",
        ),
    },
)

EXERCISES = (
    noise_floor,
    sgd_epoch,
    accumulate,
    one_over_t,
    averaged_sgd,
    unbiased,
)
