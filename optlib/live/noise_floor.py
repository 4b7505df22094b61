"""SGD's loss floor: a cloud of seeds on a quadratic, and least squares, where it can vanish."""

import math
from dataclasses import replace

import numpy as np

from .. import plots, syntax
from ..rule import by_name
from . import frame
from .paths import whole, written
from .rate import check_linear

AVERAGES = ("none", "last half", "EMA")


def noise_floor(
    problem="quadratic",
    *,
    name="noise-floor",
    rule="gradient_descent",
    curvatures=(1, 100),
    start=None,
    rows=100,
    d=50,
    noise=None,
    lr=None,
    batch=1,
    average="none",
    averages=AVERAGES,
    decay=0.99,
    seeds=None,
    seed=1,
    steps=None,
    step=None,
    shown=None,
    controls=None,
    ranges=None,
    predict=None,
    **hyper,
):
    """Stochastic gradient descent and the loss below which its noise does not let it -> LiveFigure.

    problem "quadratic": half the sum of curvature * x^2, every gradient component with normal noise
        of standard deviation noise / sqrt(batch). Left the seeds in the plane, right their mean
        loss, per direction and in sum. Dashed and in the legend the exact expectation, by the
        recurrence of mean and covariance that is read off the rule's own code; for gradient descent
        the floor is lr noise^2 / (2 batch (2 - lr curvature)) in each direction.
    problem "least_squares": half the mean square over n rows with entries N(0, 1/d), weights
        N(0, 1), label noise N(0, noise^2); batch rows drawn with replacement. Left the training
        loss, its minimum and their difference; right that difference at the end (mean of the last
        tenth) against d. From d = n on every row can be fitted and no floor is left.

    rule : linear in theta and g with at most one state (gradient_descent, momentum, nesterov, ...);
        least squares takes gradient_descent. curvatures : one or two positive numbers.
    start : the start (default: the same loss, one half, in every direction). rows : n. d : columns.
    noise : standard deviation (default 2 and 0.5). batch : its size. average : what is reported,
        the iterate ("none"), the mean since half of the steps ("last half") or the "EMA" with its
        decay; averages : those offered. seeds : how many runs (default 50 and 4). seed : their
        noise.
    step : the step at which the cloud is shown first. shown : the curves shown first, of
        "direction 0", "direction 1", "sum"; or of "above", "loss", "least".
    controls : names of the settings that get a control (default: all). ranges : {setting:
        (low, high)}. hyper : the rule's other hyperparameters.
    predict : on the quadratic "loss", the expected loss over the steps; for least squares "floor",
        how far the loss ends above its minimum, against d. The reader first draws it, then sees the
        truth and how far off it was.

    Raises ValueError or TypeError that names the argument, its value and what is allowed.
    """
    if problem not in ("quadratic", "least_squares"):
        raise ValueError(f"problem is {problem!r}; allowed: 'quadratic', 'least_squares'")
    plane = problem == "quadratic"
    asked = frame.asked_of(predict, ("loss",) if plane else ("floor",))
    chosen = by_name(rule)
    check_linear(chosen)
    if not plane and chosen.name != "gradient_descent":
        raise ValueError(f"rule is {chosen.name!r}; least_squares takes 'gradient_descent'")
    for key in hyper:
        if key not in chosen.hyper:
            raise TypeError(f"{key!r} is no hyperparameter of {chosen.name}: {list(chosen.hyper)}")
    chosen.check(hyper)
    curvatures = _curvatures(curvatures)
    rows = whole("rows", rows, 5, 200)
    steps = whole("steps", (2000 if plane else 5000) if steps is None else steps, 10, 20_000)
    seeds = whole("seeds", (50 if plane else 4) if seeds is None else seeds, 1, 400)
    if plane and steps * seeds > 400_000:
        raise ValueError(f"seeds is {seeds}; with {steps} steps at most {400_000 // steps}")
    noise = (2.0 if plane else 0.5) if noise is None else noise
    frame.in_range("noise", noise, 0, 1000)
    ranges = dict(ranges or {})

    steepest = max(curvatures)
    lr = (0.4 / steepest if plane else 0.5) if lr is None else lr
    beta = hyper.get("beta", chosen.hyper.get("beta", 0)) if plane else 0
    usual = {
        "lr": (1e-4 * 100 / steepest, 2.5 * (1 + beta) / steepest) if plane else (0.02, 2.5),
        "batch": (1, 1000) if plane else (1, 20),
        "d": (5, 3 * rows),
        "decay": (0.8, 0.999),
    }
    free = {"lr": lr, **{k: hyper.get(k, v) for k, v in chosen.hyper.items() if k != "lr"}}
    names = ["lr", "batch", *(k for k in free if k != "lr"), "average", "decay", "seed"]
    names += ["step"] if plane else ["d"]
    for key in (*(controls or ()), *ranges):
        if key not in names:
            raise TypeError(f"{key!r} is no setting here; allowed: {', '.join(names)}")
    limits = {**usual, **ranges}
    averages = (averages,) if isinstance(averages, str) else tuple(averages)
    for kind in (*averages, average):
        if kind not in AVERAGES:
            raise ValueError(f"average is {kind!r}; allowed: {', '.join(map(repr, AVERAGES))}")
    averages = tuple(dict.fromkeys((*averages, average)))

    settings = []
    if plane:
        at = steps if step is None else whole("step", step, 0, steps)
        settings.append(frame.integer("step", "step t", at, 0, steps))
    else:
        settings.append(
            frame.integer("d", "columns d", whole("d", d, *limits["d"]), *map(int, limits["d"]))
        )
    settings += [
        frame.argument("lr", "lr", lr, limits["lr"]),
        frame.log_slider("batch", "batch size B", batch, *limits["batch"], whole=True),
        *(frame.argument(k, k, v, limits.get(k), [chosen]) for k, v in free.items() if k != "lr"),
    ]
    if len(averages) > 1:
        settings.append(frame.choice("average", "average", averages, average))
    else:
        settings.append(frame.Setting("average", 0, choices=averages))
    settings += [
        frame.slider("decay", "EMA decay", decay, *limits["decay"], step=0.001),
        frame.integer("seed", "seed", seed, 0, 99),
    ]
    if controls is not None or "EMA" not in averages:
        kept = {*(names if controls is None else controls), "step"}
        kept -= {"decay"} if "EMA" not in averages else set()
        settings = [s if s.name in kept else replace(s, control=None, marks=None) for s in settings]
    curves = ["direction 0", "direction 1", "sum"][: 2 * len(curvatures) - 1]
    curves = curves if plane else ["above", "loss", "least"]
    shown = curves if shown is None else [shown] if isinstance(shown, str) else list(shown)
    for curve in shown:
        if curve not in curves:
            raise ValueError(f"shown holds {curve!r}; allowed: {', '.join(map(repr, curves))}")
    settings.append(frame.Setting("shown", shown))

    start = _start(start, curvatures)
    module = frame.compose("curves.js", "noise_floor.js", RULE=syntax.javascript(chosen, n=1))
    call = [("rule", written(chosen)), ("curvatures", curvatures), ("start", start)]
    call = call if plane else [("rows", rows)]
    call += [("noise", noise), ("seeds", seeds), ("steps", steps), ("averages", averages)]
    call += [("controls", controls and tuple(controls)), ("ranges", ranges or None)]
    spread = [math.sqrt(lr * noise**2 / (c * (1 - beta))) for c in curvatures]
    reach = [1.3 * max(abs(x), 2.5 * s) for x, s in zip(start, spread)]
    picture = _paint_quadratic if plane else _paint_least_squares
    given = {
        "rule": chosen, "curvatures": curvatures, "start": start, "rows": rows, "d": d,
        "most": int(limits["d"][1]),
        "noise": noise, "batch": batch, "average": average, "decay": decay, "seeds": seeds,
        "seed": seed, "steps": steps, "hyper": {**chosen.hyper, **free},
        "reach": reach, "step": steps if step is None else step,
    }  # fmt: skip
    return frame.build(
        "noise_floor",
        name,
        module,
        settings,
        ", ".join([repr(problem), *(f"{k}={v}" for k, v in call if v is not None)]),
        f"SGD on a quadratic with noise, {seeds} seeds"
        if plane
        else f"SGD on least squares with {rows} rows",
        lambda sheet: picture(sheet, **given),
        {
            "problem": problem,
            "curvatures": list(curvatures),
            "start": list(start),
            "window": [v for r in reach for v in (-r, r)],
            "rows": rows,
            "columns": [int(v) for v in limits["d"]],
            "grid": _grid(rows, limits["d"]),
            "noise": noise,
            "seeds": seeds,
            "steps": steps,
            "free": list(free),
            "fixed": {},
        },
        predict=asked,
    )


def _curvatures(values):
    try:
        values = (float(values),) if isinstance(values, (int, float)) else tuple(map(float, values))
    except (TypeError, ValueError):
        values = ()
    if not 1 <= len(values) <= 2 or not all(0 < c < 1e6 for c in values):
        raise ValueError(f"curvatures is {values!r}; allowed: one or two positive numbers")
    return values


def _start(start, curvatures):
    if start is None:
        return tuple(1 / math.sqrt(c) for c in curvatures)
    try:
        start = (float(start),) if isinstance(start, (int, float)) else tuple(map(float, start))
    except (TypeError, ValueError):
        start = ()
    if len(start) != len(curvatures) or not all(map(math.isfinite, start)):
        raise ValueError(f"start is {start!r}; allowed: {len(curvatures)} finite numbers")
    return start


def _grid(rows, limits):
    """Numbers of columns at which the right half of the least-squares figure is drawn."""
    low, high = limits
    marks = {low, high, *(int(rows * k / 100) for k in (10, 20, 40, 60, 80, 90, 95, 100, 105, 110))}
    marks |= {int(rows * k / 100) for k in (120, 140, 160, 180, 200, 225, 250, 275, 300)}
    return sorted(int(m) for m in marks if low <= m <= high)


# ---------------------------------------------------------------------------- the same in NumPy


def uniforms(seed, count):
    """Numbers in [0, 1) from a seed, float64 (count,): mulberry32, as the figures draw them."""
    k = np.arange(1, count + 1, dtype=np.uint64)
    mask = np.uint64(0xFFFFFFFF)
    first = np.uint64((seed * 2654435761 + 1) % 2**32)
    a = (first + k * np.uint64(0x6D2B79F5)) & mask
    u = ((a ^ (a >> np.uint64(15))) * (a | np.uint64(1))) & mask
    u ^= (u + (((u ^ (u >> np.uint64(7))) * (u | np.uint64(61))) & mask)) & mask
    return ((u ^ (u >> np.uint64(14))) & mask).astype(float) / 2**32


def deviates(seed, count):
    """Standard normal numbers from a seed, float64 (count,): Box-Muller on uniforms."""
    u = uniforms(seed, 2 * count)
    return np.sqrt(-2 * np.log(1 - u[::2])) * np.cos(2 * np.pi * u[1::2])


def cloud(rule, curvatures, start, steps, seeds, sd, hyper, seed):
    """The iterates of all seeds, float64 (steps + 1, directions, seeds)."""
    curvatures = np.asarray(curvatures, float)[:, None]
    z = deviates(seed, steps * curvatures.size * seeds).reshape(steps, curvatures.size, seeds)
    theta = np.repeat(np.asarray(start, float)[:, None], seeds, 1)
    state, path = rule.init(theta), [theta]
    for t in range(1, steps + 1):
        g = curvatures * rule.point(theta, state, t, hyper) + sd * z[t - 1]
        theta, state = rule.step(theta, g, state, t, hyper)
        path.append(theta)
    return np.array(path)


def averaged(path, average, decay):
    """What is reported of iterates (steps + 1, ...): themselves, or the mean kept of them."""
    if average == "none":
        return path
    kept, half = [path[0]], (len(path) - 1) // 2
    for t in range(1, len(path)):
        w = 1 - decay if average == "EMA" else 1 / (t - half) if t > half else 1
        kept.append(kept[-1] + w * (path[t] - kept[-1]))
    return np.array(kept)


def least_squares(rows, columns, noise, seed, most):
    """X (rows, columns) and y (rows,) of one data set; most : columns that the figure allows."""
    z = deviates(seed, rows * most + most + rows)
    x = z[: rows * most].reshape(most, rows)[:columns].T / math.sqrt(columns)
    w, e = z[rows * most :][:columns], z[rows * most + most :]
    return x, x @ w + noise * e


def sgd_rows(x, y, lr, batch, steps, seed):
    """The weights of SGD from zero on half the mean square, float64 (steps + 1, columns)."""
    rows = np.floor(len(x) * uniforms(100_000 + seed, steps * batch)).astype(int)
    w, path = np.zeros(x.shape[1]), [np.zeros(x.shape[1])]
    for at in rows.reshape(steps, batch):
        w = w - lr / batch * x[at].T @ (x[at] @ w - y[at])
        path.append(w)
    return np.array(path)


# ---------------------------------------------------------------------------- without scripts


def _paint_quadratic(sheet, rule, curvatures, start, noise, batch, seeds, seed, steps, **given):
    sd = noise / math.sqrt(batch)
    path = cloud(rule, curvatures, start, steps, seeds, sd, given["hyper"], seed)
    path = averaged(path, given["average"], given["decay"])
    loss = np.asarray(curvatures)[:, None] * (path**2).mean(2).T / 2
    left, right = sheet.subplots(1, 2, width_ratios=(0.44, 0.56))
    if len(curvatures) == 2:
        left.plot(*path[given["step"]], "o", color=plots.ACCENT, markersize=2.5, alpha=0.6)
        x, y = given["reach"]
        left.set(xlim=(-x, x), ylim=(-y, y))
        left.set(xlabel=f"x, curvature {curvatures[0]:g}", ylabel=f"y, curvature {curvatures[1]:g}")
    else:
        left.plot(path[:, 0, :6], color=plots.ACCENT, linewidth=0.5, alpha=0.5)
        left.set(xlabel="step t", ylabel="θ")
    for curve, curvature, colour in zip(loss, curvatures, (plots.ACCENT, plots.SECOND)):
        right.semilogy(curve, color=colour, linewidth=1, label=f"curvature {curvature:g}")
        floor = given["hyper"]["lr"] * sd**2 / (2 * (2 - given["hyper"]["lr"] * curvature))
        if rule.name == "gradient_descent" and given["average"] == "none" and floor > 0:
            right.axhline(floor, color=colour, linestyle="dotted")
    right.set(xlabel="step t", ylabel=f"loss, mean of {seeds} seeds")
    right.legend()


def _paint_least_squares(sheet, rows, d, most, noise, batch, seeds, seed, steps, **given):
    x, y = least_squares(rows, d, noise, 100 * seed, most)
    path = sgd_rows(x, y, given["hyper"]["lr"], batch, steps, 100 * seed)[:: max(1, steps // 200)]
    best = np.linalg.lstsq(x, y)[0]
    least = ((x @ best - y) ** 2).mean() / 2
    above = (((path - best) @ x.T) ** 2).mean(1) / 2
    times = np.arange(len(path)) * max(1, steps // 200)
    ax = sheet.subplots()
    ax.semilogy(times, above, color=plots.ACCENT, label="loss above its minimum")
    ax.semilogy(times, above + least, color=plots.SECOND, linestyle="dashed", label="training loss")
    if d < rows:
        ax.axhline(least, color="black", linestyle="dotted", label="its minimum")
    ax.set(xlabel="step t", ylabel="loss", title=f"{rows} rows, {d} columns")
    ax.legend()
