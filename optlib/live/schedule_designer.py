"""A schedule of the step size, drawn or chosen, and its exact effect on a noisy quadratic."""

import inspect
from dataclasses import replace

import numpy as np

from .. import plots, syntax
from .. import schedules as all_schedules
from . import frame
from .paths import among, whole

AVERAGES = ("none", "all", "last half", "EMA")

SCHEDULES = (
    "constant",
    "multi_step",
    "inverse_sqrt",
    "inverse_t",
    "cosine",
    "polynomial",
    "wsd",
    "knots",
)
_TITLES = {
    "multi_step": "steps down",
    "inverse_sqrt": "1/√t",
    "inverse_t": "1/t",
    "wsd": "WSD",
    "knots": "drawn by knots",
}
_IN_MENU = {"wsd": "warm-up, stable, decay (WSD)"}  # too long for a legend on a phone
_MOST_KNOTS = 8


def schedule_designer(
    schedule="polynomial",
    beside="constant",
    *,
    name="schedule-designer",
    schedules=SCHEDULES,
    curvatures=(1, 0.1, 0.01),
    noise=1.0,
    start=None,
    steps=1000,
    lr=None,
    beside_lr=None,
    best=None,
    average="none",
    beside_average="last half",
    ema=0.995,
    warmup=None,
    cooldown=None,
    decay=None,
    gamma=0.1,
    power=1.0,
    knots=((0, 1), (0.5, 1), (0.8, 0.3), (1, 0)),
    recorded=None,
    step=None,
    shown=("this", "beside"),
    controls=None,
    ranges=None,
    predict=None,
):
    """Two schedules of gradient descent's step size, and the expected loss at every step.

    The problem is half the sum of curvature * x^2; every gradient component carries independent
    normal noise. Mean and second moments of iterate and average follow a recurrence, so nothing is
    sampled. Above the step size, below the expected loss, and its last fifth enlarged.

    schedule, beside : the two, each "knots" or a schedule of optlib.schedules: its name, or with
        its arguments, such as cosine(lr=1, steps=1000, lr_min=0.1), which then stay as they are,
        but for lr. schedules : those offered. knots : 2 to 8 points (share of the run, share of
        the step size) of a piecewise linear schedule, from 0 to 1; they can be dragged.
    curvatures : one to five positive numbers. noise : standard deviation of each gradient
        component. start : every coordinate at the start (default: 10 noise). steps : 20 to 5000.
    lr, beside_lr : the largest step size of either. best : both take the one with the lowest final
        loss instead (default: if neither is given). average, beside_average : what is reported,
        the iterate ("none"), the mean of all iterates so far ("all"), of those since half of the
        steps ("last half") or the "EMA", which keeps the share ema.
    warmup, cooldown, decay, gamma, power : arguments of the schedules that take them (default: 0,
        steps / 5, 20 / steps, 0.1, 1).
    recorded : {(schedule, average): losses} of real runs, losses of shape (seeds, records), the
        records evenly spaced from the start to the end; shown in a panel of their own beside
        the exact curves, mean and range over the seeds, whatever the step size chosen here.
    step : the step shown first. shown : "this", "beside" or both. controls : names of the settings
        that get a control (default: all). ranges : {setting: (low, high)}.
    predict : "loss": the reader first draws the expected loss of the first schedule, then sees the
        truth and a score.

    Raises ValueError or TypeError that names the argument, its value and what is allowed.
    """
    asked = frame.asked_of(predict, ("loss",))
    steps = whole("steps", steps, 20, 5000)
    curvatures = _curvatures(curvatures)
    frame.in_range("noise", noise, 0, 1000)
    start = 10.0 * (noise or 1) if start is None else start
    frame.in_range("start", start, -1e6, 1e6)
    knots = knots_of(knots)
    steepest = max(curvatures)
    given = {
        "warmup": 0 if warmup is None else warmup,
        "cooldown": steps // 5 if cooldown is None else cooldown,
        "decay": 20 / steps if decay is None else decay,
        "gamma": gamma,
        "power": power,
    }
    limits = {
        "lr": (1e-3 / steepest, 3 / steepest),
        "ema": (0.8, 0.999),
        "warmup": (0, steps // 2),
        "cooldown": (1, steps // 2),
        "decay": (0.1 / steps, 10.0),
        "gamma": (0.01, 1),
        "power": (0.2, 5),
    }
    limits |= {"beside_lr": (ranges or {}).get("lr", limits["lr"])}
    choices = ["schedule", "average", "beside", "beside_average", "best", "step"]
    for key in (*(controls or ()), *(ranges or {})):
        if key not in limits and (key in (ranges or {}) or key not in choices):
            allowed = [*limits, *(choices if key in (controls or ()) else [])]
            raise TypeError(f"{key!r} is no setting here; allowed: {', '.join(allowed)}")
    limits |= ranges or {}
    items = (*_as_items(schedules), schedule, beside)
    offered = _offered(items, steps)
    first, second = _name(schedule), _name(beside)
    for key, value in (("average", average), ("beside_average", beside_average)):
        if value not in AVERAGES:
            raise ValueError(f"{key} is {value!r}; allowed: {', '.join(map(repr, AVERAGES))}")
    runs = _recorded(recorded or {}, offered)
    shown = [shown] if isinstance(shown, str) else list(shown)
    among("shown", shown, ("this", "beside"))

    best = lr is None and beside_lr is None if best is None else best
    problem = {"curvatures": curvatures, "noise": noise, "start": start}

    def rate(which, peaks):
        if which == "knots":
            return drawn(knots, peaks, steps)
        chosen, _, takes = offered[which]
        return chosen({k: given[k] for k in takes}, peaks, steps)

    def fitted(value, which, kind, key):
        if value is not None:
            return value
        return best_rate(lambda peaks: rate(which, peaks), limits[key], kind, ema, **problem)[0]

    lr = fitted(lr, first, average, "lr")
    beside_lr = fitted(beside_lr, second, beside_average, "beside_lr")

    titles = [_TITLES.get(k, k.replace("_", " ")) for k in offered]
    fixed = controls is not None and "power" not in controls
    menu = [_IN_MENU.get(k, _title(k, power if fixed else None)) for k in offered]
    whole("warmup", given["warmup"], *limits["warmup"])
    whole("cooldown", given["cooldown"], *limits["cooldown"])
    sliders = {
        "warmup": lambda v, r: frame.integer("warmup", "warm-up steps", v, *r),
        "cooldown": lambda v, r: frame.integer("cooldown", "cool-down steps", v, *r),
        "decay": lambda v, r: frame.log_slider("decay", "decay per step", v, *r),
        "gamma": lambda v, r: frame.log_slider("gamma", "factor γ", v, *r),
        "power": lambda v, r: frame.log_slider("power", "power", v, *r),
    }
    used = {key for _, _, takes in offered.values() for key in takes}
    settings = [
        frame.integer("step", "step t", steps if step is None else step, 0, steps),
        frame.choice("schedule", "schedule", offered, first, menu),
        frame.log_slider("lr", "step size η", lr, *limits["lr"]),
        frame.choice("average", "average", AVERAGES, average),
        frame.choice("beside", "beside it", offered, second, menu),
        frame.log_slider("beside_lr", "its step size", beside_lr, *limits["beside_lr"]),
        frame.choice("beside_average", "its average", AVERAGES, beside_average),
        *(make(given[key], limits[key]) for key, make in sliders.items() if key in used),
        frame.slider("ema", "EMA keeps", ema, *limits["ema"], step=0.001),
        frame.checkbox("best", "each at its best η", best),
    ]
    if controls is not None:
        kept = {*controls, "step"}
        settings = [s if s.name in kept else replace(s, control=None, marks=None) for s in settings]
    settings += [
        frame.Setting("knots", [float(v) for knot in knots for v in knot]),
        frame.Setting("shown", shown),
    ]

    call = [("schedules", _written(items, offered)), ("curvatures", curvatures), ("noise", noise)]
    call += [("start", start), ("steps", steps), ("recorded", "recorded" if runs else None)]
    call += [("controls", controls and tuple(controls)), ("ranges", ranges or None)]
    pictured = [
        (_title(first, power), rate(first, lr), average),
        (_title(second, power), rate(second, beside_lr), beside_average),
    ]
    return frame.build(
        "schedule_designer",
        name,
        frame.compose(
            "curves.js",
            "linear.js",
            "schedule_designer.js",
            SCHEDULES=frame.table({k: text for k, (_, text, _) in offered.items() if text}),
        ),
        settings,
        ", ".join(f"{k}={v}" for k, v in call if v is not None),
        "Two schedules of the step size on a noisy quadratic",
        lambda sheet: _paint(sheet, pictured, ema, problem),
        {
            "curvatures": list(curvatures),
            "noise": noise,
            "from": start,
            "steps": steps,
            "takes": {k: takes for k, (_, _, takes) in offered.items()},
            "titles": dict(zip(offered, titles)),
            "most": _MOST_KNOTS,
            "recorded": runs or None,
        },
        predict=asked,
    )


def knots_of(knots):
    """((share of the run, share of the step size), ...) from pairs or from one flat list."""
    try:
        flat = [float(v) for v in np.ravel(knots)]
    except (TypeError, ValueError):
        flat = []
    pairs = tuple(zip(flat[::2], flat[1::2]))
    across = [u for u, _ in pairs]
    rising = all(a < b for a, b in zip(across, across[1:]))
    inside = all(0 <= v <= 1 for v in flat)
    count = 2 <= len(pairs) <= _MOST_KNOTS and len(flat) == 2 * len(pairs)
    if not (count and rising and inside and across[0] == 0 and across[-1] == 1):
        raise ValueError(
            f"knots is {knots!r}; allowed: 2 to {_MOST_KNOTS} points (share of the run, share of "
            "the step size), both from 0 to 1, the first at 0, then rising, the last at 1"
        )
    return pairs


def _recorded(recorded, offered):
    """{"schedule|average": mean, low, high at each record, lists} of the runs."""
    found = {}
    for key, losses in recorded.items():
        try:
            name, average = key
            losses = np.atleast_2d(np.asarray(losses, float))
        except (TypeError, ValueError):
            losses = np.empty(0)
        if losses.ndim != 2 or losses.shape[1] < 2 or not np.isfinite(losses).all():
            raise ValueError(
                f"recorded[{key!r}]; allowed: for a pair (schedule, average) finite losses of "
                "shape (seeds, records), with two records or more"
            )
        if name not in offered or average not in AVERAGES:
            names = ", ".join(map(repr, offered))
            raise ValueError(
                f"recorded has {key!r}; allowed: a schedule offered here ({names}) and an average "
                f"({', '.join(map(repr, AVERAGES))})"
            )
        rows = {"mean": losses.mean(0), "low": losses.min(0), "high": losses.max(0)}
        found[f"{name}|{average}"] = {k: [float(f"{x:.4g}") for x in v] for k, v in rows.items()}
    return found


def _curvatures(values):
    try:
        values = tuple(float(v) for v in np.atleast_1d(values))
    except (TypeError, ValueError):
        values = ()
    if not 1 <= len(values) <= 5 or not all(0 < c < 1e6 for c in values):
        raise ValueError(f"curvatures is {values!r}; allowed: one to five positive numbers")
    return values


def _as_items(schedules):
    return (schedules,) if isinstance(schedules, (str, all_schedules.Bound)) else tuple(schedules)


def _name(item):
    return getattr(getattr(item, "schedule", item), "name", item)


_TUNED = ("warmup", "cooldown", "decay", "power")


def _offered(items, steps):
    """{name: (values, JavaScript, settings it takes)} of the schedules to choose from.

    values(h, lr, steps) are those of all steps. What is no setting has a value that fits the run.
    A schedule with its arguments takes no setting; lr is always the figure's.
    """
    fitting = {
        "steps": steps,
        "every": max(1, steps // 3),
        "milestones": (steps // 2, 3 * steps // 4),
        "gamma": 0.01 ** (1 / steps),
    }
    offered = {}
    for item in items:
        if item == "knots":
            offered["knots"] = (None, None, [])
            continue
        bound = isinstance(item, all_schedules.Bound)
        chosen = item.schedule if bound else all_schedules.get(getattr(item, "name", item))
        if chosen.name in offered and not bound:
            continue
        tuned = () if bound else (*_TUNED, *(["gamma"] if "step" in chosen.name else []))
        takes = [key for key in chosen.arguments if key in tuned]
        fixed = item.arguments if bound else {
            key: fitting.get(key) if default is inspect.Parameter.empty else default
            for key, default in chosen.arguments.items()
        }  # fmt: skip
        fixed = {k: v for k, v in fixed.items() if k != "lr" and k not in takes}
        if "lr" not in chosen.arguments or None in fixed.values():
            raise ValueError(f"schedules: {chosen.name} cannot be offered here without arguments")
        text = f"(t, h) => ({syntax.javascript(chosen)})(t, {{...{frame.json_text(fixed)}, ...h}})"
        offered[chosen.name] = (_values(chosen, fixed), text, takes)
    return offered


def _values(chosen, fixed):
    def values(h, lr, steps):
        t = np.arange(1, steps + 1)[:, None]
        found = chosen.fn(t, lr=np.atleast_1d(lr), **fixed, **h)
        return np.squeeze(found, 1) if np.ndim(lr) == 0 else found

    return values


def _written(items, offered):
    """The schedules offered as text of the Python call."""
    bound = {_name(s): f"schedules.{s!r}" for s in items if isinstance(s, all_schedules.Bound)}
    return "(" + "".join(f"{bound.get(name, repr(name))}, " for name in offered).rstrip() + ")"


def _title(name, power):
    linear = name == "polynomial" and power == 1
    return "linear" if linear else _TITLES.get(name, name.replace("_", " "))


# ---------------------------------------------------------------------------- the same in NumPy


def drawn(knots, lr, steps):
    """The piecewise linear schedule at t = 1 ... steps: lr times the height at (t - 1) / steps.

    knots : pairs, see schedule_designer. lr : number or array (k,). Returns (steps,) or (steps, k).
    """
    across, height = zip(*knots)
    return np.multiply.outer(np.interp(np.arange(steps) / steps, across, height), lr)


def effect(rate, average="none", ema=0.995, *, curvatures=(1, 0.1, 0.01), noise=1.0, start=10.0):
    """The expected loss of gradient descent after 0 ... T steps, and what noise adds to it.

    rate : the step sizes of steps 1 ... T, float64 (T,) or (T, k) for k schedules at once.
    average : what is reported, see schedule_designer. Returns two float64 arrays (T + 1,) or
    (T + 1, k). Mean and covariance of iterate and average obey a linear recurrence; nothing is
    sampled.
    """
    rate = np.asarray(rate, float)
    curvature = np.asarray(curvatures, float).reshape(-1, *[1] * (rate.ndim - 1))
    mean = np.full(np.broadcast_shapes(curvature.shape, rate.shape[1:] or (1,)), float(start))
    kept = mean.copy()
    own, both, var = np.zeros_like(mean), np.zeros_like(mean), np.zeros_like(mean)
    half, loss, noisy = len(rate) // 2, [], []
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(len(rate) + 1):
            if t:
                factor = 1 - rate[t - 1] * curvature
                late = 1 / (t - half) if t > half else 1
                w = {"none": 1, "all": 1 / t, "last half": late, "EMA": 1 - ema}[average]
                mean = factor * mean
                own = factor**2 * own + (rate[t - 1] * noise) ** 2
                both = factor * both
                kept = (1 - w) * kept + w * mean
                var = (1 - w) ** 2 * var + 2 * w * (1 - w) * both + w**2 * own
                both = (1 - w) * both + w * own
            noisy.append((curvature * var).sum(0) / 2)
            loss.append((curvature * kept**2).sum(0) / 2 + noisy[-1])
    return np.array(loss).reshape(-1, *rate.shape[1:]), np.array(noisy).reshape(-1, *rate.shape[1:])


def best_rate(schedule, between=(1e-3, 3.0), average="none", ema=0.995, count=40, **problem):
    """The largest step size with the lowest final loss, and that loss: (float, float).

    schedule : function of an array of step sizes (k,) that returns (T, k), all steps of each.
    between : where to look, on a logarithmic grid of count values. problem : as effect takes it.
    """
    peaks = np.geomspace(*between, count)
    final = effect(schedule(peaks), average, ema, **problem)[0][-1]
    at = int(np.nanargmin(np.where(np.isfinite(final), final, np.inf)))
    return float(peaks[at]), float(final[at])


# ---------------------------------------------------------------------------- without scripts


def _paint(sheet, pictured, ema, problem):
    above, below = sheet.subplots(1, 2)
    for (title, rate, average), colour, dash in zip(
        pictured, (plots.ACCENT, plots.SECOND), ("solid", "dashed")
    ):
        loss, _ = effect(rate, average, ema, **problem)
        said = title if average == "none" else f"{title}, average: {average}"
        above.plot(np.arange(1, len(rate) + 1), rate, color=colour, linestyle=dash)
        below.semilogy(loss, color=colour, linestyle=dash, label=f"{said}: {loss[-1]:.3g}")
    above.set(xlabel="step t", ylabel="step size η")
    below.set(xlabel="step t", ylabel="expected loss")
    below.legend(fontsize=8)
