"""The time-line of optimizers: which method came when, from which paper, and from what it came.

    history.METHODS    every entry, in the order of the years
    history.tree()     the family tree as SVG; on a narrow screen as a list
    history.table()    the same as a Markdown table, with the sources

"Inherits" means: the step contains the other's, or changes one thing in it, or the paper names the
other as its start.
"""

from dataclasses import dataclass
from html import escape

LANES = ("noise", "momentum", "coordinates", "layers", "schedules")


@dataclass(frozen=True)
class Method:
    """One entry. source : key in references.bib, whose year it has. parents : names above it.

    lane : index into LANES. new : what it added, in a few words. page : file of the page on it.
    """

    year: int
    name: str
    source: str
    lane: int
    parents: tuple
    new: str
    page: str = ""


GD, RM, BALL = "gradient descent", "Robbins–Monro", "heavy ball"
METHODS = (
    Method(1847, GD, "cauchy1847", 0, (), "step against the gradient", "01_gradient_descent"),
    Method(1951, RM, "robbins1951", 0, (), "a root from noisy values; steps that shrink", "02_sgd"),
    Method(1952, "Kiefer–Wolfowitz", "kiefer1952", 0, (RM,), "the same for a maximum", "02_sgd"),
    Method(1964, BALL, "polyak1964", 1, (GD,), "add a share of the last step", "03_momentum"),
    Method(
        1983, "Nesterov", "nesterov1983", 1, (BALL,), "the gradient a step ahead", "04_nesterov"
    ),
    Method(
        1992,
        "averaging",
        "polyak1992",
        4,
        (RM,),
        "average the points, not the gradients",
        "10_schedules",
    ),
    Method(
        1993,
        "Rprop",
        "riedmiller1993",
        2,
        (GD,),
        "signs, and a step size for each weight",
        "06_rmsprop",
    ),
    Method(
        1998,
        "natural gradient",
        "amari1998",
        2,
        (GD,),
        "steepest in the outputs, not the weights",
    ),
    Method(
        2011, "AdaGrad", "duchi2011", 2, (RM,), "divide by the root of summed squares", "05_adagrad"
    ),
    Method(2012, "RMSProp", "tieleman2012", 2, ("Rprop",), "Rprop for mini-batches", "06_rmsprop"),
    Method(
        2012,
        "AdaDelta",
        "zeiler2012",
        2,
        ("AdaGrad",),
        "forgets; a unit for the step",
        "a_formulas",
    ),
    Method(
        2013,
        "momenta in deep nets",
        "sutskever2013",
        1,
        (BALL, "Nesterov"),
        "a β that grows slowly, from a good start",
        "04_nesterov",
    ),
    Method(
        2015,
        "Adam",
        "kingma2015",
        2,
        ("RMSProp", "AdaGrad", BALL),
        "two averages, both corrected",
        "07_adam",
    ),
    Method(
        2015,
        "K-FAC",
        "martens2015",
        3,
        ("natural gradient",),
        "a layer's curvature as a product of two matrices",
    ),
    Method(
        2016, "NAdam", "dozat2016", 2, ("Adam", "Nesterov"), "Adam that looks ahead", "a_formulas"
    ),
    Method(
        2017, "LARS", "you2017", 3, (BALL,), "each layer moves a share of its norm", "09_lars_lamb"
    ),
    Method(
        2017,
        "SGDR",
        "loshchilov2017",
        4,
        (RM,),
        "the rate falls like a cosine, and restarts",
        "10_schedules",
    ),
    Method(
        2018,
        "signSGD",
        "bernstein2018",
        2,
        ("Rprop",),
        "signs of mini-batch gradients",
        "06_rmsprop",
    ),
    Method(2018, "AMSGrad", "reddi2018", 2, ("Adam",), "the second moment never falls", "07_adam"),
    Method(2018, "Shampoo", "gupta2018", 3, ("AdaGrad",), "one matrix for rows, one for columns"),
    Method(
        2018,
        "SWA",
        "izmailov2018",
        4,
        ("averaging",),
        "averages of networks late in training",
        "10_schedules",
    ),
    Method(2019, "AdamW", "loshchilov2019", 2, ("Adam",), "decay beside the step", "08_adamw"),
    Method(
        2019,
        "one-cycle",
        "smith2019",
        4,
        (RM,),
        "the rate rises first, then falls far",
        "10_schedules",
    ),
    Method(
        2020,
        "RAdam",
        "liu2020radam",
        2,
        ("Adam",),
        "a warm-up from the variance of v",
        "a_formulas",
    ),
    Method(
        2020,
        "LAMB",
        "you2020",
        3,
        ("LARS", "Adam"),
        "Adam's direction, LARS's length",
        "09_lars_lamb",
    ),
    Method(
        2023,
        "Lion",
        "chen2023",
        2,
        ("signSGD", "AdamW"),
        "found by a search over programs",
        "a_formulas",
    ),
    Method(
        2024,
        "Muon",
        "jordan2024",
        3,
        ("Nesterov", "Shampoo"),
        "orthogonal steps of matrices",
        "a_formulas",
    ),
    Method(2024, "SOAP", "vyas2024", 3, ("Shampoo", "Adam"), "Adam in Shampoo's axes"),
    Method(
        2024,
        "schedule-free",
        "defazio2024",
        4,
        ("averaging",),
        "averaging in place of a schedule",
        "10_schedules",
    ),
)

SHORT = {
    "gradient descent": "descent",
    "Kiefer–Wolfowitz": "K.–Wolfowitz",
    "natural gradient": "natural",
    "momenta in deep nets": "in deep nets",
}
CENTRES = (83, 190, 291, 373, 456)  # of the columns
ROW, TOP, WIDTH, LETTER, TRACK = 25, 44, 502, 6.2, 4


STYLE = """<style>
.family-tree { display: block; }
.family-list, .family-list ul { list-style: none; margin: 0; padding: 0; }
.family-list { display: none; font-family: system-ui, sans-serif; font-size: 0.9rem; }
.family-list ul { margin-left: 0.2rem; padding-left: 0.75rem; border-left: 1px solid; }
.family-list li { margin: 0.35rem 0 0; line-height: 1.3; }
.family-list small { font-variant-numeric: tabular-nums; }
@media (max-width: 600px) {
  .family-list { display: block; }
  .family-tree { display: none; }
}
</style>"""


def table():
    """The time-line as a Markdown table; sources are citations."""
    lines = ["| year | method | what was new | inherits from |", "|---|---|---|---|"]
    for m in METHODS:
        name = f"[{m.name}]({m.page}.ipynb)" if m.page else m.name
        cells = (m.year, f"{name} {{cite:p}}`{m.source}`", m.new, ", ".join(m.parents) or "–")
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(['<div class="narrow">', "", *lines, "", "</div>"])


def tree():
    """The family tree as HTML: a drawing, and below 600 px of width a list in its place.

    Years run downwards, a column for each kind of idea. Every row holds one method, so what leaves
    it may run along the row; what a method passes on to a column goes down in the gap to the left
    of that column.
    """
    places = {m.name: (CENTRES[m.lane], TOP + ROW * k) for k, m in enumerate(METHODS)}
    edges = [_trunk(places, *trunk) for trunk in _trunks()]
    nodes = [_node(m, *places[m.name]) for m in METHODS]
    heads = [_text(x, 14, lane, "600") for x, lane in zip(CENTRES, LANES)]
    height = TOP + ROW * len(METHODS) - 4
    about = (
        f"Family tree of {len(METHODS)} optimizers, {METHODS[0].year} to {METHODS[-1].year}. "
        "The table that follows says the same in words."
    )
    return (
        f'<div>{STYLE}<svg class="family-tree" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(about)}" style="width:100%;max-width:44rem;margin:0 auto;'
        'color:inherit;font-family:system-ui,sans-serif;font-size:10.5px">'
        + "".join(heads + edges + nodes)
        + f'</svg><ul class="family-list">{_branch(None)}</ul></div>'
    )


def _branch(parent):
    """Items of a list: what came of a method first of all, each with its own descendants."""
    items = []
    for m in METHODS:
        if next(iter(m.parents), None) != parent:
            continue
        others = f" <small>(also from {', '.join(m.parents[1:])})</small>" if m.parents[1:] else ""
        below = _branch(m.name)
        inner = f"<ul>{below}</ul>" if below else ""
        items.append(f"<li><small>{m.year}</small> {escape(m.name)}{others}{inner}</li>")
    return "".join(items)


def _trunks():
    """(parent, children in one column, column, track): tracks of a gap do not overlap in time."""
    rows = {m.name: k for k, m in enumerate(METHODS)}
    lanes = {m.name: m.lane for m in METHODS}
    trunks = []
    for lane in range(len(LANES)):
        busy = []  # the last row of each track
        for parent in rows:
            children = [m.name for m in METHODS if m.lane == lane and parent in m.parents]
            if not children:
                continue
            free = [k for k, last in enumerate(busy) if last < rows[parent]]
            track = free[0] if free else len(busy)
            busy[track : track + 1] = [rows[children[-1]]]
            trunks.append((parent, children, lane, track, lanes[parent] == lane))
    return trunks


def _trunk(places, parent, children, lane, track, same_column):
    x0, y0 = places[parent]
    x0 += (-1 if same_column else 1) * _width(parent) / 2
    left = min(CENTRES[lane] - _width(m.name) / 2 for m in METHODS if m.lane == lane)
    x = left - 5 - TRACK * track
    path, dots = f"M{x0:.0f} {y0}H{x:.0f}V{places[children[-1]][1]}", ""
    for child in children:
        x1, y1 = places[child]
        path += f"M{x:.0f} {y1}H{x1 - _width(child) / 2:.0f}"
        dots += f'<circle cx="{x:.0f}" cy="{y1}" r="1.8" fill="currentColor"/>'
    return f'<path d="{path}" fill="none" stroke="currentColor" stroke-opacity=".6"/>{dots}'


def _width(name):
    """Room for the name in most fonts: capitals, m and w are wider."""
    text = SHORT.get(name, name)
    return LETTER * len(text) + 2 * sum(c.isupper() or c in "mw" for c in text) + 7


def _node(m, x, y):
    box = (
        f'<rect x="{x - _width(m.name) / 2:.0f}" y="{y - 9}" width="{_width(m.name):.0f}" '
        'height="18" rx="4" fill="var(--pst-color-surface, Canvas)" stroke="currentColor" '
        'stroke-opacity=".6"/>'
    )
    label = _text(x, y + 3.5, SHORT.get(m.name, m.name))
    return box + label + _text(1, y + 3.5, str(m.year), anchor="start")


def _text(x, y, text, weight="400", anchor="middle"):
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" '
        f'fill="currentColor">{escape(text)}</text>'
    )
