"""One look for every static figure: sizes, one fixed colour per optimizer, small helpers.

Colours are told apart by readers with the common colour deficiencies and keep a contrast of at
least 3 to 1 on their background; each optimizer also has its own dash, so that colour is never
the only difference. The live figures use the same table.
"""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

# name: (on light, on dark, dash)
_LOOK = {
    "gradient_descent": ("#4a4a4a", "#d6d6d6", "solid"),
    "momentum": ("#0069a8", "#5cb8ff", "dashed"),
    "polyak_momentum": ("#0069a8", "#5cb8ff", "dotted"),
    "nesterov": ("#007a5a", "#2fc99a", "dashdot"),
    "adagrad": ("#8a6500", "#e8bf4d", "dashed"),
    "rmsprop": ("#c44e00", "#ff9a5c", "dashdot"),
    "adam": ("#a3348a", "#f08fd6", "solid"),
    "adamw": ("#6a3fc4", "#bda3ff", "dashed"),
    "lars": ("#7a4a12", "#d9a066", "dotted"),
    "lamb": ("#b3123f", "#ff8aa5", "dotted"),
}
COLORS = {name: light for name, (light, _, _) in _LOOK.items()}
COLORS_DARK = {name: dark for name, (_, dark, _) in _LOOK.items()}
DASHES = {name: dash for name, (_, _, dash) in _LOOK.items()}
NAMES = {
    "gradient_descent": "gradient descent",
    "momentum": "momentum",
    "polyak_momentum": "momentum (Polyak)",
    "nesterov": "Nesterov",
    "adagrad": "AdaGrad",
    "rmsprop": "RMSProp",
    "adam": "Adam",
    "adam_l2": "Adam + L2",
    "adamw": "AdamW",
    "lars": "LARS",
    "lamb": "LAMB",
}
# For whatever is not an optimizer: seeds, step sizes, layers.
ACCENT, SECOND, MUTED = "#0069a8", "#c44e00", "#767676"

DPI = 144
WIDE, NARROW = (7.2, 3.0), (4.4, 3.0)


def color(name):
    """The colour of an optimizer on a light ground; variants take their base rule's."""
    return COLORS.get(name) or COLORS.get(_base(name), MUTED)


def dash(name):
    """The line style of an optimizer."""
    return DASHES.get(name) or DASHES.get(_base(name), "solid")


def label(name):
    """The optimizer's name in prose."""
    return NAMES.get(name, name.replace("_", " "))


def _base(name):
    return next((base for base in sorted(COLORS, key=len)[::-1] if name.startswith(base)), "")


def style():
    """Set the book's matplotlib defaults; call it once in a chapter's first cell."""
    mpl.rcParams.update(
        {
            "figure.figsize": WIDE,
            "figure.dpi": DPI,
            "savefig.dpi": DPI,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans"],
            "font.size": 9,
            "axes.labelsize": 9,
            "axes.titlesize": 9.5,
            "axes.titlelocation": "left",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": "#555555",
            "axes.linewidth": 0.8,
            "axes.grid": True,
            "grid.color": "#e4e4e4",
            "grid.linewidth": 0.6,
            "axes.axisbelow": True,
            "lines.linewidth": 1.6,
            "legend.frameon": False,
            "legend.fontsize": 8.5,
            "xtick.labelsize": 8.5,
            "ytick.labelsize": 8.5,
            "image.cmap": "cividis",
        }
    )


def contours(ax, surface, levels=18, points=160):
    """Draw a surface's level lines and minimisers into ax; the levels are spaced in log(1 + f)."""
    x0, x1, y0, y1 = surface.window
    x, y = np.meshgrid(np.linspace(x0, x1, points), np.linspace(y0, y1, points))
    height = surface(np.stack([x, y]))
    lowest = surface.lowest if surface.minimisers else height.min()
    scaled = np.log1p(height - min(lowest, height.min()))
    ax.contourf(x, y, scaled, levels, cmap="Blues", alpha=0.55)
    ax.contour(x, y, scaled, levels, colors="#6f8299", linewidths=0.5)
    for place in surface.minimisers:
        ax.plot(*place, marker="*", color="black", markersize=8, linestyle="none")
    ax.set(xlim=(x0, x1), ylim=(y0, y1), xlabel="x", ylabel="y")
    ax.grid(False)
    return ax


def path(ax, run, name, label_text=None, marker="o", every=1):
    """Draw a run's trajectory in its optimizer's colour, one mark a step."""
    ax.plot(
        *run.theta[::every].T,
        color=color(name),
        linestyle=dash(name),
        marker=marker,
        markersize=2.5,
        linewidth=1.2,
        label=label_text or label(name),
    )


def losses(ax, runs):
    """Loss against step for {name: Run} on a log axis, each in its optimizer's colour."""
    for name, result in runs.items():
        ax.semilogy(result.loss, color=color(name), linestyle=dash(name), label=label(name))
    ax.set(xlabel="step", ylabel="loss")
    ax.legend()
    return ax


def band(ax, x, curves, name=None, label_text=None, colour=None):
    """Mean and 95 % interval over seeds: curves has shape (seeds, len(x))."""
    from scipy import stats

    curves = np.asarray(curves, dtype=float)
    mean = curves.mean(0)
    seeds = len(curves)
    half = stats.t.ppf(0.975, seeds - 1) * curves.std(0, ddof=1) / np.sqrt(seeds)
    colour = colour or color(name)
    ax.plot(x, mean, color=colour, linestyle=dash(name) if name else "solid", label=label_text)
    ax.fill_between(x, mean - half, mean + half, color=colour, alpha=0.18, linewidth=0)
    return mean, half


def figure(rows=1, columns=1, size=None, **kwargs):
    """plt.subplots with the book's sizes."""
    return plt.subplots(rows, columns, figsize=size or WIDE, **kwargs)


def exists(ax, names, constant, changing):
    """A square chart of conversions: ● always, ○ while the step size is constant, · never.

    names : row and column names. constant, changing : bool (n, n), rows from, columns to.
    """
    for i, j in np.ndindex(constant.shape):
        mark = "●" if changing[i, j] else "○" if constant[i, j] else "·"
        ax.text(j, i, mark, ha="center", va="center", fontsize=11, color=ACCENT)
    n = len(names)
    short = [name.replace(".optimizers", "").replace(".optim", "") for name in names]
    ax.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), aspect="equal")
    ax.set_xticks(range(n), short, rotation=90, fontsize=7)
    ax.set_yticks(range(n), short, fontsize=7)
    ax.grid(False)
    ax.tick_params(length=0)
