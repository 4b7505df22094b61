"""Test surfaces in two coordinates: value, gradient, minimisers, a window and a start.

Each surface is one function of x and y in the vocabulary of :mod:`optlib.ops`. SymPy derives its
gradient, for NumPy and for JavaScript, when it is first asked for.
"""

import difflib
import math

import numpy as np

from .ops import cos, exp, pi, sqrt, where


class Surface:
    """A loss in two coordinates. Call it for the value; ``grad`` gives the gradient.

    fn : f(x, y). minimisers : list of (x, y), all global ones inside the window. window :
    (x from, x to, y from, y to), a sensible view. start : (x, y), a start from which the surface
    is interesting. theta has shape (2,) or (2, *runs); values have shape () or (*runs).
    """

    def __init__(self, fn, *, minimisers, window, start, name=None, made_by=None):
        self.fn, self.name = fn, name or fn.__name__
        self.__doc__ = fn.__doc__
        self.minimisers = [tuple(map(float, m)) for m in minimisers]
        self.window = tuple(map(float, window))
        self.start = tuple(map(float, start))
        self._made_by, self._grad = made_by, None

    def __call__(self, theta):
        theta = _two_rows(self.name, theta)
        with np.errstate(all="ignore"):
            return self.fn(theta[0], theta[1])

    def grad(self, theta):
        """The gradient, shape of theta."""
        theta = _two_rows(self.name, theta)
        if self._grad is None:
            self._grad = _lambdify_gradient(self)
        with np.errstate(all="ignore"):
            parts = self._grad(theta[0], theta[1])
        out = np.empty_like(theta)
        out[0], out[1] = parts
        return out

    @property
    def expression(self):
        """(value, d/dx, d/dy) as SymPy expressions in the symbols x and y."""
        import sympy

        x, y = sympy.symbols("x y", real=True)
        value = sympy.sympify(self.fn(x, y))
        return value, sympy.diff(value, x), sympy.diff(value, y)

    @property
    def lowest(self):
        """The value at the global minimisers; -inf if the surface has none."""
        return float(self(np.array(self.minimisers[0]))) if self.minimisers else -math.inf

    def __repr__(self):
        return f"surface {self.name}"

    def __reduce__(self):
        if self._made_by:
            maker, arguments = self._made_by
            return maker, arguments
        return get, (self.name,)


def _two_rows(name, theta):
    theta = np.asarray(theta, dtype=float)
    if theta.ndim == 0 or theta.shape[0] != 2:
        raise ValueError(f"{name} takes points of shape (2,) or (2, runs), got {theta.shape}")
    return theta


def _lambdify_gradient(surface):
    import sympy

    x, y = sympy.symbols("x y", real=True)
    _, dx, dy = surface.expression
    return sympy.lambdify((x, y), [dx, dy], "numpy", cse=True)


ALL = {}


def surface(*, minimisers, window, start):
    """Register a function of (x, y) as a :class:`Surface` under its name."""

    def make(fn):
        s = Surface(fn, minimisers=minimisers, window=window, start=start)
        ALL[s.name] = s
        return s

    return make


def get(name):
    """The surface of this name; ValueError with the nearest names if there is none."""
    if isinstance(name, Surface):
        return name
    if name not in ALL:
        near = difflib.get_close_matches(str(name), ALL, n=3)
        hint = f" Did you mean {', '.join(near)}?" if near else f" Known: {', '.join(ALL)}."
        raise ValueError(f"there is no surface named {name!r}.{hint}")
    return ALL[name]


def quadratic(curvatures=(1.0, 100.0), rotation=0.0, start=None):
    """A bowl with the given curvatures along its axes, turned by ``rotation`` degrees.

    The condition number is the ratio of the curvatures. start defaults to (1, 1) along the axes.
    """
    first, second = (float(c) for c in curvatures)
    if not all(math.isfinite(c) and c > 0 for c in (first, second)):
        raise ValueError(f"curvatures must be positive numbers, got {curvatures!r}")
    angle = math.radians(rotation)
    c, s = (1.0, 0.0) if rotation == 0 else (math.cos(angle), math.sin(angle))

    def bowl(x, y):
        if rotation == 0:
            return (first * x**2 + second * y**2) / 2
        return (first * (c * x + s * y) ** 2 + second * (c * y - s * x) ** 2) / 2

    along = (1.0, 1.0)
    place = start or (c * along[0] - s * along[1], s * along[0] + c * along[1])
    reach = 1.25 * max(1.0, np.abs(place[0]), np.abs(place[1]))
    turned = f", {rotation:g} degrees" if rotation else ""
    return Surface(
        bowl,
        minimisers=[(0, 0)],
        window=(-reach, reach, -reach, reach),
        start=place,
        name=f"quadratic {first:g}, {second:g}{turned}",
        made_by=(quadratic, (curvatures, rotation, start)),
    )


@surface(minimisers=[(0, 0)], window=(-1.2, 1.2, -1.2, 1.2), start=(1, 1))
def ravine(x, y):
    """The book's own surface: curvature 1 along the floor, 100 across; condition number 100."""
    return (x**2 + 100 * y**2) / 2


@surface(minimisers=[(0, 0)], window=(-1.2, 1.2, -1.2, 1.2), start=(1, 0.6))
def bowl(x, y):
    """A round bowl of curvature 1 in every direction."""
    return (x**2 + y**2) / 2


@surface(minimisers=[(1, 1)], window=(-2, 2, -1, 3), start=(-1.2, 1))
def rosenbrock(x, y):
    """A curved valley whose floor falls slowly to (1, 1). Rosenbrock 1960."""
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


@surface(minimisers=[(3, 0.5)], window=(-4.5, 4.5, -4.5, 4.5), start=(1, 1.2))
def beale(x, y):
    """Steep walls at the corners, a flat middle, one minimum at (3, 1/2). Beale 1958."""
    a = 1.5 - x + x * y
    b = 2.25 - x + x * y**2
    c = 2.625 - x + x * y**3
    return a**2 + b**2 + c**2


@surface(
    minimisers=[
        (3, 2),
        (-2.805118086952745, 3.131312518250573),
        (-3.779310253377747, -3.283185991286170),
        (3.584428340330492, -1.848126526964404),
    ],
    window=(-5, 5, -5, 5),
    start=(-0.5, -1),
)
def himmelblau(x, y):
    """Four equal minima. Himmelblau 1972."""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


@surface(minimisers=[(1, 3)], window=(-10, 10, -10, 10), start=(-8, 6))
def booth(x, y):
    """A tilted bowl of condition number 9 with its minimum at (1, 3)."""
    return (x + 2 * y - 7) ** 2 + (2 * x + y - 5) ** 2


@surface(minimisers=[(0, -1), (0, 1)], window=(-1.6, 1.6, -1.6, 1.6), start=(1.2, 0.001))
def saddle(x, y):
    """A saddle at the origin between two minima at (0, 1) and (0, -1)."""
    return x**2 / 2 - y**2 / 2 + y**4 / 4


@surface(minimisers=[], window=(-1.2, 1.2, -1.2, 1.2), start=(-0.02, 1))
def monkey_saddle(x, y):
    """Three valleys meet at a point without curvature; unbounded below."""
    return x**3 - 3 * x * y**2


@surface(minimisers=[(0, 0)], window=(-6, 6, -6, 6), start=(5, 3.5))
def plateau(x, y):
    """A pit in a plain: far out the gradient all but vanishes."""
    return 1 - exp(-(x**2 + y**2) / 4) + (x**2 + y**2) / 1000


@surface(minimisers=[(0, 0)], window=(-5.12, 5.12, -5.12, 5.12), start=(3.4, 2.3))
def rastrigin(x, y):
    """About a hundred local minima on a bowl. Rastrigin 1974."""
    return 20 + x**2 - 10 * cos(2 * pi * x) + y**2 - 10 * cos(2 * pi * y)


@surface(minimisers=[(0, 0)], window=(-5, 5, -5, 5), start=(3.3, -2.4))
def ackley(x, y):
    """Many shallow pits around one deep one. Ackley 1987.

    The 1e-30 under the root keeps the gradient finite at the minimiser, where the cone has none.
    """
    cone = exp(-0.2 * sqrt((x**2 + y**2) / 2 + 1e-30))
    return 20 + exp(1) - 20 * cone - exp((cos(2 * pi * x) + cos(2 * pi * y)) / 2)


@surface(minimisers=[(-1, 0)], window=(-3, 3, -3, 3), start=(0.15, 1.5))
def sharp_and_flat(x, y):
    """Two minima of about equal depth, a wide one at (-1, 0) and a narrow one near (1.5, 0)."""
    wide = ((x + 1) ** 2 + y**2) / 2
    narrow = exp(-8 * ((x - 1.5) ** 2 + y**2))
    return wide - 3.1 * narrow * (1 - exp(-20 * ((x + 1) ** 2 + y**2)))


@surface(minimisers=[(0, 0)], window=(-4, 4, -4, 4), start=(3.3, 2))
def piecewise(x, y):
    """Curvature 25, then 1, then 25 along x: smooth, convex, and the tuned heavy ball cycles.

    Lessard, Recht & Packard 2016, section 4.6, with an ordinary bowl along y.
    """
    near = 25 * x**2 / 2
    middle = x**2 / 2 + 24 * x - 12
    far = 25 * x**2 / 2 - 24 * x + 36
    return where(x < 1, near, where(x < 2, middle, far)) + y**2 / 2


def noisy(target, scale, seed):
    """A gradient with additive Gaussian noise: theta -> grad(theta) + scale * N(0, 1).

    target : a surface or gradient function. scale : standard deviation in each coordinate, in
    gradient units. Every call draws afresh from ``numpy.random.default_rng(seed)``.
    """
    if not (math.isfinite(scale) and scale >= 0):
        raise ValueError(f"scale must be a finite number, 0 or more, got {scale!r}")
    rng = np.random.default_rng(seed)
    grad = getattr(target, "grad", target)

    def stochastic(theta):
        g = np.asarray(grad(theta), dtype=float)
        return g + scale * rng.standard_normal(g.shape)

    return stochastic


def javascript(s):
    """The surface as a JavaScript object literal {name, f, grad, minimisers, window, start}.

    ``f(x, y)`` is the value; ``grad(x, y, out)`` writes the gradient and returns the value.
    """
    import json

    import sympy
    from sympy.printing.jscode import JavascriptCodePrinter

    class Printer(JavascriptCodePrinter):
        def _print_Pow(self, power):
            # Small whole powers as products: what NumPy computes, and faster than Math.pow.
            if power.exp.is_Integer and 2 <= power.exp <= 4 and power.base.is_Symbol:
                return "(" + "*".join([self._print(power.base)] * int(power.exp)) + ")"
            return super()._print_Pow(power)

        def _print_Float(self, number):
            return repr(float(number))

    printer = Printer()

    def body(*wanted):
        shared, results = sympy.cse(wanted)
        lines = [f"const {name} = {printer.doprint(e)};" for name, e in shared]
        return lines, [printer.doprint(r) for r in results]

    value, dx, dy = s.expression
    lines, (v,) = body(value)
    f = " ".join([*lines, f"return {v};"])
    lines, (v, a, b) = body(value, dx, dy)
    grad = " ".join([*lines, f"out[0] = {a}; out[1] = {b}; return {v};"])
    return (
        f"{{\n  name: {json.dumps(s.name)},\n"
        f"  f(x, y) {{ {f} }},\n"
        f"  grad(x, y, out) {{ {grad} }},\n"
        f"  minimisers: {json.dumps(s.minimisers)},\n"
        f"  window: {json.dumps(s.window)},\n"
        f"  start: {json.dumps(s.start)},\n}}"
    )
