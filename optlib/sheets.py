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

# The headings of the sheet and the rules under each.
GROUPS = {
    "Gradient descent": ("gradient_descent",),
    "Momentum": ("momentum", "polyak_momentum", "damped_momentum", "sgd_torch"),
    "Nesterov": ("nesterov", "nesterov_torch", "nesterov_keras"),
    "AdaGrad and AdaDelta": ("adagrad", "adadelta", "adagrad_optax", "adagrad_keras"),
    "RMSProp": (
        "rmsprop", "rmsprop_centered", "rmsprop_momentum",
        "rmsprop_torch", "rmsprop_optax", "rmsprop_keras",
    ),
    "Adam": ("adam", "adam_keras"),
    "AMSGrad, AdaMax, NAdam, RAdam": (
        "amsgrad", "adamax", "nadam", "radam",
        "amsgrad_torch", "amsgrad_optax", "amsgrad_keras",
        "adamax_keras", "nadam_keras", "nadam_optax", "radam_optax",
    ),
    "AdamW and SGDW": ("adamw", "sgdw", "adamw_keras", "adamw_paper", "sgdw_paper"),
    "LARS and LAMB": (
        "lars", "lamb",
        "lars_timm", "lars_optax", "lars_pytorch_optimizer",
        "lamb_optax", "lamb_timm", "lamb_pytorch_optimizer", "lamb_keras",
    ),
    "Lion and Muon": ("lion", "muon", "lion_keras", "muon_torch", "muon_optax", "muon_keras"),
}  # fmt: skip


def _is_convention(name):
    """Whether a rule is a library's or paper's variant of another one."""
    return rules.get(name).fn.__module__.endswith(".conventions")


def _target(name):
    return f"formula-{re.sub(r'[^a-z0-9]+', '-', name.lower())}"


def contents():
    """Markdown: every rule and schedule as a link to its entry; variants of a group share one."""
    lines = []
    for title, names in GROUPS.items():
        links = [_link(_target(n), f"<code>{n}</code>") for n in names if not _is_convention(n)]
        variants = sum(map(_is_convention, names))
        if variants:
            words = "1 variant" if variants == 1 else f"{variants} variants"
            links.append(_link(f"{_target(title)}-variants", words))
        lines.append(f"- *{title}:* " + ", ".join(links))
    links = ", ".join(_link(_target(n), f"<code>{n}</code>") for n in schedules.ALL)
    return "\n".join([*lines, f"- *Schedules:* {links}"])


def _link(target, words):
    return f'<a href="#{target}">{words}</a>'


def group(title):
    """Markdown: the entries of a group; the variants of libraries and papers are folded."""
    own = [sheet(rules.get(n)) for n in GROUPS[title] if not _is_convention(n)]
    variants = [n for n in GROUPS[title] if _is_convention(n)]
    if not variants:
        return "\n".join(own)
    names = ", ".join(f"<code>{name}</code>" for name in variants)
    folded = "\n".join(sheet(rules.get(name)) for name in variants)
    head = f'<details id="{_target(title)}-variants"><summary>As libraries or papers vary it: '
    return "\n".join([*own, f"{head}{names}</summary>\n\n{folded}\n</details>"])


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
        recorded = "" if library in compared.EXACT else ", recorded"
        parts.append(f"{library}, {cases} paths{recorded}")
    return f"{'; '.join(parts)}; to {number(max(row.tolerance for row in rows))}"


def sheet(rule):
    """One entry of the formula sheet."""
    hyper = ", ".join(f"${_symbol(k)}$ = {number(v)}" for k, v in rule.hyper.items())
    state = ", ".join(f"${syntax.latex_name(k)}$" for k in rule.state) or "none"
    facts = {
        "Defaults": hyper,
        "State": f"{state}; {bytes_per_parameter(rule)} bytes per parameter",
        "Source": source(rule) or "the library that it is named after",
        "Held to": checks(rule),
    }
    lines = "\n".join(f"- *{name}:* {text}" for name, text in facts.items())
    head = f'<span id="{_target(rule.name)}"></span>**`{rule.name}`.** {_first_line(rule)}'
    return f"{head}\n\n{formula(rule)}\n{lines}\n"


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

    >>> _letters("of 1 - beta1, with `lr` or lr")
    'of 1\xa0−\xa0β₁, with `lr` or η'
    """
    letters = _NAME.sub(lambda name: _LETTERS.get(name[0], name[0]), text)
    return letters.replace(" - ", "\xa0−\xa0")  # a minus, on the line of its numbers


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
        head = f'<span id="{_target(name)}"></span>**`{name}`** ({arguments}). {_first_line(s)}'
        parts.append(f"{head}\n\n{formula(s)}")
    return "\n".join(parts)
