"""How fast a rule converges on a bowl of two curvatures, as a function of the step size."""

import numpy as np

from .. import plots, syntax
from ..rule import by_name
from . import frame
from .paths import as_tuple, looks, whole, written


def rate(
    rules="gradient_descent",
    *,
    name="rate",
    rule=None,
    kappa=100.0,
    lr=1.0,
    steps=200,
    ranges=None,
    predict=None,
    **hyper,
):
    """The factor by which one step shrinks the error, against the step size; and the errors.

    On ½(x² + κy²) a linear rule multiplies each coordinate by a matrix at every step; its spectral
    radius is the factor. The matrix is read off the rule's own code: it is what one step makes of
    each unit vector of (theta, state).

    rules : a rule or several to choose from: gradient_descent, momentum, nesterov, ... Linear in
        theta, state and g, with at most one state. rule : the one chosen first.
    kappa : condition number, 1 to 10,000. lr : the step size in units of 1/L, L = kappa the largest
        curvature; gradient descent converges for 0 < lr < 2. steps : length of the error curves.
    ranges : {"lr": (low, high), ...} of the controls. hyper : the rule's other hyperparameters.
    predict : "factor": the reader first draws the factor against the step size, then sees the truth
        and how far off it was.

    Raises ValueError for a rule that is not linear or has several states.
    """
    rules = (rules,) if isinstance(rules, str) or not isinstance(rules, (tuple, list)) else rules
    cast = {r.name: r for r in map(by_name, rules)}
    if not cast:
        raise ValueError("rules is empty; name at least one, such as 'gradient_descent'")
    for r in cast.values():
        check_linear(r)
    asked = frame.asked_of(predict, ("factor",))
    ranges = ranges or {}
    keys = {key: value for r in cast.values() for key, value in r.hyper.items() if key != "lr"}
    for key in hyper:
        if key not in keys:
            raise TypeError(f"{key!r} is no hyperparameter here; allowed: {', '.join(keys) or '-'}")
    settings = []
    first = rule or next(iter(cast))
    if len(cast) > 1:
        titles = [plots.label(r) for r in cast]
        settings.append(frame.choice("rule", "optimizer", tuple(cast), first, titles))
    else:
        if first not in cast:
            raise ValueError(f"rule is {first!r}; allowed: {', '.join(map(repr, cast))}")
        settings.append(frame.Setting("rule", 0, choices=tuple(cast)))
    reach = 2.2 if set(cast) == {"gradient_descent"} else 4.2
    settings += [
        frame.slider("lr", "step size ηL", lr, *ranges.get("lr", (0, reach)), step=0.01),
        frame.log_slider(
            "kappa", "condition κ", kappa, *ranges.get("kappa", (1, 10_000)), whole=True
        ),
        *(
            frame.argument(k, k, hyper.get(k, v), ranges.get(k), cast.values())
            for k, v in keys.items()
        ),
    ]
    module = frame.compose(
        "linear.js",
        "rate.js",
        RULES=frame.table({r.name: syntax.javascript(r, n=1) for r in cast.values()}),
        LOOKS=frame.json_text(looks(cast)),
    )
    steps = whole("steps", steps, 10, 5000)
    return frame.build(
        "rate",
        name,
        module,
        settings,
        f"rules={as_tuple(map(written, cast.values()))}, steps={steps}"
        + (f", ranges={ranges!r}" if ranges else ""),
        "Factor of the error per step against the step size",
        lambda sheet: _paint(sheet, cast[first], kappa, reach, {**keys, **hyper}),
        {
            "steps": steps,
            "reach": ranges.get("lr", (0, reach))[1],
            "arguments": {r.name: [k for k in r.hyper if k != "lr"] for r in cast.values()},
        },
        predict=asked,
    )


def check_linear(r):
    """One step must map (theta, state) linearly when g = curvature * theta."""
    if len(r.state) > 1 or any(r.state.values()):
        raise ValueError(f"{r.name} keeps {', '.join(r.state)}; live.rate takes one state from 0")

    def step(theta, *state):
        h = {**r.hyper, "lr": 0.1}
        g = 3.0 * r.point(theta, state, 1, h)
        theta, state = r.step(theta, g, state, 1, h)
        return [theta, *state]

    a, b = [1.0, 0.5][: 1 + len(r.state)], [-0.3, 2.0][: 1 + len(r.state)]
    both = step(*(2 * x + y for x, y in zip(a, b)))
    sums = [2 * x + y for x, y in zip(step(*a), step(*b))]
    if "lr" not in r.hyper or any(abs(x - y) > 1e-9 for x, y in zip(both, sums)):
        raise ValueError(f"{r.name} is not linear in theta and g; live.rate needs a rule that is")


def _radius(r, curvature, hyper):
    """Spectral radius of one step on curvature * theta^2 / 2."""
    columns = []
    for unit in np.eye(1 + len(r.state)):
        theta, state = unit[0], tuple(unit[1:])
        g = curvature * r.point(theta, state, 1, hyper)
        theta, state = r.step(theta, g, state, 1, hyper)
        columns.append([theta, *state])
    return np.abs(np.linalg.eigvals(columns)).max()


def _paint(sheet, r, kappa, reach, hyper):
    ax = sheet.subplots()
    sizes = np.linspace(0, reach, 211)
    both = []
    for curvature, dash, label in ((1, "dotted", "flat"), (kappa, "dashed", "steep")):
        factors = [
            _radius(r, curvature, {k: hyper.get(k, v) for k, v in r.hyper.items()} | {"lr": x})
            for x in sizes / kappa
        ]
        both.append(factors)
        ax.plot(sizes, factors, color=plots.color(r.name), linestyle=dash, label=label, zorder=3)
    worst = np.maximum(*both)
    ax.plot(sizes, worst, color="#848d97", linewidth=6, label="the larger, which decides")
    ax.axhline(1, color="black", linewidth=0.8)
    ax.set(xlabel="step size ηL", ylabel="factor per step", ylim=(0, 1.3))
    ax.legend()
