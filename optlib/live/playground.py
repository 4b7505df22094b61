"""A surface in three dimensions, with the paths of several optimizers on it and its map beside."""

import functools
import math

import numpy as np

from .. import plots
from . import frame
from .paths import (
    as_tuple,
    cast_of,
    first_runs,
    places_of,
    plan_of,
    prediction_of,
    race_constants,
    race_settings,
    shown_of,
    start_of,
    whole,
    written,
    written_surface,
)

SURFACES = (
    "himmelblau",
    "ravine",
    "bowl",
    "rosenbrock",
    "beale",
    "booth",
    "saddle",
    "monkey_saddle",
    "plateau",
    "rastrigin",
    "ackley",
    "sharp_and_flat",
    "piecewise",
)

# What suits a surface, where it is not the usual: the start, the view (degrees), and rates of lr.
# On himmelblau gradient descent, momentum and Adam end in three different minima.
_SCENES = {
    "himmelblau": {
        "start": (0, -3),
        "view": (-24.5, 50.5),
        "lr": {"gradient_descent": 0.01, "momentum": 0.01, "adam": 0.2},
    },
    "ravine": {"view": (-62.5, 38.5)},
    "rosenbrock": {"view": (-10.5, 56.5)},
    "beale": {"view": (48.5, 46.5)},
    "saddle": {"view": (58.5, 42.5)},
    "monkey_saddle": {"start": (-0.02, 0.7), "view": (22.5, 42.5)},
    "rastrigin": {"view": (-32.5, 60.5)},
}
_VIEW = (-32.5, 42.5)
_LIMITS = {"azimuth": (-180, 180), "elevation": (2.5, 89.5), "zoom": (0.5, 4.0)}


def playground(
    rules=("gradient_descent", "momentum", "adam"),
    surface="himmelblau",
    *,
    name="playground",
    surfaces=SURFACES,
    start=None,
    steps=120,
    step=None,
    shown=None,
    tune=None,
    controls=("lr",),
    ranges=None,
    azimuth=None,
    elevation=None,
    zoom=1.0,
    predict=None,
    **hyper,
):
    """A surface in three dimensions that the reader turns, and a race on it -> LiveFigure.

    Drag, or the arrow keys, turn it; + and -, pinching or the wheel zoom; Home brings back the
    first view. Paths are drawn along the surface; where it hides them they are fainter. Heights are
    linear, or where half of the map would be flat, log(1 + loss/s) above the lowest point; the
    axis says which. The map beside it holds the start, which can be dragged.

    rules : names of rules, or rules, also one defined in the notebook; one alone may stand bare.
    surface : name or Surface. surfaces : those to choose from; () for no menu.
    name : what a link to this figure calls it; unique in its page.
    start : (x, y) in the surface's window. steps : length of the run, 1 to 2000.
    step : the step shown first (default: the last). shown : rules drawn at first (default: all).
    tune : the rule whose settings are shown first.
    controls : hyperparameters that get a control; None for all. ranges : {hyperparameter:
        (low, high)}.
    azimuth : degrees by which the viewer stands to the right of the negative y axis, -180 to 180.
    elevation : degrees above the horizon, 2.5 to 89.5. zoom : 0.5 to 4.
    predict : "path": the reader first clicks on the map where the last rule shown will be,
        then sees the truth; {"what": "path", "rule": "adam", "step": 12} says more.
    hyper : as in :func:`descent`. A learning rate not given is the one, of five a decade, that
        brings the loss lowest while the path stays in the window; choosing a surface does the same.

    Raises ValueError or TypeError that names the argument, its value and what is allowed.
    """
    cast = cast_of(rules)
    places = places_of(surface, surfaces)
    first = next(iter(places.values()))
    steps = whole("steps", steps, 1, 2000)
    shown = shown_of(shown, cast)
    asked = prediction_of(predict, cast, shown, ("path",), steps)
    given = dict(hyper)

    rates = {s.name: {r.name: _rate(r, s, steps) for r in cast.values()} for s in places.values()}
    for r in cast.values():
        own = "lr" if len(cast) == 1 else f"{r.name}_lr"
        if "lr" in r.hyper and "lr" not in hyper and own not in hyper:
            hyper[own] = rates[first.name][r.name]
    reach = _reach(cast, rates, hyper)
    plan = plan_of(cast, hyper, controls, {**reach, **(ranges or {})} if ranges else reach)

    settings = race_settings(cast, places, plan, steps, step, shown, tune)
    scene = _SCENES.get(first.name, {})
    place = scene.get("start") if start is None else start
    view = dict(zip(("azimuth", "elevation"), scene.get("view", _VIEW)), zoom=zoom)
    for key, value in (("azimuth", azimuth), ("elevation", elevation)):
        view[key] = view[key] if value is None else value
    for key, value in view.items():
        frame.in_range(key, value, *_LIMITS[key])
        settings.append(frame.Setting(key, float(value), limits=_LIMITS[key]))
    settings.append(frame.Setting("start", start_of(place, first)))
    settings.append(frame.Setting("shown", list(shown)))

    call = [
        ("rules", as_tuple(map(written, cast.values()))),
        ("surface", written_surface(first) if len(places) == 1 else None),
        ("surfaces", as_tuple(map(written_surface, places.values())) if len(places) > 1 else "()"),
        ("steps", steps),
        ("controls", "None" if controls is None else repr(tuple(controls))),
        ("ranges", repr(ranges) if ranges else None),
        *((key, value) for key, value in given.items() if key not in plan.names),
    ]
    titles = ", ".join(plots.label(r) for r in cast)
    return frame.build(
        "playground",
        name,
        frame.compose("paths.js", "surface3d.js", "playground.js", **race_constants(cast, places)),
        settings,
        ", ".join(f"{key}={value}" for key, value in call if value is not None),
        f"{titles} on a surface in three dimensions, {first.name.replace('_', ' ')} at first",
        lambda sheet: _paint(sheet, cast, shown, first, place, steps, plan, view),
        {
            "steps": steps,
            "show": ["map"],
            "arguments": plan.arguments,
            "own": plan.own,
            "scenes": _scenes(places, settings, plan, rates),
        },
        predict=asked,
    )


@functools.lru_cache(maxsize=512)
def _rate(r, surface, steps):
    """The lr, of five a decade, with the lowest last loss of the runs that stay in the window."""
    if "lr" not in r.hyper:
        return None
    chosen = _SCENES.get(surface.name, {})
    if r.name in chosen.get("lr", {}):
        return chosen["lr"][r.name]
    lr = 10.0 ** np.arange(-4, 0.41, 0.2)
    x0, x1, y0, y1 = surface.window
    theta = np.repeat(np.array(chosen.get("start", surface.start), float)[:, None], len(lr), 1)
    state, hyper, inside = r.init(theta), {**r.hyper, "lr": lr}, np.ones(len(lr), bool)
    with np.errstate(all="ignore"):
        for t in range(1, min(steps, 150) + 1):
            g = surface.grad(r.point(theta, state, t, hyper))
            theta, state = r.step(theta, g, state, t, hyper)
            inside &= (x0 <= theta[0]) & (theta[0] <= x1) & (y0 <= theta[1]) & (theta[1] <= y1)
        loss = np.where(inside, surface(theta), np.inf)
    return float(f"{lr[np.argmin(loss)]:.3g}") if inside.any() else r.hyper["lr"]


def _reach(cast, rates, hyper):
    """{name: (low, high)}: whole decades around all rates that a choice of surface may set."""
    reach = {}
    for name in {"lr", *(f"{r}_lr" for r in cast)}:
        used = [
            value
            for chosen in rates.values()
            for r, value in chosen.items()
            if value and name in ("lr", f"{r}_lr")
        ]
        used += [v for k, v in hyper.items() if k == name and not callable(v) and v > 0]
        if used and (name == "lr" or name in hyper):
            low, high = math.floor(math.log10(min(used))), math.ceil(math.log10(max(used)))
            reach[name] = (10.0**low / 10, 10.0**high)
    return reach


def _scenes(places, settings, plan, rates):
    """{surface: {setting: value}}: what choosing it sets. The first one keeps its values."""
    by_name = {s.name: s for s in settings}
    first = next(iter(places))
    lrs = [n for n in plan.names if n == "lr" or n.endswith("_lr")]
    scenes = {first: {n: by_name[n].value for n in (*lrs, "azimuth", "elevation", "zoom", "start")}}
    for name in places:
        if name == first:
            continue
        chosen = _SCENES.get(name, {})
        scene = dict(zip(("azimuth", "elevation"), chosen.get("view", _VIEW)), zoom=1)
        scene["start"] = list(chosen.get("start", ()))
        for n in lrs:
            users = [r for r, taken in plan.arguments.items() if taken.get("lr") == n]
            scene[n] = min(rates[name][r] for r in users)
        scenes[name] = scene
    return scenes


def _paint(sheet, cast, shown, surface, start, steps, plan, view):
    """The first sight of the figure."""
    x0, x1, y0, y1 = surface.window
    x, y = np.meshgrid(np.linspace(x0, x1, 61), np.linspace(y0, y1, 61))
    loss = surface(np.stack([x, y]))
    low, middle, high = np.min(loss), np.median(loss), np.max(loss)
    s = (middle - low) ** 2 / max(high - low - 2 * (middle - low), 1e-9)
    log = high - low > 3 * (middle - low) > 0

    def height(v):
        return np.log1p(np.maximum(v - low, 0) / s) if log else v - low

    space = sheet.add_subplot(1, 2, 1, projection="3d", computed_zorder=False)
    space.plot_wireframe(x, y, height(loss), color="#6f8299", linewidth=0.4, rcount=31, ccount=31)
    space.view_init(elev=view["elevation"], azim=view["azimuth"] - 90)
    space.set(xlabel="x", ylabel="y", zlabel="log(1 + loss/s)" if log else "loss")
    space.set_zticklabels([])
    ax = sheet.add_subplot(1, 2, 2)
    plots.contours(ax, surface)
    for name, result in first_runs(cast, shown, surface, start, steps, plan).items():
        plots.path(ax, result, name)
        path = result.theta[((result.theta >= (x0, y0)) & (result.theta <= (x1, y1))).all(1)]
        look = {"color": plots.color(name), "linestyle": plots.dash(name), "linewidth": 1.4}
        space.plot(*path.T, height(surface(path.T)), zorder=5, **look)
