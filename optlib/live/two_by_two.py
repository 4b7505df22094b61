"""A 2×2 map applied again and again: what its eigenvalues do to the length."""

import numpy as np

from .. import plots
from . import frame
from .paths import at_step, whole
from .rate_map import panels

PANELS = ("plane", "eigenvalues", "orbit", "norm")
PRESETS = {
    "real": (0.9, 0.1, 0.2, 0.5),
    "complex": (0.9, -0.4, 0.4, 0.8),
    "repeated": (0.9, 1.0, 0.0, 0.9),
    "growing": (0.8, -0.7, 0.7, 0.8),
}


def two_by_two(
    matrix=None,
    *,
    name="two_by_two",
    preset=None,
    presets=tuple(PRESETS),
    a=None,
    b=None,
    c=None,
    d=None,
    start=(0.0, 1.0),
    steps=40,
    step=None,
    show=PANELS,
    controls=("a", "b", "c", "d"),
    predict=None,
):
    """A live 2×2 matrix M: eigenvalues, the orbit z, Mz, M²z, ..., and its length -> LiveFigure.

    matrix : ((a, b), (c, d)), entries from -3 to 3; a, b, c, d can also be given one by one.
    name : what a link to this figure calls it; unique in its page.
    presets : which to offer, of "real", "complex", "repeated" (one eigenvector: the length grows
        like k ρᵏ before it shrinks), "growing". preset : the one shown first (default: "repeated").
    start : z at step 0, coordinates from -2 to 2; it can be dragged.
    steps : length of the orbit, 5 to 200. step : the step shown first (default: the last).
    show : any of "plane" (trace and determinant, a point to drag), "eigenvalues" (with the unit
        circle), "orbit" and "norm" (the length, with ρᵏ). controls : entries that get a slider.
    predict : "norm" or "orbit", if it is shown: the reader first draws the length, or clicks where
        z will be after a tenth of the steps, then sees the truth and how far off it was.
        {"what": "orbit", "step": 9} says after how many.

    Raises ValueError that names the argument, its value and what is allowed.
    """
    presets = (presets,) if isinstance(presets, str) else tuple(presets)
    for p in (*presets, *([preset] if preset else [])):
        if p not in PRESETS and p != "own":
            raise ValueError(
                f"presets: there is no {p!r}; allowed: {', '.join(map(repr, PRESETS))}"
            )
    single = {key: v for key, v in zip("abcd", (a, b, c, d)) if v is not None}
    own = matrix is not None or bool(single)
    usual = "repeated" if "repeated" in presets else next(iter(presets), "own")
    first = preset or ("own" if own else usual)
    entries = dict(zip("abcd", PRESETS.get(first, PRESETS["complex"])))
    if matrix is not None:
        entries = dict(zip("abcd", _entries(matrix)))
    entries |= single
    if first != "own" and tuple(entries.values()) != PRESETS[first]:
        first = "own"
    unknown = [key for key in controls if key not in entries]
    if unknown:
        raise ValueError(f"controls holds {unknown[0]!r}; allowed: 'a', 'b', 'c', 'd'")
    show = panels("show", show, PANELS)
    steps = whole("steps", steps, 5, 200)
    step = steps if step is None else whole("step", step, 0, steps)
    asked = frame.asked_of(predict, [p for p in ("norm", "orbit") if p in show], ("step",))
    if asked:
        asked |= at_step(asked, steps)
    start = _start(start)

    names = tuple(dict.fromkeys((*presets, first, "own")))
    titles = [*(n for n in names if n != "own"), "your own"]
    settings = [
        frame.integer("step", "step k", step, 0, steps),
        frame.choice("preset", "matrix", tuple(titles[:-1]) + ("own",), first, titles),
    ]
    for key, value in entries.items():
        setting = frame.slider(key, f"entry {key}", value, -3, 3, step=0.01)
        hidden = frame.Setting(key, setting.value, limits=setting.limits)
        settings.append(setting if key in controls else hidden)
    settings.append(frame.Setting("start", start))
    call = [f"presets={presets!r}", f"steps={steps}", f"show={show!r}"]
    return frame.build(
        "two_by_two",
        name,
        frame.compose(
            "linear.js",
            "two_by_two.js",
            PRESETS=frame.json_text({p: PRESETS[p] for p in names if p != "own"}),
        ),
        settings,
        ", ".join([*call, f"controls={tuple(controls)!r}"]),
        "A 2×2 matrix applied again and again",
        lambda sheet: _paint(sheet, entries, start, steps),
        {"steps": steps, "show": list(show)},
        predict=asked,
    )


def _entries(matrix):
    try:
        (a, b), (c, d) = matrix
        return [float(v) for v in (a, b, c, d)]
    except (TypeError, ValueError):
        raise ValueError(f"matrix is {matrix!r}; allowed: ((a, b), (c, d)), numbers") from None


def _start(start):
    try:
        x, y = (float(v) for v in start)
    except (TypeError, ValueError):
        raise ValueError(f"start is {start!r}; allowed: two numbers") from None
    if not (abs(x) <= 2 and abs(y) <= 2) or (x, y) == (0, 0):
        raise ValueError(f"start is {start!r}; allowed: two numbers from -2 to 2, not both 0")
    return [x, y]


def _paint(sheet, entries, start, steps):
    """The orbit, and its length beside ρ to the power k."""
    matrix = np.array(list(entries.values())).reshape(2, 2)
    z = [np.array(start)]
    for _ in range(steps):
        z.append(matrix @ z[-1])
    z = np.array(z)
    rho = np.abs(np.linalg.eigvals(matrix)).max()
    left, right = sheet.subplots(1, 2)
    left.plot(*z.T, "o-", markersize=3, linewidth=1, color=plots.ACCENT)
    left.set(xlabel="first coordinate", ylabel="second coordinate")
    size = np.linalg.norm(z, axis=1)
    right.plot(size / size[0], color=plots.ACCENT, label="length / first length")
    right.plot(rho ** np.arange(steps + 1), "--", color=plots.SECOND, label="ρᵏ")
    right.set(xlabel="step k", yscale="log")
    right.legend()
