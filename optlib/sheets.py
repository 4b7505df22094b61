"""The tables of the appendices, as Markdown, made from the rules and their registries.

Whatever can be read from the code is read here and nowhere typed: formulas, defaults, state, what
a rule was compared with, and what its conversions are.
"""

import inspect
import re

import numpy as np

from . import conversions, rules, schedules, syntax
from .conversions import DIALECTS, FAMILIES, LIBRARIES, number
from .rules import compared


def table(head, rows):
    """A Markdown table; cells are text."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def formula(thing):
    """A rule's or schedule's formula as displayed Markdown."""
    text = syntax.latex(thing).replace(r" + 0\, t", "")  # what makes a constant a function of t
    return f"$$\n{text}\n$$\n"


# ------------------------------------------------------------------------------ Rosetta stone


def forms(family):
    """{rule: its dialects} of a family, in the table's order."""
    found = {}
    for d in DIALECTS.values():
        if d.family == family:
            found.setdefault(d.rule, []).append(d)
    return found


def conventions(*families):
    """Every form of the families: who writes it so, and the formula."""
    parts = []
    for family in families:
        for rule, members in forms(family).items():
            names = ", ".join(f"**{d.name}**" for d in members)
            parts.append(f"{names}\n\n{formula(rules.get(rule))}")
    return "\n".join(parts)


def family(*names):
    """All forms of the families, then the defaults of each."""
    return "\n".join([conventions(*names), *(defaults(name) for name in names)])


def defaults(family):
    """The default settings of every optimizer of a family."""
    members = [d for d in DIALECTS.values() if d.family == family]
    names = list(dict.fromkeys(k for d in members for k in d.arguments))
    # the name as well: a head of mathematics alone is empty to a screen reader
    head = ["optimizer", *(f"{_breakable(n)} ${_symbol(n)}$" for n in names)]
    rows = [
        [d.name, *(number(d.arguments[n]) if n in d.arguments else "" for n in names)]
        for d in members
    ]
    return table(head, rows)


def _symbol(name):
    own = {"l2": r"\lambda\ (L_2)", "clip_norm": r"\text{clip}", "centered": r"\text{centered}"}
    return own.get(name) or syntax.latex_name(name)


def argument_names():
    """{argument: {library: the library's own words}} as the calls of the table have them."""
    found = {}
    for d in DIALECTS.values():
        if d.library == "papers":
            continue
        for words, name in re.findall(r"(\w+)=\(?\[?[^=,]*?\{(\w+)\}", d.text):
            found.setdefault(name, {}).setdefault(d.library, {})[words] = None
        if "betas=" in d.text:
            for k, name in enumerate(("beta1", "beta2")):
                own = found.setdefault(name, {}).setdefault(d.library, {})
                own.pop("betas", None)
                own[f"betas[{k}]"] = None
    return {name: {k: list(v) for k, v in own.items()} for name, own in found.items()}


def argument_table():
    """Symbol, name here, and the names in the libraries."""
    libraries = [name for name in LIBRARIES if name != "papers"]
    rows = []
    for name, own in sorted(argument_names().items()):
        words = [", ".join(map(_breakable, own.get(library, []))) for library in libraries]
        rows.append([f"${_symbol(name)}$", _breakable(name), *words])
    return table(["symbol", "here", *map(_breakable, libraries)], rows)


def _breakable(name):
    """A name that a narrow table may break after an underscore."""
    return name.replace("_", "\\_<wbr>")


def chart(family, changes=False, values=None):
    """A matrix of a family: whether settings of the column exist for the row's defaults.

    values : {argument: value} in place of defaults, for those that have it. -> names, bool (n, n).
    """
    members = [d for d in DIALECTS.values() if d.family == family]
    exists = np.zeros((len(members), len(members)), dtype=bool)
    for i, source in enumerate(members):
        own = {k: v for k, v in (values or {}).items() if k in source.arguments}
        for j, target in enumerate(members):
            found = conversions.convert(source, target, own, changes=changes)
            exists[i, j] = found.values is not None
    return [d.name for d in members], exists


def counted():
    """Markdown: of all ordered pairs of a family, how many convert at the source's defaults."""
    rows = []
    for family in FAMILIES:
        names, constant = chart(family)
        changing = chart(family, changes=True)[1]
        pairs = len(names) * (len(names) - 1)
        kept = [str(int(m.sum()) - len(names)) for m in (constant, changing)]
        rows.append([family, len(names), pairs, *kept])
    total = [sum(int(row[k]) for row in rows) for k in range(1, 5)]
    rows.append(["**all**", *(f"**{n}**" for n in total)])
    head = ["family", "optimizers", "ordered pairs", "convert, η constant", "convert, η changing"]
    return table(head, rows)


# ------------------------------------------------------------------------------ formula sheet


def bytes_per_parameter(rule):
    """Bytes of state per parameter in float32: 4 for each state that differs between coordinates.

    A state with one value for all coordinates, such as NAdam's product of momenta, costs nothing.
    """
    shape = (3, 2) if rule.name in rules.MATRIX_ONLY else (6,)
    g = np.linspace(-1.0, 2.0, 6).reshape(shape)
    theta = np.linspace(1.0, 3.0, 6).reshape(shape)
    own = {k: 0.5 for k in ("beta1", "centered", "beta") if k in rule.hyper}
    state = rule.init(theta)
    for t in (1, 2):
        theta, state = rule.step(theta, g * t, state, t, {**rule.hyper, **own})
    return 4 * sum(bool(np.ptp(s) > 0) for s in state)


def source(rule):
    """The paper or library that a rule's docstring names; what it varies where it names none."""
    text = " ".join(rule.__doc__.split())
    found = re.search(r"Source: (.*?)(?:\.(?= [A-Z>])|\. >>>|$| >>>)", text)
    if not found:
        return None
    return _letters(re.sub(r":\w+:`~?\.?([\w.]+)`", r"`\1`", found[1].rstrip(".")))


def comparisons(rule):
    """The rows of the parity table that hold this rule to a library."""
    return [row for row in compared.ROWS if row.rule == rule.name]


def checks(rule):
    """Markdown: what the tests hold a rule to."""
    rows = comparisons(rule)
    if not rows:
        return f"compared with no library: {compared.WITHOUT_ORACLE[rule.name]}"
    parts = []
    for library in dict.fromkeys(row.library for row in rows):
        own = [row for row in rows if row.library == library]
        cases = sum(len(set(compared.KINDS) - set(row.without)) for row in own)
        how = "run beside" if library in compared.EXACT else "recorded steps of"
        loosest = max(row.tolerance for row in own)
        calls = "call" if len(own) == 1 else "calls"
        parts.append(f"{how} {library}, {len(own)} {calls}, {cases} paths, to {number(loosest)}")
    return "; ".join(parts)


def backends(rule):
    """Where a rule runs and into what it is translated."""
    everywhere = "NumPy, torch, JAX"
    if rule.name in rules.MATRIX_ONLY:
        return f"{everywhere}; LaTeX. No JavaScript, no sweep, no SymPy: matrices only"
    return f"{everywhere}, SymPy; LaTeX, JavaScript"


def sheet(rule):
    """One entry of the formula sheet."""
    hyper = ", ".join(f"${_symbol(k)}$ = {number(v)}" for k, v in rule.hyper.items())
    state = ", ".join(f"${syntax.latex_name(k)}$" for k in rule.state) or "none"
    facts = {
        "Defaults": hyper,
        "State": f"{state}; {bytes_per_parameter(rule)} bytes per parameter in float32",
        "Source": source(rule) or "the library that it is named after",
        "Held to": checks(rule),
        "Runs on": backends(rule),
    }
    lines = "\n".join(f"- *{name}:* {text}" for name, text in facts.items())
    return f"**`{rule.name}`.** {_first_line(rule)}\n\n{formula(rule)}\n{lines}\n"


def _first_line(rule):
    line = rule.__doc__.strip().split("\n\n")[0]
    line = re.sub(r":math:`([^`]*)`", r"$\1$", " ".join(line.split()))
    return _letters(re.sub(r":func:`(\w+)`", r"`\1`", line).replace("``", "`"))


_LETTERS = {
    "lr": "η", "lr_min": r"$\eta_{\min}$", "eps": "ϵ", "eps-hat": r"$\hat\epsilon$", "lambda": "λ",
    "beta": "β", "beta1": "β₁", "beta2": "β₂", "rho": "ρ", "gamma": "γ", "psi": "ψ", "mu": "μ",
    "eta": "η", "theta": "θ", "theta_t": r"$\theta_t$", "theta_{t-1}": r"$\theta_{t-1}$",
    "theta_{t-2}": r"$\theta_{t-2}$", "s_0": "$s_0$",
}  # fmt: skip
_NAME = re.compile(r"`[^`]*`|\$[^$]*\$|eps-hat|[^\W_]+(?:_\w+)*(?:_\{[^}]*\})?")


def _letters(text):
    """The names of a docstring as the letters of the formula; code and mathematics stay.

    >>> _letters("1 - beta1, with `lr` or lr")
    '1 - β₁, with `lr` or η'
    """
    return _NAME.sub(lambda name: _LETTERS.get(name[0], name[0]), text)


def entries(*names):
    """Entries of the formula sheet, by name."""
    return "\n".join(sheet(rules.get(name)) for name in names)


def coverage():
    """Markdown: every rule with its state, and how many paths of each library it was held to."""
    libraries = ("torch", "optax", "keras", "timm", "pytorch_optimizer")
    rows = []
    for rule in rules.ALL.values():
        counts = []
        for library in libraries:
            own = [row for row in comparisons(rule) if row.library == library]
            count = sum(len(set(compared.KINDS) - set(row.without)) for row in own)
            counts.append(str(count or ""))
        rows.append([f"`{rule.name}`", len(rule.state), bytes_per_parameter(rule), *counts])
    total = ["**all**", "", ""]
    for k in range(len(libraries)):
        total.append(f"**{sum(int(row[3 + k] or 0) for row in rows)}**")
    return table(["rule", "states", "bytes", *libraries], [*rows, total])


def schedule_sheet(*names):
    """Entries of the formula sheet for schedules: arguments, what they do, formula."""
    parts = []
    for name in names:
        s = schedules.get(name)
        arguments = ", ".join(
            f"`{k}`" if v is inspect.Parameter.empty else f"`{k}={number(v)}`"
            for k, v in s.arguments.items()
        )
        parts.append(f"**`{name}`** ({arguments}). {_first_line(s)}\n\n{formula(s)}")
    return "\n".join(parts)
