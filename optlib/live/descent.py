"""Optimizers race over a surface: the map with their paths, and the loss at every step."""

import inspect

from .. import plots, syntax
from .. import schedules as all_schedules
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


def descent(
    rules=("gradient_descent", "momentum", "adam"),
    surface="ravine",
    *,
    name="descent",
    start=None,
    steps=100,
    step=None,
    shown=None,
    tune=None,
    controls=None,
    ranges=None,
    surfaces=(),
    schedule="constant",
    schedules=(),
    noise=None,
    seed=1,
    show=("map", "loss"),
    predict=None,
    **hyper,
):
    """A live race of optimizers on a surface in two coordinates -> LiveFigure.

    rules : names of rules, or rules, also one defined in the notebook; one alone may stand bare.
    surface : name or Surface. surfaces : further ones to offer; then there is a menu.
    name : what a link to this figure calls it; unique in its page.
    start : (x, y) inside the surface's window; None is the surface's own start.
    steps : length of the run. step : the step shown at first (default: the last).
    shown : rules drawn at first (default: all). tune : the rule whose own settings are shown.
    hyper : values of hyperparameters. ``lr=0.02`` is one value, with one control, for every rule
        that has an lr; ``adam_lr=0.3`` belongs to Adam alone. What is not given keeps the rule's
        default and belongs to that rule alone.
    controls : names of the hyperparameters that get a control (default: all).
    ranges : {hyperparameter: (low, high)} of its control.
    schedules : names of schedules of lr to offer, schedule : the one at first.
    noise : standard deviation of the noise on each gradient component (None: no noise, no control).
    seed : of that noise; every rule gets the same noise.
    show : "map", "loss" or both.
    predict : "loss" or "path": the reader first draws the loss of the last rule shown, or clicks
        where it will be, and then sees the truth and how far off it was. A dict says more:
        {"what": "path", "rule": "adam", "step": 10}. Needs the panel in show.

    The run follows :func:`optlib.run`, in the browser. Raises ValueError or TypeError that names
    the argument, its value and what is allowed.
    """
    cast = cast_of(rules)
    places = places_of(surface, surfaces)
    first_place = next(iter(places.values()))
    steps = whole("steps", steps, 1, 5000)
    show = (show,) if isinstance(show, str) else tuple(show)
    if not show or not set(show) <= {"map", "loss"}:
        raise ValueError(f"show is {show!r}; allowed: 'map', 'loss' or both")
    shown = shown_of(shown, cast)
    panels = {"loss": "loss", "path": "map"}
    asked = prediction_of(predict, cast, shown, [p for p in panels if panels[p] in show], steps)

    plan = plan_of(cast, hyper, controls, ranges or {})
    settings = race_settings(cast, places, plan, steps, step, shown, tune)
    offered = _offered(schedule, schedules, steps)
    if len(offered) > 1:
        titles = [s.replace("_", " ") for s in offered]
        first = getattr(getattr(schedule, "schedule", schedule), "name", schedule)
        settings.append(frame.choice("schedule", "schedule", offered, first, titles))
    noisy = noise is not None and noise is not False
    if noisy:
        high = 4 * noise if noise else 1.0
        settings.append(frame.slider("noise", "gradient noise", noise, 0, high, high / 100))
        settings.append(frame.integer("seed", "noise seed", seed, 0, 99))
    settings.append(frame.Setting("start", start_of(start, first_place)))
    settings.append(frame.Setting("shown", list(shown)))

    module = frame.compose(
        "paths.js",
        "descent.js",
        SCHEDULES=frame.table({k: text for k, text in offered.items() if k != "constant"}),
        **race_constants(cast, places),
    )
    given = [
        ("rules", as_tuple(map(written, cast.values()))),
        ("surface", written_surface(first_place) if len(places) == 1 else None),
        ("surfaces", as_tuple(map(written_surface, places.values())) if len(places) > 1 else None),
        ("steps", steps),
        ("controls", repr(tuple(controls)) if controls is not None else None),
        ("schedules", repr(tuple(offered)) if len(offered) > 1 else None),
        ("ranges", repr(ranges) if ranges else None),
        ("show", repr(show) if len(show) == 1 else None),
        *((key, value) for key, value in hyper.items() if key not in plan.names),
    ]
    titles = ", ".join(plots.label(r) for r in cast)
    return frame.build(
        "descent",
        name,
        module,
        settings,
        ", ".join(f"{key}={value}" for key, value in given if value is not None),
        f"{titles} on the surface {first_place.name.replace('_', ' ')}",
        lambda sheet: _paint(sheet, cast, shown, first_place, start, steps, plan, show),
        {
            "steps": steps,
            "show": list(show),
            "arguments": plan.arguments,
            "own": plan.own,
            "noise": noisy,
            "schedules": len(offered) > 1,
        },
        predict=asked,
    )


def _offered(first, others, steps):
    """{name: JavaScript (t, {lr}) => lr} of the schedules to choose from, constant first.

    A schedule given by name gets arguments that fit the length of the run; one with arguments
    keeps them, but for lr, which is the slider's.
    """
    others = (others,) if isinstance(others, (str, all_schedules.Bound)) else others
    fitting = {
        "steps": steps,
        "every": max(1, steps // 3),
        "milestones": (max(1, steps // 2), max(2, 3 * steps // 4)),
        "gamma": 0.01 ** (1 / steps),
        "warmup": max(1, steps // 10),
        "cooldown": max(1, steps // 5),
    }
    offered = {"constant": None}
    for item in (first, *others):
        if item == "constant":
            continue
        chosen = getattr(item, "schedule", None) or all_schedules.get(item)
        values = getattr(item, "arguments", None) or {
            key: fitting.get(key) if default is inspect.Parameter.empty else default
            for key, default in chosen.arguments.items()
        }
        values = {key: value for key, value in values.items() if key != "lr"}
        if "lr" not in chosen.arguments or None in values.values():
            raise ValueError(f"schedules: {chosen.name} cannot be offered here without arguments")
        text = f"{{...{frame.json_text(values)}, lr: h.lr}}"
        offered[chosen.name] = f"(t, h) => ({syntax.javascript(chosen)})(t, {text})"
    return offered


def _paint(sheet, cast, shown, surface, start, steps, plan, show):
    """The first sight of the figure, without schedule and noise."""
    runs = first_runs(cast, shown, surface, start, steps, plan)
    panels = sheet.subplots(1, len(show), squeeze=False)[0]
    for ax, panel in zip(panels, ("map", "loss") if len(show) > 1 else show):
        if panel == "map":
            plots.contours(ax, surface)
            for name, result in runs.items():
                plots.path(ax, result, name)
        elif runs:
            plots.losses(ax, runs)
