"""Rare and frequent coordinates: the step that a rule gives to each, and to turned axes."""

import math
from dataclasses import replace

import numpy as np

from .. import plots, syntax
from . import frame
from .noise_floor import deviates, uniforms
from .paths import among, as_tuple, cast_of, looks, prediction_of, shown_of, whole, written

PANELS = ("map", "effective", "loss", "rates")
PER_DECADE = 10


def spectrum(
    rules=("gradient_descent", "adagrad"),
    *,
    name="spectrum",
    problem="quadratic",
    curvatures=(1, 100),
    words=8,
    noise=0.5,
    seed=1,
    start=None,
    angle=0,
    lr=None,
    best=False,
    effective=None,
    steps=None,
    step=None,
    target=None,
    shown=None,
    show=None,
    controls=None,
    ranges=None,
    predict=None,
    **hyper,
):
    """What one step size becomes in each coordinate, over time, and when the axes turn.

    problem "quadratic": half the sum of curvature * z^2, exact gradients. "words": in each step one
        word, of frequency proportional to 1/rank, has the gradient z - (noise * a normal number),
        all others have none; the loss is half the mean square of z by frequency.
    angle : degrees, 0 to 45, by which problem and start are turned in the planes of coordinates
        i and n - 1 - i, so that each coordinate mixes a frequent and a rare direction. A rule that
        treats all coordinates alike does not notice.
    rules : elementwise ones, with an lr. curvatures : 2 to 12 positive numbers. words : 2 to 12.
    start : in the problem's own directions (default: 1 in each; (1, 0.6) for two curvatures).
    lr : step size of every rule (default 1, for words 0.25). best : each at its own best instead.
    steps : length of the run (1000, words 2000). target : the loss to reach (1e-3, words 1e-2);
        the steps to it are counted to the first from which the loss stays below.
    effective : the rule whose effective steps are shown at first (default: the last). They are
        |step| / |gradient| per coordinate, over the velocity for momentum and over the corrected
        average for Adam and its kin, without weight decay; where the gradient is zero, what a
        vanishing one would get; from the first gradient on.
    show : of "map" (two curvatures only), "effective", "loss", "rates" (steps to the target against
        the step size), in this order. hyper : other hyperparameters, each with a control, shared by
        all rules that have it. controls : names of the settings that get a control.
    ranges : {setting: (low, high)}; that of lr is what "rates" spans.
    predict : "loss" or "rates", if it is shown: the reader first draws the loss of the last rule
        shown, or its steps to the target against the step size, then sees the truth and how far off
        it was; {"what": "rates", "rule": "adagrad"} says whose.

    Raises ValueError or TypeError that names the argument, its value and what is allowed.
    """
    cast = cast_of(rules)
    for r in cast.values():
        if {"norm", "orthogonalize"} & set(r.fn.__code__.co_names) or "lr" not in r.hyper:
            raise ValueError(f"rules holds {r.name}; live.spectrum takes elementwise rules with lr")
    if problem not in ("quadratic", "words"):
        raise ValueError(f"problem is {problem!r}; allowed: 'quadratic', 'words'")
    text = problem == "words"
    weights = zipf(whole("words", words, 2, 12)) if text else _weights(curvatures)
    n = len(weights)
    ranges = dict(ranges or {})
    steps = whole("steps", (2000 if text else 1000) if steps is None else steps, 10, 5000)
    target = (1e-2 if text else 1e-3) if target is None else target
    frame.in_range("target", target, 1e-12, 1e6)
    lr = (0.25 if text else 1.0) if lr is None else lr
    limits = {"lr": (1e-3, 1e2) if text else (1e-3, 1e5), "noise": (0, 2), **ranges}
    begin = _start(start, n, (1.0, 0.6) if n == 2 and not text else (1.0,) * n)
    flat = n == 2 and not text
    show = tuple(p for p in PANELS if flat or p != "map") if show is None else show
    show = (show,) if isinstance(show, str) else tuple(show)
    if not show:
        raise ValueError("show is empty; allowed: some of 'map', 'effective', 'loss', 'rates'")
    among("show", show, PANELS if flat else PANELS[1:])
    shown = shown_of(shown, cast)
    asked = prediction_of(predict, cast, shown, [p for p in ("loss", "rates") if p in show])
    effective = list(cast)[-1] if effective is None else effective

    own, users, arguments = {}, {}, {}
    for key in (*hyper, *(controls or ())):
        users[key] = [r for r in cast.values() if key in r.hyper]
        if users[key] and key != "lr":
            own[key] = hyper.get(key, users[key][0].hyper[key])
        elif key in hyper:
            raise TypeError(f"{key!r} is no hyperparameter here; {', '.join(cast)} have others")
    for r in cast.values():
        r.check({k: v for k, v in {**own, "lr": lr}.items() if k in r.hyper})
        arguments[r.name] = {k: k if k in own or k == "lr" else v for k, v in r.hyper.items()}
    names = ["step", "lr", "angle", *own, "best", "effective", *(["noise", "seed"] if text else [])]
    for key in (*(controls or ()), *ranges):
        if key not in names:
            raise TypeError(f"{key!r} is no setting here; allowed: {', '.join(names)}")

    at = steps if step is None else whole("step", step, 0, steps)
    settings = [
        frame.integer("step", "step t", at, 0, steps),
        frame.argument("lr", "lr", lr, limits["lr"]),
        frame.slider("angle", "axes turned (°)", angle, 0, 45, step=1),
        *(frame.argument(k, k, v, limits.get(k), users[k]) for k, v in own.items()),
        frame.checkbox("best", "each at its best η", best),
    ]
    if len(cast) > 1:
        titles = [plots.label(r) for r in cast]
        settings.append(frame.choice("effective", "effective steps of", cast, effective, titles))
    else:
        settings.append(frame.Setting("effective", 0, choices=tuple(cast)))
    if text:
        settings.append(frame.slider("noise", "noise", noise, *limits["noise"], step=0.05))
        settings.append(frame.integer("seed", "seed", seed, 0, 99))
    if controls is not None:
        settings = [
            s if s.name in (*controls, "step") else replace(s, control=None, marks=None)
            for s in settings
        ]
    settings.append(frame.Setting("shown", list(shown)))
    settings.append(frame.Setting("start", begin if flat else []))
    grid = rates(*limits["lr"])
    module = frame.compose(
        "curves.js",
        "spectrum.js",
        RULES=frame.table({r.name: syntax.javascript(r, n=1, trace=True) for r in cast.values()}),
        LOOKS=frame.json_text(looks(cast)),
    )
    call = [
        ("rules", as_tuple(map(written, cast.values()))),
        ("problem", repr(problem)),
        ("words", n) if text else ("curvatures", weights),
        ("start", None if flat else tuple(begin)),
        ("steps", steps),
        ("target", target),
        ("show", repr(show)),
        ("controls", controls and repr(tuple(controls))),
        ("ranges", ranges and repr(ranges)),
    ]
    run = {"weights": weights, "angle": angle, "start": begin, "steps": steps, "hyper": own}
    book = {"noise": noise, "seed": seed} if text else {}
    return frame.build(
        "spectrum",
        name,
        module,
        settings,
        ", ".join(f"{k}={v}" for k, v in call if v),
        f"{', '.join(plots.label(r) for r in cast)}: steps of rare and frequent coordinates",
        lambda sheet: _paint(sheet, [cast[r] for r in shown], lr, grid, target, book, run),
        {
            "problem": problem,
            "curvatures": list(weights),
            "order": [int(k) for k in np.argsort(np.argsort([-w for w in weights]))],
            "start": begin,
            "reach": 1.25 * math.hypot(*begin) or 1.0,
            "steps": steps,
            "target": target,
            "grid": grid,
            "perDecade": PER_DECADE,
            "show": list(show),
            "arguments": arguments,
            "own": list(own),
            "idle": [r.name for r in cast.values() if _idle(r)],
            "numerators": {r.name: _numerator(r) for r in cast.values()},
        },
        predict=asked,
    )


def zipf(words):
    """Frequencies proportional to 1/rank, as a tuple that sums to 1."""
    total = sum(1 / k for k in range(1, words + 1))
    return tuple(1 / k / total for k in range(1, words + 1))


def rates(low, high):
    """Step sizes from low to high, ten a decade, as a list."""
    count = max(2, round(PER_DECADE * math.log10(high / low)) + 1)
    return [float(f"{low * (high / low) ** (k / (count - 1)):.6g}") for k in range(count)]


def _weights(curvatures):
    try:
        values = tuple(map(float, curvatures))
    except (TypeError, ValueError):
        values = ()
    if not 2 <= len(values) <= 12 or not all(0 < c < 1e9 for c in values):
        raise ValueError(f"curvatures is {curvatures!r}; allowed: 2 to 12 positive numbers")
    return values


def _start(start, n, usual):
    try:
        values = list(map(float, usual if start is None else start))
    except (TypeError, ValueError):
        values = []
    if len(values) != n or not all(map(math.isfinite, values)):
        raise ValueError(f"start is {start!r}; allowed: {n} finite numbers")
    return values


def _numerator(r):
    """What the rule divides to get its step: its averaged gradient, its velocity, or g itself."""
    lines = [line for line, _ in syntax.parse(r).lines]
    return "m_hat" if "m_hat" in lines else "u" if tuple(r.state) == ("u",) else "g"


def _idle(r):
    """Whether a gradient of zero leaves the parameter and the state as they are."""
    state = tuple(0.3 + 0.1 * k for k in range(len(r.state)))
    return r.step(0.7, 0.0, state, 3, r.hyper) == (0.7, state)


# ---------------------------------------------------------------------------- the same in NumPy


def turn(n, angle):
    """The matrix (n, n) that turns the axes by angle degrees in the planes (i, n - 1 - i)."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    matrix = np.eye(n)
    for a in range(n // 2):
        b = n - 1 - a
        matrix[a, a] = matrix[b, b] = c
        matrix[a, b], matrix[b, a] = -s, s
    return matrix


def descend(rule, lr, *, weights, angle, start, steps, hyper, noise=None, seed=1):
    """Losses (steps + 1, len(lr)) of a rule for several step sizes, and its last parameters.

    weights : curvatures, or with noise (not None) the frequencies of words. start : in the
    problem's own directions. What overflows becomes inf or nan.
    """
    weights, lr = np.asarray(weights, float), np.atleast_1d(np.asarray(lr, float))
    axes = turn(len(weights), angle)
    theta = np.repeat((axes @ np.asarray(start, float))[:, None], len(lr), 1)
    state, h = rule.init(theta), {**rule.hyper, **_of(rule, hyper), "lr": lr}
    if noise is not None:
        edges = np.cumsum(weights / weights.sum())
        drawn = np.searchsorted(edges, uniforms(100_000 + seed, steps + 1), side="right")
        order, kicks = np.minimum(drawn, len(weights) - 1), noise * deviates(seed, steps + 1)
    with np.errstate(all="ignore"):
        losses = [weights @ (axes.T @ theta) ** 2 / 2]
        for t in range(1, steps + 1):
            z = axes.T @ rule.point(theta, state, t, h)
            if noise is None:
                pull = weights[:, None] * z
            else:
                pull = np.zeros_like(z)
                pull[order[t]] = z[order[t]] + kicks[t]
            theta, state = rule.step(theta, axes @ pull, state, t, h)
            losses.append(weights @ (axes.T @ theta) ** 2 / 2)
    return np.array(losses), theta


def steady(losses, target):
    """First step from which each column of losses stays below target; nan where none does."""
    with np.errstate(invalid="ignore"):
        above = ~(losses < target)
    last = len(losses) - 1 - above[::-1].argmax(0)
    first = np.where(above.any(0), last + 1, 0).astype(float)
    return np.where(first < len(losses), first, np.nan)


def _of(rule, hyper):
    return {k: v for k, v in hyper.items() if k in rule.hyper}


def _paint(sheet, rules, lr, grid, target, book, run):
    left, right = sheet.subplots(1, 2)
    for r in rules:
        look = {"color": plots.color(r.name), "linestyle": plots.dash(r.name)}
        losses = descend(r, lr, **run, **book)[0][:, 0]
        top = 1e6 * losses[0]
        losses[~(losses < top)] = np.nan
        left.loglog(np.arange(1, len(losses)), losses[1:], label=plots.label(r.name), **look)
        counts = steady(descend(r, grid[::3], **run, **book)[0], target)
        right.loglog(grid[::3], counts, label=plots.label(r.name), **look)
    left.set(xlabel="step t", ylabel=f"loss, η = {lr:g}", ylim=(1e-14 * losses[0], top))
    right.set(xlabel="step size η", ylabel=f"steps to a loss of {target:g}")
    right.legend()
