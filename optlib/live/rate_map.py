"""How fast rules with momentum converge on a quadratic, over step size and momentum."""

import numpy as np

from .. import plots, syntax
from ..ops import sqrt
from . import frame
from .paths import among, as_tuple, cast_of, looks, prediction_of, shown_of, whole, written
from .rate import check_linear

PANELS = ("map", "portrait", "path", "sigma")


def rate_map(
    rules=("momentum", "nesterov"),
    *,
    name="rate_map",
    kappa=100.0,
    lr=None,
    beta=None,
    rule=None,
    shown=None,
    start=(1.0, 1.0),
    steps=100,
    step=None,
    show=PANELS,
    controls=("lr", "beta", "kappa"),
    ranges=None,
    predict=None,
):
    """The factor of the error per step over step size and momentum, with a cursor -> LiveFigure.

    On ½(x² + κy²) a linear rule multiplies (theta, state) of each coordinate by a matrix; the
    factor ρ is the largest modulus σ of the eigenvalues, read off the rule's own code.

    rules : a rule or several with lr, beta and one state: momentum, polyak_momentum, nesterov, ...
    name : what a link to this figure calls it; unique in its page.
    kappa : condition number, 1 to 10,000. lr : step size in units of 1/L, L = kappa; so for a
        single curvature (kappa=1) it is ηλ. beta : momentum. What is not given is where ρ is least.
    rule : the one on the map and in the portraits at first. shown : those in the legend drawn at
        first. start : (x, y), at rest; errors and the peak of the loss belong to it.
    steps : length of the path, 10 to 2000. step : the step shown first (default: the last).
    show : any of "map" (ρ as colours, the limit of convergence, the best point), "portrait" (the
        error against its change, one plot a curvature), "path" (the loss, with its peak) and
        "sigma" (|σ| against ηλ, the two curvatures marked).
    controls : which of "lr", "beta", "kappa" get a slider. ranges : {"lr": (0, high), ...}.

    predict : "path": the reader first draws the loss of the last rule shown, then sees the truth
        and how far off it was; {"what": "path", "rule": "momentum"} says whose.

    Raises ValueError for a rule that is not linear, lacks lr or beta, or has no single state.
    """
    cast = cast_of(rules)
    for r in cast.values():
        _check(r)
    show = panels("show", show, PANELS)
    among("controls", controls, ("lr", "beta", "kappa"))
    ranges = ranges or {}
    among("ranges", ranges, ("lr", "beta", "kappa"))
    shown = shown_of(shown, cast)
    steps = whole("steps", steps, 10, 2000)
    first = rule or (shown or tuple(cast))[0]
    among("rule", [first], cast)
    asked = prediction_of(predict, cast, shown, [p for p in ("path",) if p in show], steps)
    start = _pair("start", start)
    low_kappa, high_kappa = ranges.get("kappa", (1, 10_000))
    frame.in_range("kappa", kappa, low_kappa, high_kappa)
    (low_lr, reach), (low_beta, high) = ranges.get("lr", (0, 4.2)), ranges.get("beta", (0, 0.99))
    if low_lr or low_beta:
        raise ValueError(f"ranges is {ranges!r}; lr and beta start at 0 here")
    best = best_point(cast[first], kappa, reach, high)
    lr, beta = (given if given is not None else at for given, at in zip((lr, beta), best))

    label = "step size ηλ" if kappa == 1 and "kappa" not in controls else "step size ηL"
    offered = {
        "lr": frame.slider("lr", label, lr, 0, reach, step=0.01),
        "beta": frame.slider("beta", "momentum β", beta, 0, high, step=0.01),
        "kappa": frame.log_slider("kappa", "condition κ", kappa, low_kappa, high_kappa, whole=True),
    }
    settings = []
    if show != ("sigma",):
        step = steps if step is None else whole("step", step, 0, steps)
        settings.append(frame.integer("step", "step t", step, 0, steps))
    if len(cast) > 1 and show != ("sigma",):
        titles = [plots.label(r) for r in cast]
        settings.append(frame.choice("rule", "map of", tuple(cast), first, titles))
    else:
        index = tuple(cast).index(first)
        settings.append(frame.Setting("rule", index, choices=tuple(cast)))
    for key, setting in offered.items():
        kept = (
            setting if key in controls else frame.Setting(key, setting.value, limits=setting.limits)
        )
        settings.append(kept)
    settings.append(frame.Setting("shown", list(shown)))
    call = [
        f"rules={as_tuple(map(written, cast.values()))}",
        f"start={start!r}",
        f"steps={steps}",
        f"show={show!r}",
        f"controls={tuple(controls)!r}",
        *([f"ranges={ranges!r}"] if ranges else []),
    ]
    return frame.build(
        "rate_map",
        name,
        frame.compose(
            "linear.js",
            "rate_map.js",
            RULES=frame.table({r.name: syntax.javascript(r, n=1) for r in cast.values()}),
            LOOKS=frame.json_text(looks(cast)),
        ),
        settings,
        ", ".join(call),
        "Factor of the error per step over step size and momentum"
        if "map" in show
        else "Factor of the error per step against step size times curvature",
        lambda sheet: _paint(sheet, cast, first, kappa, (lr, beta), best, reach, high, show),
        {
            "steps": steps,
            "start": list(start),
            "show": list(show),
        },
        predict=asked,
    )


def _check(r):
    missing = [key for key in ("lr", "beta") if key not in r.hyper]
    if missing or len(r.state) != 1:
        lacks = f"has no {missing[0]}" if missing else f"keeps {len(r.state)} states"
        raise ValueError(f"{r.name} {lacks}; live.rate_map takes rules with lr, beta and one state")
    check_linear(r)
    # one factor for every curvature with the same lr * curvature
    sizes = np.array([0.01, 0.6, 3.9])
    if np.abs(factor(r, sizes, 0.3) - factor(r, sizes, 0.3, curvature=5.0)).max() > 1e-9:
        raise ValueError(f"the factor of {r.name} does not depend on lr times curvature alone")


def panels(name, chosen, allowed):
    """The panels to show, in their usual order."""
    chosen = (chosen,) if isinstance(chosen, str) else tuple(chosen)
    if not chosen or not set(chosen) <= set(allowed):
        raise ValueError(f"{name} is {chosen!r}; allowed: some of {', '.join(map(repr, allowed))}")
    return tuple(panel for panel in allowed if panel in chosen)


def _pair(name, value):
    try:
        x, y = (float(v) for v in value)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}; allowed: two numbers") from None
    if not np.isfinite([x, y]).all() or (x, y) == (0, 0):
        raise ValueError(f"{name} is {value!r}; allowed: two finite numbers, not both 0")
    return x, y


def factor(r, lr, beta, curvature=1.0):
    """The largest modulus of an eigenvalue of one step, lr in units of 1/curvature."""
    lr, beta = np.broadcast_arrays(np.asarray(lr, float), np.asarray(beta, float))
    h = {**r.hyper, "lr": lr / curvature, "beta": beta}
    rows = []
    for unit in ((1.0, 0.0), (0.0, 1.0)):
        theta, state = np.full(lr.shape, unit[0]), (np.full(lr.shape, unit[1]),)
        g = curvature * r.point(theta, state, 1, h)
        theta, state = r.step(theta, g, state, 1, h)
        rows.append((theta, state[0]))
    (a, b), (c, d) = rows
    half, det = (a + d) / 2, a * d - b * c
    root = half**2 - det
    return np.where(root < 0, sqrt(np.maximum(det, 0)), abs(half) + sqrt(np.maximum(root, 0)))


def best_point(r, kappa, reach, high):
    """(lr, beta) with the least factor on curvatures 1 and kappa, lr in units of 1/kappa."""

    def worst(lr, beta):
        return np.maximum(factor(r, lr / kappa, beta), factor(r, lr, beta))

    low, top, found = 0.0, high, (np.inf, 0.0, 0.0)
    part = (5**0.5 - 1) / 2
    for _ in range(11):
        beta = np.linspace(low, top, 21)
        a, b = np.zeros(21), np.full(21, float(reach))
        for _ in range(70):  # golden sections, for all betas at once
            c, d = b - part * (b - a), a + part * (b - a)
            left = worst(c, beta) <= worst(d, beta)
            a, b = np.where(left, a, c), np.where(left, d, b)
        lr = (a + b) / 2
        rho = worst(lr, beta)
        k = int(np.argmin(rho))
        found = min(found, (float(rho[k]), float(lr[k]), float(beta[k])))
        width = (top - low) / 10
        low, top = max(0.0, found[2] - width), min(high, found[2] + width)
    return found[1], found[2]


def _paint(sheet, cast, first, kappa, cursor, best, reach, high, show):
    """The map, or |σ| against ηλ, as it stands at first; both where there are both."""
    wanted = [p for p in ("map", "sigma") if p in show] or ["sigma"]
    for ax, panel in zip(sheet.subplots(1, len(wanted), squeeze=False)[0], wanted):
        if panel == "map":
            lr, beta = np.meshgrid(np.linspace(0, reach, 161), np.linspace(0, high, 121))
            r = cast[first]
            rho = np.maximum(factor(r, lr / kappa, beta), factor(r, lr, beta))
            depth = np.where(rho > 1 + 1e-9, np.nan, -np.log10(np.maximum(1e-9, 1 - rho)))
            ax.contourf(
                lr, beta, depth, levels=np.nanmin(depth) + np.linspace(0, 2.3, 8), cmap="Blues_r"
            )
            ax.contour(lr, beta, rho, levels=[1 + 1e-9], colors="black")
            ax.plot(*best, "D", color="black")
            ax.plot(*cursor, "+", color="black", markersize=14)
            ax.set(xlabel="step size ηL", ylabel="momentum β", title=f"{plots.label(first)}: ρ")
            continue
        size = np.linspace(0, reach, 400)
        for r in cast.values():
            look = {"color": plots.color(r.name), "linestyle": plots.dash(r.name)}
            ax.plot(size, factor(r, size, cursor[1]), label=plots.label(r.name), **look)
        for at in {cursor[0] / kappa, cursor[0]}:
            ax.axvline(at, color=plots.MUTED, linewidth=0.8)
        ax.axhline(1, color="black", linewidth=0.8, linestyle="dashed")
        ax.set(xlabel="step size times curvature, ηλ", ylabel="factor |σ|", ylim=(0, 1.3))
        ax.legend()
