"""An optimizer as a machine: one coordinate, every line of the rule with its numbers filled in."""

import ast
import math
import re
from dataclasses import replace

import ipywidgets

from .. import plots, syntax
from ..ops import sqrt
from ..rule import by_name, rule
from ..rules import adam
from . import frame
from .paths import looks, whole, written


@rule
def adam_uncorrected(theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Adam without bias correction."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    theta = theta - lr * m / (sqrt(v) + eps)
    return theta, m, v


@rule
def adam_only_m(theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Adam with the correction of m alone."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    theta = theta - lr * m_hat / (sqrt(v) + eps)
    return theta, m, v


@rule
def adam_only_v(theta, g, m=0, v=0, *, t, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Adam with the correction of v alone."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    v_hat = v / (1 - beta2**t)
    theta = theta - lr * m / (sqrt(v_hat) + eps)
    return theta, m, v


CORRECTIONS = {"on": adam, "off": adam_uncorrected, "only m": adam_only_m, "only v": adam_only_v}

# silence: steps with gradient zero before the sequence. field: where the gradient comes from
# instead of a sequence (see stepper.js). hyper: what choosing the preset sets.
_USUAL = {"lr": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
PRESETS = {
    "constant": {"title": "constant", "gradients": [1.0] * 40, "hyper": _USUAL},
    "spike": {
        "title": "one spike after silence",
        "gradients": [0.0] * 5 + [1.0] + [0.0] * 34,
        "silence": 5995,
        "step": 6001,
        "hyper": _USUAL,
    },
    "growing": {
        "title": "60, growing by 11 %",
        "gradients": [1.11**k for k in range(60)],
        "silence": 4940,
        "hyper": _USUAL,
    },
    "bowl": {
        "title": "bowl ½θ², no noise",
        "field": "bowl",
        "steps": 1600,
        "start": 1.0,
        "hyper": {"lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8},
    },
    "reddi": {
        "title": "game of Reddi et al.",
        "field": "reddi",
        "steps": 300,
        "start": 0.0,
        "hyper": {"lr": 0.5, "beta1": 0.0, "beta2": 0.06, "eps": 1e-8},
    },
}


def stepper(
    rule="adam",
    gradients=None,
    *,
    silence=0,
    name="stepper",
    preset=None,
    presets=("constant", "spike", "growing", "bowl", "reddi"),
    correction="on",
    step=None,
    line=None,
    controls=None,
    ranges=None,
    predict=None,
    **hyper,
):
    """A live machine: one coordinate, one rule, line by line, forwards and backwards.

    rule : a rule or its name. For adam the bias correction can be "on", "off", "only m", "only v".
    gradients : a sequence of the author's own, 2 to 200 numbers; the preset "own". Every sequence
        can be edited by the reader, which makes it the own one. silence : so many steps with
        gradient zero before it, not drawn.
    presets : which to offer. preset : the first shown (default: the own sequence if there is one).
        "constant", "spike" (one gradient after a long silence), "growing" (60 gradients, each 11 %
        larger than the last, after silence, 5,000 in all: the step reaches 7.25 lr), "bowl"
        (gradient theta, from 1, 1,600 steps), "reddi" (Reddi, Kale & Kumar 2018, Theorem 1, with
        C = 4 and beta2 near 1/17: theta stays in [-1, 1], the rate is lr / sqrt(t), the best theta
        is -1).
    step : the step t shown first. line : how many lines of it are done (default: all).
    hyper : the rule's hyperparameters (default: what the first preset sets). controls, ranges : as
        in descent.
    predict : "run": the reader first draws what the rule makes of the preset, the step in units of
        lr (theta, where the gradient comes from a function), then sees the truth and how far off it
        was. Until then the lines of the rule have no numbers.

    The plot shows the step in units of lr: the lines are 1, (1 - beta1)/sqrt(1 - beta2), and the
    Cauchy-Schwarz ceiling (1 - beta1)/sqrt((1 - beta2)(1 - beta1^2/beta2)). In the bowl, for Adam,
    it shows lr/(sqrt(v) + eps) instead, v corrected where the rule does so, and the line
    2(1 + beta1)/(1 - beta1) above which averaged momentum is unstable (curvature 1).
    """
    chosen = by_name(rule)
    asked = frame.asked_of(predict, ("run",))
    variants = CORRECTIONS if chosen is adam else {"on": chosen}
    presets = (presets,) if isinstance(presets, str) else tuple(presets)
    for p in (*presets, *([preset] if preset else [])):
        if p not in PRESETS and p != "own":
            raise ValueError(
                f"presets: there is no {p!r}; allowed: {', '.join(map(repr, PRESETS))}"
            )
    own = _sequence(gradients)
    given = gradients is not None
    first = preset or ("own" if given or not presets else presets[0])
    names = tuple(dict.fromkeys((*presets, first, "own")))
    offered = {p: PRESETS[p] for p in names if p != "own"}
    before = {**_USUAL, **PRESETS.get(first, {}).get("hyper", {})}
    values = {**chosen.hyper, **{k: v for k, v in before.items() if k in chosen.hyper}, **hyper}
    values = {k: v for k, v in chosen.check(values).items()}
    for key in (*(controls or ()), *(ranges or {})):
        if key not in chosen.hyper:
            raise TypeError(f"{key!r} is no hyperparameter of {chosen.name}: {list(chosen.hyper)}")

    silence = whole("silence", silence, 0, 10_000)
    start, last = _span(PRESETS.get(first, {"silence": silence, "gradients": own}))
    if step is None:
        step = PRESETS.get(first, {}).get("step", last)
    most = max(len(syntax.parse(v).lines) for v in variants.values())
    line = most if line is None else whole("line", line, 0, most)
    time = frame.integer("step", "step t", whole("step", step, start, last), start, last)
    time = replace(time, limits=(1, 20_000))  # the preset decides; see span in stepper.js
    titles = [*(offered[p]["title"] if p in offered else "your own" for p in names)]
    settings = [time, frame.choice("preset", "gradients", names, first, titles)]
    if len(variants) > 1:
        settings.append(frame.choice("correction", "bias correction", variants, correction))
    else:
        settings.append(frame.Setting("correction", 0, choices=("on",)))
    free = [k for k in values if controls is None or k in controls]
    wide = {"lr": (1e-3, 1.0), **(ranges or {})}
    for k in free:
        if k == "beta2" and k not in wide:
            settings.append(_beta2([values[k], *(p["hyper"][k] for p in offered.values())]))
        else:
            settings.append(frame.argument(k, k, values[k], wide.get(k), [chosen]))
    settings += [
        frame.Setting("line", line, limits=(0, most)),
        frame.Setting("silence", silence, limits=(0, 10_000)),
        frame.Setting("gradients", own),
    ]
    module = frame.compose(
        "stepper.js",
        RULES=frame.table({k: syntax.javascript(v, n=1, trace=True) for k, v in variants.items()}),
        LINES=frame.json_text({k: _lines(v) for k, v in variants.items()}),
        PRESETS=frame.json_text(offered),
        LOOKS=frame.json_text(looks({chosen.name: chosen})),
    )
    fixed = {k: v for k, v in values.items() if k not in free}
    call = [f"rule={written(chosen)}", f"presets={presets!r}"]
    if controls is not None:
        call.append(f"controls={tuple(controls)!r}")
    if ranges:
        call.append(f"ranges={ranges!r}")
    figure = frame.build(
        "stepper",
        name,
        module,
        settings,
        ", ".join([*call, *(f"{k}={v!r}" for k, v in fixed.items())]),
        f"{plots.label(chosen.name)}, line by line, in one coordinate",
        lambda sheet: _paint(sheet, variants[correction], values, first, own, silence),
        {"rule": chosen.name, "fixed": fixed},
        span=(start, last),
        predict=asked,
    )
    for end, trait in (("first", "min"), ("last", "max")):
        ipywidgets.jslink((figure.view, end), (time.control, trait))
    return figure


def _beta2(values):
    """A slider for beta2, the first of the values, on whose coarsest marks all of them lie."""
    steps = (0.01, 0.001, 0.0001)
    step = next((s for s in steps if all(abs(v / s - round(v / s)) < 1e-6 for v in values)), None)
    value, *_ = values
    high = max(value, 0.99 if step == 0.01 else 0.999)
    return frame.slider("beta2", "average β₂", value, 0, high, step)


def _sequence(gradients):
    if gradients is None:
        return [1.0, 1.0, 1.0, -1.0, -1.0, 0.0, 0.0, 0.0, 2.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    try:
        own = [float(g) for g in gradients]
    except (TypeError, ValueError):
        raise ValueError(f"gradients is {gradients!r}; allowed: 2 to 200 numbers") from None
    if not 2 <= len(own) <= 200 or not all(map(math.isfinite, own)):
        raise ValueError(
            f"gradients holds {len(own)} values; allowed: 2 to 200, all of them finite numbers"
        )
    return own


def _span(preset):
    """First and last step shown."""
    silence = preset.get("silence", 0)
    return silence + 1, preset.get("steps") or silence + len(preset["gradients"])


def _lines(r):
    """[[name, source, pieces]]: each line as written, and in pieces, names marked with a $."""
    lines = []
    for name, node in syntax.parse(r).lines:
        text = ast.unparse(node)
        pieces = re.split(r"([A-Za-z_]\w*)", text)
        words = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        called = {n.func.id for n in ast.walk(node) if isinstance(n, ast.Call)}
        marked = ["$" + p if p in words - called else p for p in pieces if p]
        lines.append([name, f"{name} = {text}", marked])
    return lines


def _paint(sheet, r, hyper, preset, own, silence):
    """Gradients (or theta) and steps of the first preset."""
    chosen = PRESETS.get(preset, {"gradients": own, "silence": silence})
    first, last = _span(chosen)
    theta, state, path, steps = chosen.get("start", 0.0), r.init(0.0), [], []
    pulls = []
    slopes = [0.0] * (first - 1) + list(chosen.get("gradients", ()))
    field = chosen.get("field")
    for t in range(1, last + 1):
        h = {**hyper, "lr": hyper["lr"] / math.sqrt(t)} if field == "reddi" else hyper
        at = r.point(theta, state, t, h)
        g = at if field == "bowl" else slopes[t - 1] if slopes else 4.0 if t % 3 == 1 else -1.0
        before = theta
        theta, state = r.step(theta, g, state, t, h)
        steps.append((before - theta) / h["lr"])
        if r in CORRECTIONS.values():
            share = 1 - h["beta2"] ** t if r in (adam, adam_only_v) else 1
            pulls.append(h["lr"] / (math.sqrt(state[1] / share) + h["eps"]))
        theta = min(1.0, max(-1.0, theta)) if field == "reddi" else theta
        path.append(theta)
    left, right = sheet.subplots(1, 2)
    times = range(first, last + 1)
    if field:
        left.plot(times, path if field == "reddi" else [abs(x) for x in path])
        left.set(ylabel="θ" if field == "reddi" else "|θ|")
        left.set_yscale("linear" if field == "reddi" else "log")
    else:
        left.bar(times, slopes[first - 1 :])
        left.set(ylabel="gradient g")
    if field == "bowl" and pulls:
        right.plot(times, pulls, color=plots.color(r.name))
        limit = 2 * (1 + hyper["beta1"]) / (1 - hyper["beta1"])
        right.axhline(limit, color=plots.MUTED, linestyle="dashed")
        right.set(ylabel="η / (√v̂ + ε)", yscale="log")
    else:
        right.plot(times, steps[first - 1 :], color=plots.color(r.name))
        right.set(ylabel="step −Δθ / η")
    for ax in (left, right):
        ax.set(xlabel="step t")
