"""What figures with paths on a surface share: their arguments, their settings, their words."""

import itertools
from dataclasses import dataclass

from .. import plots, syntax
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


def cast_of(rules):
    """{name: Rule} from names and rules; those that can race here in two coordinates."""
    rules = (rules,) if isinstance(rules, str) or not isinstance(rules, (tuple, list)) else rules
    cast = {r.name: r for r in map(by_name, rules)}
    if not cast:
        raise ValueError("rules is empty; name at least one rule, such as 'adam'")
    return cast


def places_of(first, others):
    """{name: Surface}, the first one first; it may be named by one of the others."""
    others = (others,) if isinstance(others, (str, all_surfaces.Surface)) else others
    others = {s.name: s for s in map(all_surfaces.get, others)}
    first = others.get(first) if isinstance(first, str) and first in others else first
    first = all_surfaces.get(first)
    return {first.name: first, **others}


def _surface_text(s):
    """A surface's text is the same for every figure; SymPy takes its time, so it is kept."""
    if s.name not in _SURFACE_TEXTS or _SURFACE_TEXTS[s.name][0] is not s:
        _SURFACE_TEXTS[s.name] = s, all_surfaces.javascript(s)
    return _SURFACE_TEXTS[s.name][1]


_SURFACE_TEXTS = {}


def shown_of(shown, cast):
    """The rules drawn at first: those named, or all."""
    shown = tuple(cast) if shown is None else ((shown,) if isinstance(shown, str) else tuple(shown))
    among("shown", shown, cast)
    return shown


def whole(name, value, low, high):
    """The value, if it is a whole number from low to high; else ValueError."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}; allowed: a whole number from {low} to {high}")
    return value


def among(name, values, allowed):
    """Raise ValueError unless each of the values is allowed."""
    for value in values:
        if value not in allowed:
            raise ValueError(f"{name} holds {value!r}; allowed: {', '.join(map(repr, allowed))}")


def start_of(start, surface):
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
class Plan:
    """Which setting, or which fixed number, each rule takes each of its hyperparameters from.

    arguments : {rule: {hyperparameter: name of a setting, or number}}. own : {setting: rule}, the
    settings that only one rule uses. tuned : rules to choose from, when several have their own.
    """

    settings: list
    names: set
    arguments: dict
    own: dict
    tuned: tuple


def plan_of(cast, hyper, controls, ranges):
    """The Plan of these rules with these values, controls and ranges."""
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
        frame.argument(
            name, key, value, ranges.get(name, ranges.get(key)), [cast[r] for r in of[name]]
        )
        for name, (key, value) in values.items()
    ]
    own = {name: rules[0] for name, rules in of.items() if len(rules) == 1}
    tuned = tuple(dict.fromkeys(own.values()))
    return Plan(settings, set(values), arguments, own, tuned if len(tuned) > 1 else ())


def race_settings(cast, places, plan, steps, step, shown, tune):
    """The settings of a race but for its start: step, surface, whose settings, and those."""
    first = next(iter(places))
    step = steps if step is None else whole("step", step, 0, steps)
    settings = [frame.integer("step", "step t", step, 0, steps)]
    if len(places) > 1:
        titles = [s.replace("_", " ") for s in places]
        settings.append(frame.choice("surface", "surface", places, first, titles))
    else:
        settings.append(frame.Setting("surface", 0, choices=tuple(places)))
    return [*settings, *tuned_settings(plan, shown, tune)]


def tuned_settings(plan, shown, tune):
    """The rules' own settings, after a choice of the rule whose settings are seen, if several."""
    if plan.tuned:
        titles = [plots.label(r) for r in plan.tuned]
        chosen = tune or next((r for r in plan.tuned if r in shown), plan.tuned[0])
        return [
            frame.choice("tune", "settings of", plan.tuned, chosen, titles),
            *plan.settings,
        ]
    if tune is not None:
        raise ValueError(f"tune is {tune!r}; only one rule here has settings of its own")
    return plan.settings


def prediction_of(predict, cast, shown, allowed, steps=None):
    """What the reader is to predict of one rule, as the frame wants it, or None.

    predict : one of allowed, or a dict with "what", and maybe "rule" (default: the last one shown)
    and, where steps is given, "step" (of a place on a path; default: a tenth of the run).
    """
    given = frame.asked_of(predict, allowed, ("rule", "step") if steps else ("rule",))
    if given is None:
        return None
    among("predict", [given.setdefault("rule", (shown or tuple(cast))[-1])], cast)
    return {**given, **at_step(given, steps)} if steps else given


def at_step(given, steps):
    """{"step": the step asked about}: the one given, or a tenth of the run."""
    return {"step": whole("step", given.get("step", max(1, steps // 10)), 1, steps)}


def race_constants(cast, places):
    """What paths.js wants written: the rules, the surfaces, the looks."""
    return {
        "RULES": frame.table({r.name: syntax.javascript(r) for r in cast.values()}),
        "SURFACES": frame.table({s.name: _surface_text(s) for s in places.values()}),
        "LOOKS": frame.json_text(looks(cast)),
    }


def first_runs(cast, shown, surface, start, steps, plan):
    """{rule: Result} as the figure stands at first, without schedule and noise."""
    values = {s.name: s.value for s in plan.settings}
    runs = {}
    for name in shown:
        hyper = {k: values.get(v, v) for k, v in plan.arguments[name].items()}
        runs[name] = run(cast[name], surface, start or surface.start, steps, **hyper)
    return runs


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


def as_tuple(texts):
    """Python text of a tuple, from the texts of its parts."""
    return "(" + "".join(f"{text}, " for text in texts).rstrip() + ")"


def written_surface(s):
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
