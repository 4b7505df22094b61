"""Optimizers race over a surface: the map with their paths, and the loss at every step."""

import inspect
import itertools
from dataclasses import dataclass

from .. import plots, syntax
from .. import schedules as all_schedules
from .. import surfaces as all_surfaces
from ..rule import by_name, run
from . import frame

_DASHES = {"solid": [], "dashed": [7, 4], "dotted": [2, 3], "dashdot": [8, 3, 2, 3]}
_MARKERS = {
    "gradient_descent": "o",
    "momentum": "s",
    "polyak_momentum": "s",
    "nesterov": "^",
    "adagrad": "v",
    "rmsprop": "D",
    "adam": "*",
    "adamw": "P",
    "lars": "X",
    "lamb": "X",
}


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

    The run follows :func:`optlib.run`, in the browser. Raises ValueError or TypeError that names
    the argument, its value and what is allowed.
    """
    cast = _cast(rules)
    places = _places(surface, surfaces)
    first_place = next(iter(places.values()))
    steps = whole("steps", steps, 1, 5000)
    show = (show,) if isinstance(show, str) else tuple(show)
    if not show or not set(show) <= {"map", "loss"}:
        raise ValueError(f"show is {show!r}; allowed: 'map', 'loss' or both")
    shown = tuple(cast) if shown is None else ((shown,) if isinstance(shown, str) else tuple(shown))
    _among("shown", shown, cast)

    plan = _plan(cast, hyper, controls, ranges or {})
    settings = [
        frame.integer(
            "step", "step t", steps if step is None else whole("step", step, 0, steps), 0, steps
        )
    ]
    if len(places) > 1:
        titles = [s.replace("_", " ") for s in places]
        settings.append(frame.choice("surface", "surface", places, first_place.name, titles))
    else:
        settings.append(frame.Setting("surface", 0, choices=tuple(places)))
    if plan.tuned:
        titles = [plots.label(r) for r in plan.tuned]
        first = tune or next((r for r in plan.tuned if r in shown), plan.tuned[0])
        settings.append(frame.choice("tune", "settings of", plan.tuned, first, titles))
    elif tune is not None:
        raise ValueError(f"tune is {tune!r}; only one rule here has settings of its own")
    settings += plan.settings
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
    settings.append(frame.Setting("start", _start(start, first_place)))
    settings.append(frame.Setting("shown", list(shown)))

    module = frame.compose(
        "descent.js",
        RULES=frame.table({r.name: syntax.javascript(r) for r in cast.values()}),
        SURFACES=frame.table({s.name: _javascript_surface(s) for s in places.values()}),
        SCHEDULES=frame.table({k: text for k, text in offered.items() if k != "constant"}),
        LOOKS=frame.json_text(looks(cast)),
    )
    given = [
        ("rules", as_tuple(map(written, cast.values()))),
        ("surface", _written_surface(first_place) if len(places) == 1 else None),
        ("surfaces", as_tuple(map(_written_surface, places.values())) if len(places) > 1 else None),
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
    )


def _cast(rules):
    """{name: Rule} from names and rules; those that can race here in two coordinates."""
    rules = (rules,) if isinstance(rules, str) or not isinstance(rules, (tuple, list)) else rules
    cast = {r.name: r for r in map(by_name, rules)}
    if not cast:
        raise ValueError("rules is empty; name at least one rule, such as 'adam'")
    return cast


def _places(first, others):
    """{name: Surface}, the first one first; it may be named by one of the others."""
    others = (others,) if isinstance(others, (str, all_surfaces.Surface)) else others
    others = {s.name: s for s in map(all_surfaces.get, others)}
    first = others.get(first) if isinstance(first, str) and first in others else first
    first = all_surfaces.get(first)
    return {first.name: first, **others}


def _javascript_surface(s):
    """A surface's text is the same for every figure; SymPy takes its time, so it is kept."""
    if s.name not in _SURFACE_TEXTS or _SURFACE_TEXTS[s.name][0] is not s:
        _SURFACE_TEXTS[s.name] = s, all_surfaces.javascript(s)
    return _SURFACE_TEXTS[s.name][1]


_SURFACE_TEXTS = {}


def whole(name, value, low, high):
    """The value, if it is a whole number from low to high; else ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}; allowed: a whole number from {low} to {high}")
    return value


def _among(name, values, allowed):
    for value in values:
        if value not in allowed:
            raise ValueError(f"{name} holds {value!r}; allowed: {', '.join(map(repr, allowed))}")


def _start(start, surface):
    """The start as a list, [] for the surface's own."""
    if start is None:
        return []
    x0, x1, y0, y1 = surface.window
    try:
        x, y = (float(v) for v in start)
    except (TypeError, ValueError):
        raise ValueError(f"start is {start!r}; allowed: two numbers (x, y)") from None
    if not (x0 <= x <= x1 and y0 <= y <= y1):
        raise ValueError(
            f"start is {start!r}; allowed on {surface.name}: "
            f"x from {x0:g} to {x1:g}, y from {y0:g} to {y1:g}"
        )
    return [x, y]


@dataclass(frozen=True)
class _Plan:
    """Which setting, or which fixed number, each rule takes each of its hyperparameters from.

    arguments : {rule: {hyperparameter: name of a setting, or number}}. own : {setting: rule}, the
    settings that only one rule uses. tuned : rules to choose from, when several have their own.
    """

    settings: list
    names: set
    arguments: dict
    own: dict
    tuned: tuple


def _plan(cast, hyper, controls, ranges):
    keys = {key for r in cast.values() for key in r.hyper}
    users = {key: [r for r in cast.values() if key in r.hyper] for key in keys}
    personal = {f"{r.name}_{key}": (r, key) for r in cast.values() for key in r.hyper}
    for name in (*hyper, *(controls or ()), *ranges):
        if name not in keys and name not in personal:
            raise TypeError(
                f"{name!r} is no hyperparameter here; {', '.join(cast)} take "
                f"{', '.join(sorted(keys))}, for one rule alone {next(iter(personal), 'none')} etc."
            )
    values, arguments, of = {}, {}, {}
    for r in cast.values():
        arguments[r.name] = {}
        for key, default in r.hyper.items():
            alone = f"{r.name}_{key}"
            shared = alone not in hyper and (key in hyper or len(users[key]) == 1)
            name = key if shared else alone
            value = hyper.get(name, default)
            r.check({key: value})
            if callable(value):
                raise TypeError(f"{name} is a schedule; use schedules= and schedule= instead")
            if controls is not None and key not in controls and name not in controls:
                arguments[r.name][key] = value
                continue
            arguments[r.name][key] = name
            values[name] = key, value
            of.setdefault(name, []).append(r.name)
    settings = [
        frame.argument(name, key, value, ranges.get(name, ranges.get(key)))
        for name, (key, value) in values.items()
    ]
    own = {name: rules[0] for name, rules in of.items() if len(rules) == 1}
    tuned = tuple(dict.fromkeys(own.values()))
    return _Plan(settings, set(values), arguments, own, tuned if len(tuned) > 1 else ())


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


def looks(cast):
    """{rule: [colour on light, on dark, dash, marker, title]}; strangers get colours left over."""
    known = list(plots.COLORS)
    taken = {plots.color(r) for r in cast}
    spare = itertools.cycle([k for k in known if plots.COLORS[k] not in taken] or known)
    looks = {}
    for r in cast:
        base = r if r in known else next((b for b in known if r.startswith(b)), None)
        look = base or next(spare)
        colours = plots.COLORS[look], plots.COLORS_DARK[look]
        looks[r] = [*colours, _DASHES[plots.DASHES[look]], _MARKERS[look], plots.label(r)]
    return looks


def _paint(sheet, cast, shown, surface, start, steps, plan, show):
    """The first sight of the figure, without schedule and noise."""
    values = {s.name: s.value for s in plan.settings}
    runs = {}
    for name in shown:
        hyper = {k: values.get(v, v) for k, v in plan.arguments[name].items()}
        runs[name] = run(cast[name], surface, start or surface.start, steps, **hyper)
    panels = sheet.subplots(1, len(show), squeeze=False)[0]
    for ax, panel in zip(panels, ("map", "loss") if len(show) > 1 else show):
        if panel == "map":
            plots.contours(ax, surface)
            for name, result in runs.items():
                plots.path(ax, result, name)
        elif runs:
            plots.losses(ax, runs)


def as_tuple(texts):
    """Python text of a tuple, from the texts of its parts."""
    return "(" + "".join(f"{text}, " for text in texts).rstrip() + ")"


def _written_surface(s):
    """A surface as an argument of the Python call."""
    if all_surfaces.ALL.get(s.name) is s:
        return repr(s.name)
    made_by = getattr(s, "_made_by", None)
    return f"surfaces.{made_by[0].__name__}{made_by[1]!r}" if made_by else s.name


def written(r):
    """A rule as an argument of the Python call: by its name, or as the notebook's own variable."""
    try:
        return repr(r.name) if by_name(r.name) is r else r.name
    except ValueError:
        return r.name
