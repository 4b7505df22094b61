"""A recorded grid on real data: what every pair of settings reached, and the runs behind it."""

import json
import math

import numpy as np

from .. import plots
from . import frame
from .paths import whole

_NAMES = {
    "lr": "step size η",
    "batch_size": "batch size B",
    "beta": "memory β",
    "beta1": "average β₁",
    "beta2": "average β₂",
    "weight_decay": "weight decay λ",
    "gap": "loss above its minimum",
    "test_accuracy": "test accuracy",
}


def result_map(
    record,
    *,
    name="result-map",
    x,
    y,
    value,
    curves=None,
    times=None,
    where=None,
    pages=None,
    lower=True,
    labels=None,
    points=40,
    column=None,
    row=None,
    page=None,
    predict=None,
):
    """A grid of recorded runs as a map; the cell that is chosen shows its runs -> LiveFigure.

    record : what ``experiments.load`` returns, or a list of dicts, one a run: settings and results
        side by side. x, y : the settings along columns and rows; runs that agree in both are the
        seeds of one cell. value : the result that colours a cell, a number or a list, whose last
        entry counts; or a function of the run (a dict) with its name in labels["value"]. A run
        whose value is None or not finite, or that has "diverged" set, counts as diverged, and so
        does its cell. lower : less is better.
    curves : the result that is a list over time, drawn for the chosen cell with its mean and
        interval (95 %, Student) and the best cell's mean beside it; None draws the chosen row
        instead, every run a dot. every : steps between two entries. points : entries kept.
    where : {setting: value or list of values} of the runs to take. pages : a setting whose values
        are offered in a menu, one map each.
    labels : {setting or result: words}; also {"time": ...}. column, row, page : the cell shown
        first (default: the best).
    predict : "best": the reader first clicks where the best cell is, then sees the map, what the
        cell clicked on reached, and the how-manieth of all it is.

    The figure carries its data, four digits each. Raises ValueError that names the argument.
    """
    asked = frame.asked_of(predict, ("best",))
    rows = record["runs"] if isinstance(record, dict) else record
    runs = [{**r, **r.get("result", {})} for r in rows]
    given = [x, y, *([pages] if pages else []), *(where or {})]
    for key in given:
        missing = [r for r in runs if key not in r]
        if missing or not runs:
            known = ", ".join(
                k for k in (runs[0] if runs else {}) if not isinstance(runs[0][k], list)
            )
            raise ValueError(f"{key!r} is no setting of the runs; they have {known or 'nothing'}")
    if x == y:
        raise ValueError(f"x and y are both {x!r}; allowed: two settings")
    for key, wanted in (where or {}).items():
        wanted = wanted if isinstance(wanted, (list, tuple, set, range)) else [wanted]
        runs = [r for r in runs if r[key] in wanted]
    if not runs:
        raise ValueError(f"where is {where!r}; no run is left")
    points = whole("points", points, 2, 400)
    words = {**_NAMES, **(labels or {})}
    read = value if callable(value) else lambda r: _last(r, value)
    if not callable(value):
        for r in runs:
            if value not in r:
                raise ValueError(f"value is {value!r}; a run has {', '.join(map(str, r))}")
    if curves is not None and not all(isinstance(r.get(curves), list) for r in runs):
        raise ValueError(f"curves is {curves!r}; not every run has a list of that name")
    axes = {k: _values(runs, key) for k, key in (("column", x), ("row", y))}
    books = _values(runs, pages) if pages else [None]
    longest = max((len(r[curves]) for r in runs), default=0) if curves else 0
    kept = sorted({round(k) for k in np.linspace(0, longest - 1, min(points, longest))})
    steps = _times(times, longest)
    cells = [
        [
            [
                _cell([r for r in runs if (pages is None or r[pages] == b)
                       and r[x] == c and r[y] == w], read, curves, kept)
                for c in axes["column"]
            ]
            for w in axes["row"]
        ]
        for b in books
    ]  # fmt: skip
    means = [_mean(cell) for book in cells for line in book for cell in line if cell]
    finite = [m for m in means if math.isfinite(m)]
    if not finite:
        raise ValueError(f"value is {value!r}; every run diverged")
    log = min(finite) > 0 and max(finite) / min(finite) > 30
    texts = {k: [_text(v) for v in values] for k, values in axes.items()}
    book = 0 if page is None else _index("page", page, books)
    best = _best(cells[book], lower)
    places = {
        "column": best[1] if column is None else _index("column", column, axes["column"]),
        "row": best[0] if row is None else _index("row", row, axes["row"]),
    }
    titles = {"column": words.get(x, _plain(x)), "row": words.get(y, _plain(y))}
    settings = [
        frame.choice(k, titles[k], texts[k], texts[k][places[k]]) for k in ("column", "row")
    ]
    shown = [_text(b) for b in books]
    if pages:
        label = words.get(pages, _plain(pages))
        settings.insert(0, frame.choice("page", label, shown, shown[book]))
    else:
        settings.append(frame.Setting("page", 0, choices=("",)))
    seeds = max(len(cell["values"]) for b in cells for line in b for cell in line if cell)
    results = {
        "columns": texts["column"],
        "rows": texts["row"],
        "pages": cells,
        "times": [float(steps[k]) for k in kept],
        "lower": lower,
        "quantiles": {n: _quantile(n) for n in range(2, seeds + 1)},
    }
    module = frame.compose("result_map.js", RESULTS=_compact(results, lower))
    told = value.__name__ if callable(value) else value
    said = words.get("value" if callable(value) else told, _plain(told))
    experiment = record.get("experiment") if isinstance(record, dict) else None
    call = [f"experiments.load({experiment!r})" if experiment else "record"]
    call += [f"x={x!r}", f"y={y!r}", f"value={told if callable(value) else repr(told)}"]
    options = [("curves", curves), ("where", where), ("pages", pages), ("labels", labels)]
    options += [("times", times if times is None or _number(times) else list(times))]
    call += [f"{k}={v!r}" for k, v in options if v is not None]
    call += [f"{k}={v!r}" for k, v, usual in (("lower", lower, True),
                                              ("points", points, 40)) if v != usual]  # fmt: skip
    return frame.build(
        "result_map",
        name,
        module,
        settings,
        ", ".join(call),
        f"{said} over {titles['column']} and {titles['row']}, recorded runs",
        lambda sheet: _paint(sheet, cells[book], texts, titles, said, log, lower),
        {
            "names": {
                **titles,
                "value": said,
                "curve": words.get(curves, _plain(curves or "")),
                "time": words.get("time", "step t"),
            },
            "ordered": {k: all(_number(v) for v in values) for k, values in axes.items()},
            "curves": curves is not None,
            "log": log,
            "lower": lower,
        },
        predict=asked,
    )


def _times(times, count):
    """The step of each entry of the curves."""
    if times is None or _number(times):
        return [k * (1 if times is None else times) for k in range(count)]
    found = list(times)
    if len(found) != count or not all(map(_number, found)) or found != sorted(set(found)):
        raise ValueError(f"times is {times!r}; allowed: one number, or {count} that grow")
    return found


def _number(v):
    return isinstance(v, (int, float)) and not isinstance(v, bool)


def _values(runs, key):
    """The values of a setting: numbers in order, others as they come."""
    found = list(dict.fromkeys(r[key] for r in runs))
    return sorted(found) if all(map(_number, found)) else found


def _text(v):
    if isinstance(v, bool) or v is None:
        return {True: "yes", False: "no", None: "none"}[v]
    return f"{v:.4g}" if _number(v) else plots.label(str(v))


def _plain(key):
    return str(key).replace("_", " ")


def _index(name, value, values):
    """Where a value, or its text, stands among those of the grid."""
    for k, v in enumerate(values):
        if v == value or _text(v) == value:
            return k
    raise ValueError(f"{name} is {value!r}; allowed: {', '.join(map(_text, values))}")


def _last(run, key):
    found = run[key][-1] if isinstance(run[key], list) else run[key]
    return None if run.get("diverged") is not None else found


def _cell(runs, read, curves, kept):
    """The values of a cell's runs, None where one diverged, and their curves; None if no run."""
    if not runs:
        return None
    values = [read(r) for r in runs]
    values = [_short(v) if v is not None and math.isfinite(v) else None for v in values]
    lines = [[_at(r[curves], k) for k in kept] for r in runs] if curves else []
    return {"values": values, "curves": lines}


def _at(curve, k):
    found = curve[k] if k < len(curve) else None
    return None if found is None or not math.isfinite(found) else _short(found)


def _short(v):
    return float(f"{v:.4g}")


def _mean(cell):
    return math.inf if None in cell["values"] else float(np.mean(cell["values"]))


def _best(cells, lower):
    """Row and column of the best mean; the first cell where every one diverged."""
    sign = 1 if lower else -1
    found = [
        (sign * _mean(cell), r, c)
        for r, line in enumerate(cells)
        for c, cell in enumerate(line)
        if cell and math.isfinite(_mean(cell))
    ]
    return min(found)[1:] if found else (0, 0)


def _quantile(n):
    from scipy import stats

    return float(stats.t.ppf(0.975, n - 1))


def _compact(results, lower):
    """The data as a JavaScript expression; what diverged is worse than anything."""
    text = json.dumps(results, ensure_ascii=False, separators=(",", ":"))
    return f"{{...{text}, worst: {'Infinity' if lower else '-Infinity'}}}"


def _paint(sheet, cells, texts, titles, said, log, lower):
    ax = sheet.subplots()
    means = [[_mean(cell) if cell else np.nan for cell in line] for line in cells]
    grid = np.where(np.isfinite(means), means, np.nan)
    colours = "Blues_r" if lower else "Blues"
    picture = ax.imshow(
        grid, origin="lower", aspect="auto", cmap=colours, norm="log" if log else None
    )
    r, c = _best(cells, lower)
    ax.plot(c, r, "s", markersize=18, markerfacecolor="none", markeredgecolor="red")
    stride = -(-len(texts["column"]) // 6)
    ax.set_xticks(range(0, len(texts["column"]), stride), texts["column"][::stride])
    ax.set_yticks(range(len(texts["row"])), texts["row"])
    ax.set(xlabel=titles["column"], ylabel=titles["row"])
    sheet.colorbar(picture, label=said)
