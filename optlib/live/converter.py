"""One library's optimizer said in another's words, and the paths of both."""

import numpy as np

from .. import conversions, plots, rules, syntax
from ..conversions import DIALECTS, LIBRARIES
from . import frame
from .noise_floor import deviates

STEPS = 60
START, SLOPE = (1.0, -0.7), (1.0, 0.3)
EPS = ("0", "1e-10", "1e-8", "1e-7", "1e-6", "0.0001", "0.01", "1")
_SLIDERS = {  # label, range, step; a logarithm where there is no step
    "lr": ("step size η", (1e-6, 10), None),
    "beta": ("memory β", (0, 0.999), 0.001),
    "damping": ("dampening", (0, 1), 0.01),
    "beta1": ("average β₁", (0, 0.999), 0.001),
    "beta2": ("average β₂", (0, 0.9999), 0.0001),
    "rho": ("average ρ", (0, 0.999), 0.001),
    "l2": ("penalty λ, into g", (0, 0.5), 0.001),
    "weight_decay": ("weight decay λ", (0, 0.5), 0.001),
    "initial_accumulator": ("first sum", (0, 1), 0.01),
    "momentum_decay": ("warm-up ψ", (0, 1), 0.001),
    "trust": ("trust coefficient", (1e-5, 1), None),
    "clip_norm": ("clip at norm", (0, 10), 0.1),
}


def converter(
    source="torch.optim.AdamW",
    target="papers",
    *,
    name="converter",
    changes=False,
    size=1.0,
    **values,
):
    """A live converter of optimizers between libraries -> LiveFigure.

    source : the optimizer to start from, a name in ``optlib.conversions.DIALECTS``. target : a
        library, one of "torch", "optax", "keras", "timm", "pytorch_optimizer", "papers".
    name : what a link to this figure calls it; unique in its page.
    changes : whether the step size falls to a tenth half-way. size : size of the gradients, from
        1e-8 to 1e4. values : hyperparameters of the source by the names of its rule (lr, beta, eps,
        ...); eps is one of 0, 1e-10, 1e-8, 1e-7, 1e-6, 1e-4, 0.01, 1.

    Both optimizers, and the target with the source's numbers unconverted, run on the same random
    gradients of two coordinates. Raises ValueError that names the argument and what is allowed.
    """
    dialect = conversions.get(source)
    first = {**_DEFAULTS, **dialect.arguments}
    for key, value in values.items():
        if key not in _DEFAULTS:
            raise ValueError(f"there is no argument {key!r}; allowed: {', '.join(_DEFAULTS)}")
        first[key] = value
    settings = [
        frame.choice("source", "from", tuple(DIALECTS), dialect.name),
        frame.choice("target", "to", LIBRARIES, target),
        frame.checkbox("changes", "η falls to a tenth half-way", changes),
        frame.log_slider("size", "size of gradients", size, 1e-8, 1e4),
        *(_setting(key, value) for key, value in first.items()),
    ]
    given = {key: float(first[key]) for key in dialect.arguments}
    used = {d.rule: rules.get(d.rule) for d in DIALECTS.values()}
    return frame.build(
        "converter",
        name,
        frame.compose(
            "converter.js",
            RULES=frame.table({n: syntax.javascript(r) for n, r in used.items()}),
            DIALECTS=frame.table({d.name: _javascript(d) for d in DIALECTS.values()}),
        ),
        settings,
        "",
        "An optimizer of one library in the words of another, and both paths",
        lambda sheet: _paint(sheet, dialect, target, given, changes, size),
        {"steps": STEPS, "start": list(START), "slope": list(SLOPE)},
    )


def _usual(key):
    return next(d.arguments[key] for d in DIALECTS.values() if key in d.arguments)


_DEFAULTS = {key: _usual(key) for key in (*_SLIDERS, "eps", "centered")}


def _setting(key, value):
    if key == "centered":
        return frame.checkbox(key, "centered", bool(value))
    if key == "eps":
        known = {float(e): e for e in EPS}
        try:
            value = known[float(value)]
        except (KeyError, TypeError, ValueError):
            raise ValueError(f"eps is {value!r}; allowed: {', '.join(EPS)}") from None
        return frame.choice(key, "ε", EPS, value)
    label, (low, high), step = _SLIDERS[key]
    if step is None:
        return frame.log_slider(key, label, value, low, high)
    return frame.slider(key, label, value, low, high, step=step)


# ------------------------------------------------------------------------- the table, in JavaScript


def _arrow(expression):
    """An expression of the table as a function of an object that has its names."""
    names = ", ".join(conversions.names_in(expression))
    return f"({{{names}}}) => {expression}"


def _javascript(dialect):
    def table(expressions):
        return "{" + ", ".join(f"{k}: {_arrow(e)}" for k, e in expressions.items()) + "}"

    def pairs(conditions):
        return ", ".join(f"[{_arrow(c)}, {frame.json_text(words)}]" for c, words in conditions)

    plain = ("family", "library", "rule", "text", "arguments", "rate")
    parts = [f"{k}: {frame.json_text(getattr(dialect, k))}" for k in plain]
    parts.append(f"read: {table(conversions.reading(dialect))}")
    parts.append(f"write: {table(conversions.writing(dialect))}")
    parts.append(f"needs: [{pairs(dialect.needs)}]")
    parts.append(f"notes: [{pairs(dialect.notes)}]")
    return "{" + ", ".join(parts) + "}"


# ---------------------------------------------------------------------------- the same in NumPy


def paths(source, target, values=None, *, changes=False, size=1.0):
    """The conversion shown and three paths, float64 (steps + 1, 2) each, None where there is none.

    -> (Conversion or None, source's path, converted path, path with the source's own numbers).
    """
    source = conversions.get(source)
    noise = size * deviates(1, 2 * STEPS).reshape(STEPS, 2)
    rates = np.where(np.arange(STEPS) < STEPS // 2, 1.0, 0.1) if changes else None

    def run(dialect, numbers):
        return conversions.path(
            dialect, numbers, np.array(START), size * np.array(SLOPE), noise, rates
        )

    mine = run(source, values)
    others = conversions.into(source, target, values, changes=changes)
    others = [c for c in others if c.target != source.name]
    if not others:
        return None, mine, None, None
    shown = next((c for c in others if c.values), others[0])
    found = run(shown.target, shown.values) if shown.values else None
    return shown, mine, found, run(shown.target, conversions.copied(source, shown.target, values))


def distance(one, two):
    """Largest distance of two paths over the largest distance travelled by the first."""
    travelled = np.abs(one - one[0]).max()
    return float(np.abs(one - two).max() / travelled) if travelled else 0.0


# ---------------------------------------------------------------------------- without scripts


def _paint(sheet, dialect, target, values, changes, size):
    shown, mine, found, hasty = paths(dialect, target, values, changes=changes, size=size)
    ax = sheet.subplots()
    ax.plot(mine[:, 0], color=plots.ACCENT, label=dialect.name)
    if found is not None:
        ax.plot(found[:, 0], "--", color=plots.SECOND, label=f"{shown.target}, converted")
    if hasty is not None:
        ax.plot(hasty[:, 0], ":", color=plots.MUTED, label=f"{shown.target}, same numbers")
    ax.set(xlabel="step t", ylabel="first weight")
    ax.legend()
    text = conversions.write_call(dialect, {**dialect.arguments, **values})
    other = "no counterpart" if shown is None or not shown.values else shown.call
    ax.set_title(f"{text}\n{other}", fontsize=8)
