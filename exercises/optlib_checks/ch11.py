"""Chapter 11, choosing and debugging: references, random cases and known mistakes."""

import numpy as np

from optlib_checks.judge import Exercise, Mistake, numbers


def _mean_gradient(w, X, y):
    """Of half the squared error, averaged over the rows."""
    return X.T @ (X @ w - y) / len(y)


def _batches(y, batch):
    return [slice(start, start + batch) for start in range(0, len(y), batch)]


def _data(rng):
    n, d = int(rng.integers(7, 13)), int(rng.integers(2, 4))
    X = rng.normal(size=(n, d))
    return {"w": rng.normal(size=d), "X": X, "y": X @ rng.normal(size=d) + 0.3 * rng.normal(size=n)}


def _reset_loop(
    w, X, y, lr, batch, epochs, *, reset="step", mean=True, stale=False, sign=-1.0, one=False
):
    gradient = np.zeros_like(w)
    for _ in range(1 if one else epochs):
        start = w
        for rows in _batches(y, batch):
            gradient = 0 * gradient if reset == "step" else gradient
            fresh = _mean_gradient(start if stale else w, X[rows], y[rows])
            gradient = gradient + fresh * (1 if mean else len(y[rows]))
            gradient = 0 * gradient if reset == "late" else gradient
            w = w + sign * lr * gradient
        gradient = 0 * gradient if reset == "epoch" else gradient
    return (w,)


def _reset_cases(rng):
    for _ in range(12):
        yield _data(rng) | {
            "lr": float(rng.uniform(0.02, 0.1)),
            "batch": int(rng.integers(2, 4)),
            "epochs": int(rng.integers(2, 4)),
        }


reset_loop = Exercise(
    name="reset_loop",
    reads="function",
    returns=("w",),
    reference=_reset_loop,
    cases=_reset_cases,
    mistakes=(
        Mistake(
            {"reset": "never"},
            "the loop is as it was given. Print `gradient` at the second step beside the gradient "
            "of its batch.",
        ),
        Mistake(
            {"reset": "epoch"},
            "the sum is emptied once an epoch; every step needs its own gradient.",
        ),
        Mistake(
            {"reset": "late"},
            "the gradient is emptied between its batch and its step: w never moves.",
        ),
        Mistake({"mean": False}, "that is the sum over the batch; keep the mean."),
        Mistake(
            {"stale": True},
            "every gradient of an epoch is taken at the epoch's first w: step after each batch.",
        ),
        Mistake({"sign": 1.0}, "you walk uphill: subtract the step."),
        Mistake({"one": True}, "only one epoch is run."),
    ),
)


def _state_loop(w, X, y, lr, batch, epochs, *, state="run", clock="steps", second=True, sign=-1.0):
    m, v, t = np.zeros_like(w), np.zeros_like(w), 0
    with np.errstate(all="ignore"):
        for epoch in range(epochs):
            if state == "epoch":
                m, v = 0 * m, 0 * v
            t = 0 if clock == "anew" else t
            for rows in _batches(y, batch):
                g = _mean_gradient(w, X[rows], y[rows])
                if state == "step":
                    m, v = 0 * m, 0 * v
                elif state == "first":
                    m = 0 * m
                t += 1
                count = {"epochs": epoch + 1, "zero": t - 1, "one": 1}.get(clock, t)
                m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
                m_hat, v_hat = m / (1 - 0.9**count), v / (1 - 0.999**count)
                w = w + sign * lr * m_hat / (np.sqrt(v_hat) + 1e-8)
    return (w,)


def _state_cases(rng):
    for _ in range(12):
        yield _data(rng) | {
            "lr": float(rng.uniform(0.05, 0.2)),
            "batch": int(rng.integers(2, 4)),
            "epochs": int(rng.integers(2, 4)),
        }


state_loop = Exercise(
    name="state_loop",
    reads="function",
    returns=("w",),
    reference=_state_loop,
    cases=_state_cases,
    mistakes=(
        Mistake(
            {"state": "step"},
            "the loop is as it was given. How many gradients has m seen by the second step?",
        ),
        Mistake(
            {"state": "epoch", "clock": "anew"},
            "the optimizer is made anew every epoch, its state and its t. Make it once.",
        ),
        Mistake({"state": "epoch"}, "m and v are emptied at every epoch, while t goes on."),
        Mistake({"state": "first"}, "v is kept now, and m is still made anew at every step."),
        Mistake({"clock": "epochs"}, "t counts epochs; the bias correction counts steps."),
        Mistake({"clock": "anew"}, "t starts again at every epoch, though m and v go on."),
        Mistake({"clock": "zero"}, "t is 0 at the first step, which divides by 0."),
        Mistake({"clock": "one"}, "t stays at 1, so the correction never fades."),
        Mistake({"sign": 1.0}, "you walk uphill: subtract the step."),
    ),
)


def _decay_loop(
    w,
    b,
    X,
    y,
    lr,
    weight_decay,
    steps,
    *,
    bias=False,
    weights=True,
    scaled=True,
    grows=False,
    after=False,
):
    sign = -1.0 if grows else 1.0
    for _ in range(steps):
        error = X @ w + b - y
        gw, gb = X.T @ error / len(y), np.mean(error)
        pull = sign * weight_decay * (1.0 if scaled else 1 / lr)
        w = w - lr * (gw + (pull * w if weights else 0.0))
        gb = np.mean(X @ w + b - y) if after else gb
        b = b - lr * (gb + (pull * b if bias else 0.0))
    return w, np.asarray(b, dtype=float)


def _decay_cases(rng):
    for _ in range(12):
        n = int(rng.integers(6, 12))
        X = rng.normal(size=(n, 2))
        yield {
            "w": rng.normal(size=2),
            "b": float(rng.normal() + 3),
            "X": X,
            "y": X @ rng.normal(size=2) + 4 + 0.3 * rng.normal(size=n),
            "lr": float(rng.uniform(0.05, 0.2)),
            "weight_decay": float(rng.uniform(0.1, 0.5)),
            "steps": int(rng.integers(3, 7)),
        }


decay_loop = Exercise(
    name="decay_loop",
    reads="function",
    returns=("w", "b"),
    reference=_decay_loop,
    cases=_decay_cases,
    mistakes=(
        Mistake(
            {"bias": True},
            "the loop is as it was given. For targets around 4, which of its numbers should not be "
            "pulled to 0?",
        ),
        Mistake({"weights": False}, "the decay is gone altogether; w keeps it."),
        Mistake(
            {"bias": True, "weights": False},
            "now the bias is decayed and w is not: the other way round.",
        ),
        Mistake({"scaled": False}, "the decay is not multiplied by lr any more."),
        Mistake({"after": True}, "b's gradient is taken after w has moved; take both before."),
        Mistake({"grows": True}, "the decay is subtracted from the gradient: w grows."),
    ),
)


def _cut(g, limit, always=False, power=1):
    size = np.linalg.norm(g) ** power
    return g * limit / size if always or size > limit else g


def _clip_loop(
    w, X, y, lr, micro, limit, steps, *, clip="mean", always=False, total=False, power=1
):
    for _ in range(steps):
        parts = np.array([_mean_gradient(w, X[rows], y[rows]) for rows in _batches(y, micro)])
        if clip == "each":
            parts = np.array([_cut(one, limit, always, power) for one in parts])
        if clip == "coordinate":
            g = np.clip(np.mean(parts, axis=0), -limit, limit)
        elif clip == "sum":
            g = _cut(np.sum(parts, axis=0), limit) / len(parts)
        else:
            g = np.sum(parts, axis=0) / (1 if total else len(parts))
            g = _cut(g, limit, always, power) if clip == "mean" else g
        w = w - lr * g
    return (w,)


def _clip_cases(rng):
    for k in range(12):
        micro, count = int(rng.integers(1, 4)), int(rng.integers(3, 5))
        X = rng.normal(size=(micro * count, 2))
        w, best = rng.normal(size=(2, 2)) * 2
        y = X @ best + 3 * rng.normal(size=micro * count)
        size = np.linalg.norm(_mean_gradient(w, X, y))
        yield {
            "w": w,
            "X": X,
            "y": y,
            "lr": float(rng.uniform(0.02, 0.1)),
            "micro": micro,
            "limit": float(size) * (20.0, 0.5, 1.3)[k % 3],
            "steps": int(rng.integers(2, 5)),
        }


clip_loop = Exercise(
    name="clip_loop",
    reads="function",
    returns=("w",),
    reference=_clip_loop,
    cases=_clip_cases,
    mistakes=(
        Mistake(
            {"clip": "each"},
            "the loop is as it was given. Cut the data into smaller micro-batches: should the step "
            "change?",
        ),
        Mistake(
            {"clip": "never"}, "nothing is clipped; the mean gradient is to be, before lr comes in."
        ),
        Mistake(
            {"clip": "sum"},
            "the sum is clipped and then divided: the step is at most limit over the number of "
            "micro-batches.",
        ),
        Mistake(
            {"clip": "coordinate"},
            "every coordinate is clipped by itself, which turns the gradient. Shorten it as a "
            "whole.",
        ),
        Mistake({"always": True}, "short gradients are stretched to `limit`."),
        Mistake({"total": True}, "that is the sum of the micro-batches' means; average them."),
        Mistake({"power": 2}, "the root is missing: that is the square of the norm."),
    ),
)


def _schedule_loop(w, X, y, schedule, batch, epochs, *, clock="steps"):
    t = 0
    for epoch in range(epochs):
        for k, rows in enumerate(_batches(y, batch)):
            t += 1
            when = {
                "epochs": epoch + 1,
                "early": epoch,
                "zero": t - 1,
                "ahead": t + 1,
                "batches": k + 1,
                "rows": t * batch,
                "first": 1,
                "floor": epoch * (len(y) // batch) + k + 1,
            }.get(clock, t)
            w = w - float(schedule(when)) * _mean_gradient(w, X[rows], y[rows])
    return (w,)


def _falling(steps, lr):
    def schedule(t):
        return lr * max(0.0, 1 - (float(t) - 1) / steps)

    return schedule


def _schedule_cases(rng):
    for _ in range(12):
        data, batch, epochs = _data(rng), int(rng.integers(2, 4)), int(rng.integers(2, 4))
        steps = epochs * len(_batches(data["y"], batch))
        yield data | {
            "schedule": _falling(steps, float(rng.uniform(0.1, 0.3))),
            "batch": batch,
            "epochs": epochs,
        }


schedule_loop = Exercise(
    name="schedule_loop",
    reads="function",
    returns=("w",),
    reference=_schedule_loop,
    cases=_schedule_cases,
    mistakes=(
        Mistake(
            {"clock": "epochs"},
            "the loop is as it was given. Print the rates it uses: which is the last one, and "
            "which should it be?",
        ),
        Mistake({"clock": "early"}, "t still counts epochs, now from 0; it counts steps."),
        Mistake({"clock": "zero"}, "t starts at 0: the first rate is one that was never meant."),
        Mistake({"clock": "ahead"}, "t is one ahead: the first step skips the first rate."),
        Mistake({"clock": "batches"}, "t starts again at every epoch; it counts all steps."),
        Mistake({"clock": "rows"}, "t counts rows; it counts steps."),
        Mistake(
            {"clock": "floor"},
            "an epoch's last batch may be short, and is a step too: t falls behind by one there.",
        ),
        Mistake({"clock": "first"}, "t never moves: every step takes the first rate."),
    ),
)


def _gradient_check(
    f, grad, x, h, *, way="central", below="larger", absolute=True, at_once=False, zero=0.0
):
    a = np.asarray(grad(x), dtype=float)
    n = np.empty(len(x))
    for i in range(len(x)):
        e = np.full(len(x), h) if at_once else h * (np.arange(len(x)) == i)
        if way == "central":
            n[i] = (f(x + e) - f(x - e)) / (2 * h)
        elif way == "forward":
            n[i] = (f(x + e) - f(x)) / h
        else:
            n[i] = (f(x + e) - f(x - e)) / h
    apart = np.abs(n - a) if absolute else n - a
    with np.errstate(all="ignore"):
        size = {
            "larger": np.maximum(np.abs(n), np.abs(a)),
            "sum": np.abs(n) + np.abs(a),
            "numeric": np.abs(n),
            "given": np.abs(a),
            "smaller": np.minimum(np.abs(n), np.abs(a)),
            "norm": np.full(len(x), max(np.linalg.norm(n), np.linalg.norm(a))),
            "nothing": np.ones(len(x)),
        }[below]
        error = np.where((n == 0) & (a == 0), zero, apart / size)
    return (error,)


def _functions(rng):
    for k in range(12):
        d = int(rng.integers(2, 5))
        A, c = rng.normal(size=(d, d)), rng.normal(size=d)
        factor = np.ones(d)
        factor[int(rng.integers(d))] = (0.5, 2.0, -1.0)[k % 3]  # one wrong coordinate

        def f(x, A=A, c=c):
            return float(np.sum(np.sin(A @ x)) + np.sum((x - c) ** 3) + x @ x)

        def grad(x, A=A, c=c, factor=factor):
            x = np.asarray(x, dtype=float)
            return factor * (A.T @ np.cos(A @ x) + 3 * (x - c) ** 2 + 2 * x)

        yield {"f": f, "grad": grad, "x": rng.normal(size=d), "h": float(rng.uniform(0.1, 0.3))}


gradient_check = Exercise(
    name="gradient_check",
    reads="function",
    returns=("error",),
    reference=_gradient_check,
    cases=_functions,
    corners=(
        (
            "a coordinate that f does not use",
            {
                "f": lambda x: float(x[0] ** 3),
                "grad": lambda x: np.array([2 * float(x[0]) ** 2, 0.0]),
                "x": np.array([1.0, 2.0]),
                "h": 0.1,
            },
        ),
    ),
    mistakes=(
        Mistake({"way": "forward"}, "that is the forward difference; take both sides of x."),
        Mistake({"way": "wide"}, "the two points lie 2h apart: divide by 2h."),
        Mistake({"at_once": True}, "all coordinates are moved at once; move one at a time."),
        Mistake({"below": "nothing"}, "that is the absolute error; divide by the larger size."),
        Mistake({"below": "sum"}, "you divide by |n| + |a|; here it is the larger of the two."),
        Mistake({"below": "numeric"}, "you divide by |n| alone; here it is the larger of the two."),
        Mistake({"below": "given"}, "you divide by |a| alone; here it is the larger of the two."),
        Mistake({"below": "smaller"}, "you divide by the smaller; take the larger of the two."),
        Mistake(
            {"below": "norm"},
            "you divide by the norm of the whole gradient; each coordinate has its own error.",
        ),
        Mistake({"absolute": False}, "an error may be negative in yours: take its size."),
    ),
    rtol=1e-6,
    atol=1e-9,
)


def _clip_global(
    a, b, c, limit, *, way="global", always=False, squares=False, norm="before", added=0.0
):
    layers = [np.asarray(x, dtype=float) for x in (a, b, c)]
    sizes = [float(np.linalg.norm(np.ravel(x))) for x in layers]
    whole = float(np.sum(sizes) if way == "sum" else np.sqrt(np.sum(np.square(sizes))))
    whole = float(np.max(sizes)) if way == "largest" else whole
    whole = whole**2 if squares else whole
    if way == "coordinates":
        cut = [np.clip(x, -limit, limit) for x in layers]
    elif way == "none":
        cut = layers
    else:
        each = sizes if way == "layers" else [whole] * 3
        cut = [
            x * (limit / (size + added) if size > limit or (always and size > 0) else 1.0)
            for x, size in zip(layers, each)
        ]
    found = min(whole, limit) if norm == "after" else whole
    return (*cut, np.array(found))


def _layer_cases(rng):
    for k in range(15):
        layers = [
            rng.normal(size=shape) * 10 ** rng.uniform(-1, 1) for shape in ((2, 3), (4,), (3, 2))
        ]
        size = np.sqrt(sum(np.sum(x**2) for x in layers))
        yield dict(zip("abc", layers)) | {"limit": float(size) * (0.3, 1.7, 0.6)[k % 3]}


clip_global = Exercise(
    name="clip_global",
    reads="function",
    returns=("a", "b", "c", "norm"),
    reference=_clip_global,
    cases=_layer_cases,
    corners=(
        (
            "gradients that are all 0",
            {"a": np.zeros((1, 2)), "b": np.zeros(2), "c": np.zeros((2, 1)), "limit": 1.0},
        ),
    ),
    mistakes=(
        Mistake(
            {"way": "layers"},
            "each layer is clipped by itself, which turns the whole gradient. One factor for all.",
        ),
        Mistake({"way": "coordinates"}, "every number is clipped by itself; scale all by one."),
        Mistake({"way": "sum"}, "the norms of the layers are added; add their squares."),
        Mistake({"way": "largest"}, "the largest layer's norm is not the norm of all."),
        Mistake({"way": "none"}, "nothing is clipped; a norm above `limit` is brought down to it."),
        Mistake({"always": True}, "short gradients are stretched to `limit`; only cut long ones."),
        Mistake({"squares": True}, "the root is missing: that is the square of the norm."),
        Mistake({"added": 1e-6}, "torch adds 1e-6 to the norm below; here nothing is added."),
        Mistake({"norm": "after"}, "return the norm from before the clipping; one logs it."),
    ),
)

CURVES = 60  # steps


def loss_curves():
    """Six recorded runs on one least-squares problem: the loss over all rows after each step.

    Returns a float64 array of shape (6, 61), the rows a to f.
    """
    rng = np.random.default_rng(11)
    X = rng.normal(size=(40, 4)) * [2.0, 1.0, 1.0, 0.7]
    y = X @ [0.1, 3.0, -3.0, 2.0] + 1.5 * rng.normal(size=40)
    runs = (
        {"lr": 0.78, "batch": 40},
        {"lr": 0.01, "batch": 40, "keep": True},
        {"lr": 0.2, "order": np.argsort(y)},
        {"lr": 0.05, "labels": y[rng.permutation(40)]},
        {"lr": 0.35, "drop": 30},
        {"lr": 0.001},
    )
    return np.array([_recorded(X, y, rng, **run) for run in runs])


def _recorded(X, y, rng, lr, *, batch=8, keep=False, order=None, labels=None, drop=None):
    """The losses of one run; in each epoch the rows come in ``order``, or at random."""
    labels, w, g = y if labels is None else labels, np.zeros(4), np.zeros(4)
    losses = []
    for t in range(CURVES + 1):
        losses.append(np.mean((X @ w - labels) ** 2) / 2)
        at = t * batch % len(y)
        if at == 0:
            rows = rng.permutation(len(y)) if order is None else order
        part = rows[at : at + batch]
        g = (g if keep else 0.0) + _mean_gradient(w, X[part], labels[part])
        w = w - lr * (0.1 if drop is not None and t >= drop else 1.0) * g
    return losses


CAUSES = {
    1: "the step size is too long",
    2: "the step size is too short",
    3: "the sign of the step is wrong",
    4: "the gradient is never set back to 0",
    5: "the rows come sorted, and are never shuffled",
    6: "the labels were shuffled, the rows were not",
    7: "nothing: the step size falls tenfold half-way",
}

diagnose = numbers(
    "diagnose",
    {"a": 1.0, "b": 4.0, "c": 5.0, "d": 6.0, "e": 7.0, "f": 2.0},
    [
        ({"a": 3.0}, "a falls at first, which no wrong sign does; then one direction takes over."),
        ({"a": 4.0}, "a grows by one factor at every step, and does not come back. b does."),
        ({"b": 1.0}, "b comes down again, every time. Too long a step never does."),
        ({"b": 5.0}, "b swings over some thirty steps, and each of its steps sees all rows."),
        ({"b": 3.0}, "b falls for the first fifteen steps; a wrong sign never falls."),
        ({"c": 1.0}, "c does not grow. It repeats itself: how many steps has an epoch?"),
        (
            {"c": 4.0},
            "c repeats itself every 5 steps, an epoch. What is the same in each?",
        ),
        ({"c": 7.0}, "c has a saw-tooth to the end. What has a period of 5 steps?"),
        ({"d": 2.0}, "d has stopped falling, far above the others. Short steps go on falling."),
        ({"d": 5.0}, "d has no period. It learns next to nothing: what would make rows useless?"),
        ({"e": 5.0}, "e is ragged without a period, and calm from step 31 on."),
        ({"e": 1.0}, "e arrives as low as any. What changes half-way?"),
        ({"e": 4.0}, "e's ragged part has no regular swing, and it ends at step 30."),
        ({"f": 6.0}, "f still falls at the end as it did at first; d has stopped."),
        ({"f": 7.0}, "nothing changes in f half-way, and it is still far up."),
    ],
)

EXERCISES = (
    reset_loop,
    state_loop,
    decay_loop,
    clip_loop,
    schedule_loop,
    gradient_check,
    clip_global,
    diagnose,
)
