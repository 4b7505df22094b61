"""What every live figure shares: the view, its controls, and the links between them.

A figure is one anywidget view (its JavaScript computes and draws) and ordinary ipywidgets controls.
Each control is linked to a trait of the view *in the browser*, so the figure works in JupyterLab
while the kernel is busy and in a static page without any kernel. A figure's own JavaScript supplies
``compute`` and ``draw``; ``frame.js`` does the rest.
"""

import base64
import html
import io
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

import anywidget
import ipywidgets as widgets
import traitlets
from IPython.display import HTML, display
from matplotlib.figure import Figure
from PIL import Image

from .. import syntax

_HERE = Path(__file__).parent
_LABEL = {"description_width": "9em"}
_WIDTH = {"width": "auto"}


@dataclass(frozen=True, eq=False)
class Setting:
    """One thing a reader can change: a synced trait of the view and the control that moves it.

    name : the trait, and the keyword of the figure's Python call.
    value : bool, int, float, list, or for a choice the index of the option.
    control : an ipywidget, or None where the picture itself is the control.
    choices : for a choice, the options that the index stands for.
    limits : for a number, (lowest, highest); a value from an address is held to them.
    marks : where the keys and the mouse move a slider that also takes any other value: "log"
        (numbers of three digits), "integers" (those of them that are whole), or a step counted
        from value.
    """

    name: str
    value: object
    control: widgets.Widget | None = None
    choices: tuple = ()
    limits: tuple = ()
    marks: str | float | None = None


# The slider of the browser moves every value to a multiple of its step, also one that was typed or
# came with a link. So the step is next to nothing, and the frame knows the marks; see frame.js.
_EXACT = 1e-12


def log_slider(name, label, value, low, high, whole=False):
    """A positive number on a logarithmic scale, from low to high; whole: only integers."""
    in_range(name, value, low, high)
    control = widgets.FloatLogSlider(
        value=value,
        base=10,
        min=math.log10(low) - _EXACT,
        max=math.log10(high) + _EXACT,
        step=_EXACT,
        description=label,
        readout_format=",.0f" if whole else ".1e" if low < 1e-5 else ".4g",
        style=_LABEL,
        layout=_WIDTH,
    )
    marks = "integers" if whole else "log"
    return Setting(name, float(value), control, limits=(low, high), marks=marks)


def slider(name, label, value, low, high, step=None):
    """A number from low to high in equal steps (default: at least 50, so that value is on one)."""
    in_range(name, value, low, high)
    if step is None:
        coarse = 10.0 ** math.floor(math.log10((high - low) / 50))
        steps = [coarse, coarse / 10, coarse / 100]
        step = next((s for s in steps if abs((value - low) / s % 1 - 0.5) > 0.4999), coarse)
    control = widgets.FloatSlider(
        value=value,
        min=low,
        max=high,
        step=_EXACT,
        description=label,
        readout_format=f".{max(0, -math.floor(math.log10(step) + 1e-9))}f",
        style=_LABEL,
        layout=_WIDTH,
    )
    return Setting(name, float(value), control, limits=(low, high), marks=step)


def integer(name, label, value, low, high):
    """A whole number from low to high."""
    in_range(name, value, low, high)
    control = widgets.IntSlider(
        value=value, min=low, max=high, description=label, style=_LABEL, layout=_WIDTH
    )
    return Setting(name, int(value), control, limits=(low, high))


def checkbox(name, label, value):
    """Yes or no."""
    control = widgets.Checkbox(
        value=bool(value), description=label, indent=False, style=_LABEL, layout=_WIDTH
    )
    return Setting(name, bool(value), control)


def choice(name, label, options, value, titles=None):
    """One of several options, shown under their titles; the trait holds the index."""
    options = tuple(options)
    if value not in options:
        raise ValueError(f"{name} is {value!r}; allowed: {', '.join(map(repr, options))}")
    index = options.index(value)
    control = widgets.Dropdown(
        options=list(titles or options), index=index, description=label, style=_LABEL, layout=_WIDTH
    )
    return Setting(name, index, control, choices=options)


def in_range(name, value, low, high):
    """Raise ValueError unless low <= value <= high."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        raise ValueError(f"{name} is {value!r}; this figure allows {low:g} to {high:g}")


# How a rule's argument is shown: label, and the range of a slider (log, linear) or of a checkbox.
_ARGUMENTS = {
    "lr": ("step size η", "log", None),
    "beta": ("memory β", "linear", (0, 0.99)),
    "beta1": ("average β₁", "linear", (0, 0.99)),
    "beta2": ("average β₂", "linear", (0, 0.999)),
    "eps": ("ε", "log", (1e-12, 1)),
    "weight_decay": ("weight decay λ", "linear", (0, 0.5)),
    "trust": ("trust coefficient", "log", (1e-4, 10)),
    "rho": ("average ρ", "linear", (0, 0.99)),
    "damping": ("damping", "linear", (0, 1)),
    "centered": ("centered", "checkbox", None),
    "initial_accumulator": ("first sum", "log", (1e-6, 10)),
    "momentum_decay": ("momentum decay", "log", (1e-4, 1)),
    "lr_decay": ("decay of η", "linear", (0, 1)),
    "clip": ("clip", "log", (1e-3, 100)),
}


def argument(name, key, value, limits=None, users=()):
    """The setting ``name`` for a rule's argument ``key``; its control follows from the argument.

    users : the rules it is for. Where each of them keeps a velocity u, β is called momentum.
    An argument that is not in the book's list gets a checkbox (bool), a slider from 0 to 1
    (default inside), or a logarithmic slider around its default.
    """
    label, kind, usual = _ARGUMENTS.get(key, (key.replace("_", " "), None, None))
    if key == "beta" and users and all("u" in r.state for r in users):
        label = "momentum β"
    if kind == "checkbox" or isinstance(value, bool):
        return checkbox(name, label, value)
    if not isinstance(value, (int, float)):
        raise ValueError(f"{name} is {value!r}; a live figure needs a number")
    kind = kind or ("log" if value > 1 or 0 < value < 0.1 else "linear")
    low, high = limits or usual or (0, 1)
    if kind == "log" and not (limits or usual):
        decade = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
        low, high = decade / 100, decade * 100
    if not limits and value > 0:
        low, high = min(low, value), max(high, value)
    elif not limits:
        low = 0  # no logarithm
    if kind == "log" and low > 0:
        return log_slider(name, label, value, low, high)
    return slider(name, label, value, low, high)


class Source(widgets.Widget):
    """A file of the browser's side. All figures of a page refer to one and the same."""

    text = traitlets.Unicode().tag(sync=True)


@dataclass(frozen=True)
class Module:
    """A figure's JavaScript: the names of the files it shares, and the text that is its own."""

    files: tuple
    own: str


# Puts the texts together in the reader's browser: each is in the page once, and there is nothing
# to fetch, so that it works from a file as well.
_LOADER = """\
const text = async (model, id) => (await model.widget_manager.get_model(id.slice(10))).get("text");
async function render({ model, el }) {
const [css, ...files] = await Promise.all(model.get("_files").map((id) => text(model, id)));
const known = document.getElementById("live-style");
const style = known || document.createElement("style");
if (style.textContent !== css) style.textContent = css;
if (!known) document.head.append(Object.assign(style, { id: "live-style" }));
const parts = [...files, model.get("_own")];
const address = URL.createObjectURL(new Blob([parts.join("\\n")], { type: "text/javascript" }));
const figure = await import(address);
URL.revokeObjectURL(address);
return figure.default.render({ model, el });
}
export default { render };
"""


class View(anywidget.AnyWidget):
    """The part of a figure that lives in the browser. One trait per setting; see ``spec``.

    _files : the style sheet and the files that figures share. _own : the figure's constants.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    _files = traitlets.Tuple().tag(sync=True, **widgets.widget_serialization)
    _own = traitlets.Unicode().tag(sync=True)
    spec = traitlets.Dict().tag(sync=True)

    def __init__(self, module, spec, values):
        self.add_traits(**{name: _trait(v).tag(sync=True) for name, v in values.items()})
        files = tuple(map(_source, ("frame.css", *module.files)))
        super().__init__(_esm=_LOADER, _files=files, _own=module.own, spec=spec, **values)

    @property
    def module(self):
        """The text of the JavaScript module, as the browser puts it together."""
        return "\n".join([*(f.text for f in self._files[1:]), self._own])

    def __repr__(self):
        return f"View({self.spec['name']!r})"


def _trait(value):
    # The default is None, which no setting is: writers of static pages may leave out defaults.
    for kind, trait in (
        (bool, traitlets.Bool),
        (int, traitlets.Int),
        (float, traitlets.Float),
        (list, traitlets.List),
    ):
        if isinstance(value, kind):
            return trait(default_value=None, allow_none=True)
    raise TypeError(f"a setting cannot hold {value!r}")


class LiveFigure(widgets.VBox):
    """A view above its controls. ``view`` holds the traits, ``controls`` the ipywidgets by name."""

    def __init__(self, kind, view, controls, paint):
        self.kind, self.view, self.controls, self._paint = kind, view, controls, paint
        box = widgets.HBox(list(controls.values()))
        box.add_class("live-controls")
        super().__init__([view, box])
        self.add_class("live-figure")

    def __repr__(self):
        return f"live.{self.kind}(name={self.view.spec['name']!r})"

    def still(self):
        """The figure as it stands at first, drawn by matplotlib: the bytes of a small PNG."""
        sheet = Figure(figsize=(7.2, 2.9), dpi=100, layout="constrained")
        self._paint(sheet)
        raw, small = io.BytesIO(), io.BytesIO()
        sheet.savefig(raw, format="png")
        Image.open(raw).convert("RGB").quantize(32).save(small, format="png", optimize=True)
        return small.getvalue()

    def without_scripts(self):
        """HTML that shows the still where scripts are off; a widget has nothing else to show."""
        data = base64.b64encode(self.still()).decode()
        alt = html.escape(self.view.spec["alt"], quote=True)
        image = f'<img src="data:image/png;base64,{data}" alt="{alt}" style="max-width: 100%">'
        return f'<noscript class="live-still">{image}</noscript>'

    def _ipython_display_(self):
        display(HTML(self.without_scripts()))
        display(self._repr_mimebundle_(), raw=True)


def build(kind, name, module, settings, call, alt, paint, data=None, span=None, predict=None):
    """Put a figure together: traits, controls, and the links between them.

    kind : the Python function ("descent"). name : what a link to the figure calls it.
    module : its JavaScript (see compose). settings : list of Setting.
    call : the fixed arguments of the Python call, as text; the settings are added by "copy call".
    alt : what the figure shows, in a few words. paint : draws it as it stands at first into a
    matplotlib Figure, for pages without scripts. data : what else the JavaScript needs to know.
    span : (first, last) step, if the figure changes it: then the view has traits of these names.
    predict : what the reader is to predict first, {"what": ..., and more} as asked_of gives it.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][\w-]*", name):
        raise ValueError(f"name is {name!r}; allowed: a letter, then letters, digits, - or _")
    if predict:
        module = Module((module.files[0], "predict.js", *module.files[1:]), module.own)
        call += f", predict={predict if len(predict) > 1 else predict['what']!r}"
    spec = {
        "name": name,
        "kind": kind,
        "alt": alt,
        "call": call,
        "defaults": {s.name: s.value for s in settings},
        "choices": {s.name: list(s.choices) for s in settings if s.choices},
        "limits": {s.name: list(s.limits) for s in settings if s.limits},
        "marks": {s.name: s.marks for s in settings if s.marks},
        **(data or {}),
        **({"predict": predict} if predict else {}),
    }
    values = {s.name: s.value for s in settings}
    if span:
        spec["span"] = True
        values["first"], values["last"] = span
    view = View(module, spec, values)
    controls = {}
    for setting in settings:
        if setting.control is None:
            continue
        # A Dropdown's value exists only in Python; its index is what the browser knows.
        moved = "index" if setting.choices else "value"
        widgets.jslink((view, setting.name), (setting.control, moved))
        setting.control.add_class("live-control")
        setting.control.add_class(f"live-for-{setting.name}")
        controls[setting.name] = setting.control
    return LiveFigure(kind, view, controls, paint)


def asked_of(predict, allowed, keys=()):
    """What a figure asks: {"what": one of allowed, and those of keys that are given}, or None.

    predict : None, one of allowed, or a dict with "what" and maybe some of keys.
    Raises ValueError that names the value and what is allowed.
    """
    if predict is None:
        return None
    given = {"what": predict} if isinstance(predict, str) else predict
    if (
        not isinstance(given, dict)
        or set(given) - {"what", *keys}
        or given.get("what") not in allowed
    ):
        names = ", ".join(map(repr, allowed)) or "None, since show has no panel for it"
        more = " and ".join(map(repr, keys))
        also = f", or a dict with 'what' and maybe {more}" if keys and allowed else ""
        raise ValueError(f"predict is {predict!r}; allowed: {names}{also}")
    return dict(given)


def compose(*files, **constants):
    """The Module of a figure: the frame and these files, and its constants.

    constants are JavaScript expressions by name.
    """
    own = "\n".join(f"const {name} = {text};" for name, text in constants.items())
    return Module(("frame.js", *files), _bare(own))


def _source(file):
    """The one Source of a file in this kernel. Every figure of a page refers to it."""
    if file not in _SOURCES or _SOURCES[file].comm is None:
        text = _bare(_read(file))
        _SOURCES[file] = Source(text=_bare(syntax.PRELUDE) + text if file == "frame.js" else text)
    return _SOURCES[file]


_SOURCES = {}


def _bare(text):
    """The text without comment lines and indentation: pages carry it."""
    kept = (line.strip() for line in text.splitlines())
    return "".join(f"{line}\n" for line in kept if line and not line.startswith("//"))


def json_text(value):
    """A value as a JavaScript expression."""
    return json.dumps(value, ensure_ascii=False)


def table(entries):
    """A JavaScript object literal from names to expressions."""
    return "{" + ",\n".join(f'"{name}": {text}' for name, text in entries.items()) + "}"


def _read(file):
    return (_HERE / file).read_text(encoding="utf-8")
