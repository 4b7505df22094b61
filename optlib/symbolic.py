"""Derivations by SymPy, all from the rules themselves: nothing here states a formula of its own.

A rule runs on symbols as it runs on numbers; these functions choose the symbols and put what comes
out into a form to read: coefficients of the moments, bias tables, iteration matrices.
"""

import functools

import sympy as sp

from . import ops, syntax
from .rule import by_name

T = sp.Symbol("t", positive=True, integer=True)


# SymPy prints these as the book's symbols, in text as well as in LaTeX.
_SYMBOLS = {
    "lr": "eta",
    "beta1": "beta_1",
    "beta2": "beta_2",
    "eps": "epsilon",
    "weight_decay": "lambda",
    "l2": "lambda",
    "trust": "tau",
    "curvature": "lambda",
}


def symbol(name):
    """The positive symbol of a hyperparameter: eta for lr, beta_1 for beta1, ..."""
    return sp.Symbol(_SYMBOLS.get(name, name), positive=True)


def hyper_symbols(rule, **given):
    """A symbol for every hyperparameter of a rule; ``given`` ones keep their value."""
    unknown = set(given) - set(rule.hyper)
    if unknown:
        raise TypeError(f"{rule.name} has no hyperparameter {', '.join(sorted(unknown))}")
    return {name: given.get(name, symbol(name)) for name in rule.hyper}


def gradients(steps):
    """The symbols g_1, ..., g_steps."""
    return sp.symbols(f"g_1:{steps + 1}", real=True)


def lines(rule, **given):
    """[(name, expression)] for each line of a rule, in SymPy, evaluated by the rule's own source.

    Names on the right stand for what earlier lines assigned: m_t, old ones are m_{t-1}.
    """
    rule = by_name(rule)
    source = syntax.parse(rule)
    values = {**hyper_symbols(rule, **given), "t": T, "g": sp.Symbol("g_t", real=True)}
    for name in ("theta", *rule.state):
        values[name] = sp.Symbol(f"{syntax.latex_name(name)}_{{t-1}}", real=True)
    words = {word: getattr(ops, word) for word in syntax.ARITY} | {"pi": sp.pi}
    out = []
    for name, node in source.lines:
        code = compile(syntax.ast.Expression(node), f"<{rule.name}>", "eval")
        out.append((name, sp.sympify(eval(code, words, values))))
        values[name] = sp.Symbol(f"{syntax.latex_name(name)}_t", real=True)
    return out


def unroll(rule, steps, g=None, theta=None, l2=0, **given):
    """Parameters and state after ``steps`` exact steps -> (theta, {state name: expression}).

    g : a sequence of gradients (default the symbols g_1, ...), or a function theta -> gradient.
    theta : the start (default the symbol theta_0). l2 : adds l2 * theta to every gradient. For many
    steps prefer recurrences: keep steps <= 30 with symbols.
    """
    rule = by_name(rule)
    hyper = hyper_symbols(rule, **given)
    theta = sp.Symbol(r"\theta_0", real=True) if theta is None else sp.sympify(theta)
    g = gradients(steps) if g is None else g
    state = tuple(sp.sympify(start) for start in rule.state.values())
    for t in range(1, steps + 1):
        point = rule.point(theta, state, t, hyper)
        slope = (g(point) if callable(g) else g[t - 1]) + l2 * theta
        theta, state = rule.step(theta, slope, state, sp.Integer(t), hyper)
    return theta, dict(zip(rule.state, state, strict=True))


def weights(rule, name, steps, power=1, **given):
    """The weight of each g_k^power, k = 1..steps, in the state called ``name`` after all steps."""
    g = gradients(steps)
    _, state = unroll(rule, steps, g, **given)
    if name not in state:
        raise ValueError(f"{rule.name} has no state {name!r}; it has {', '.join(state)}")
    expanded = sp.expand(state[name])
    return [sp.factor(expanded.coeff(x, power)) for x in g]


def expectation(rule, name, power=1, **given):
    """E of a state that averages g^power, in units of E[g^power], as a formula in t.

    The rule's own line is read as a linear recurrence s_t = a s_{t-1} + b with E[g^power] = 1, and
    solved by SymPy's ``rsolve``. Holds when that moment of the gradient is the same at all steps.
    """
    rule = by_name(rule)
    g, old = sp.Symbol("g_t", real=True), sp.Symbol(f"{syntax.latex_name(name)}_{{t-1}}", real=True)
    line = dict(lines(rule, **given))[name]
    terms = sp.Poly(line, old, g).as_dict() if line.is_polynomial(old, g) else {(1, 1): 1}
    if set(terms) - {(1, 0), (0, power), (0, 0)}:
        raise ValueError(f"{name} of {rule.name} is not linear in g^{power}: {line}")
    a, b = terms.get((1, 0), 0), terms.get((0, power), 0) + terms.get((0, 0), 0)
    s, k = sp.Function("s"), sp.Symbol("k", integer=True, nonnegative=True)
    solved = sp.rsolve(s(k) - a * s(k - 1) - b, s(k), {s(0): rule.state[name]})
    return sp.factor(sp.simplify(solved.subs(k, T)))


@functools.cache
def _correction(name, state, power):
    return expectation(by_name(name), state, power)


def bias_table(rule, steps=(1, 2, 3, 10, 100, 1000), first="m", second="v", **given):
    """Exact bias of a rule's two moments: rows (t, E[m]/E[g], E[v]/E[g^2], uncorrected/corrected).

    The last column is E[m]/sqrt(E[v]) in those units: how many times larger the step is without the
    corrections, for eps = 0 and any gradients. The final row is the limit t -> oo. Pass the betas
    as Rationals, and the table is exact.
    """
    rule = by_name(rule)
    m, v = _correction(rule.name, first, 1), _correction(rule.name, second, 2)
    values = {symbol(k): sp.nsimplify(x) for k, x in {**rule.hyper, **given}.items()}
    m, v = m.subs(values), v.subs(values)
    rows = []
    for t in steps:
        at_m, at_v = m.subs(T, t), v.subs(T, t)
        rows.append((sp.Integer(t), at_m, at_v, _over_root(at_m, at_v)))
    ends = [sp.limit(x, T, sp.oo) for x in (m, v)]
    rows.append((sp.oo, *ends, ends[0] / sp.sqrt(ends[1])))
    return rows


def _over_root(m, v):
    """m / sqrt(v), exact; one unevaluated root where SymPy would factor huge integers for it."""
    square = m**2 / v
    return sp.sqrt(square, evaluate=not square.is_Rational or square.q < 10**18)


def iteration_matrix(rule, curvature=None, **given):
    """The matrix of one step on f = curvature * theta^2 / 2, acting on (theta, state).

    Only for rules that are linear on a quadratic and do not depend on t (gradient descent, the
    momentum family); ValueError otherwise.
    """
    rule = by_name(rule)
    curvature = symbol("curvature") if curvature is None else curvature
    hyper = hyper_symbols(rule, **given)
    names = ("theta", *rule.state)
    old = sp.symbols([f"{n}_old" for n in names], real=True)
    slope = curvature * rule.point(old[0], tuple(old[1:]), T, hyper)
    theta, state = rule.step(old[0], slope, tuple(old[1:]), T, hyper)
    new = sp.Matrix([theta, *state])
    matrix = new.jacobian(sp.Matrix(old)).applyfunc(sp.expand)
    if matrix.free_symbols & {*old, T}:
        raise ValueError(f"{rule.name} is not a fixed linear map on a quadratic")
    return matrix


def eigenvalues(rule, curvature=None, **given):
    """Eigenvalues of :func:`iteration_matrix`, one for each, simplified."""
    return [sp.simplify(e) for e in iteration_matrix(rule, curvature, **given).eigenvals()]


def spectral_radius(rule, curvature=None, **given):
    """The largest modulus of :func:`eigenvalues`: the factor left of an error after one step.

    With numbers for all of curvature and hyperparameters a float, else a SymPy expression.
    """
    radius = sp.Max(*[sp.Abs(e) for e in eigenvalues(rule, curvature, **given)])
    return float(radius) if radius.is_number else radius


def stability_limit(rule, **given):
    """The largest curvature * lr at which a linear rule does not diverge, as an expression.

    A 1x1 map is stable while |a| < 1, a 2x2 map while |det| < 1 and |trace| < 1 + det (Jury's
    conditions); as lr grows from 0 the one that fails first is 1 + trace + det = 0.
    """
    matrix = iteration_matrix(rule, **given)
    x = sp.Symbol("x", positive=True)
    edge = (matrix + sp.eye(matrix.rows)).det()  # zero where an eigenvalue is -1
    in_x = sp.expand(edge).subs(symbol("lr"), x / symbol("curvature"))
    solutions = sp.solve(sp.simplify(in_x), x)
    if len(solutions) != 1:
        raise ValueError(f"{by_name(rule).name}: no single stability limit, got {solutions}")
    return sp.factor(solutions[0])


def stationary_covariance(matrix, drive):
    """Covariance S of x_t = F x_{t-1} + b xi_t after a long time: the S with S = F S F^T + b b^T.

    matrix : F, square, with all eigenvalues inside the unit circle. drive : b, one column; xi has
    mean 0, variance 1 and no memory. ValueError if no single S solves the equation.
    """
    size = matrix.rows
    names = {(i, j): sp.Symbol(f"S_{i}{j}") for i in range(size) for j in range(i, size)}
    found = sp.Matrix(size, size, lambda i, j: names[min(i, j), max(i, j)])
    equations = list(matrix * found * matrix.T + drive * drive.T - found)
    solved = sp.solve(equations, list(names.values()), dict=True)
    if len(solved) != 1 or len(solved[0]) != len(names):
        raise ValueError("there is no single stationary covariance: is an eigenvalue 1 or -1?")
    return found.subs(solved[0]).applyfunc(sp.factor)


def optimum(rule):
    """The best hyperparameters on curvatures from mu to L -> (dict of them, rate).

    The error of the two extreme curvatures shrinks equally fast: for gradient descent by opposite
    signs, for momentum by double eigenvalues of opposite signs (Polyak 1964).
    """
    rule = by_name(rule)
    a, b, s = sp.symbols("a b s", positive=True)  # mu = a^2, L = b^2, beta = s^2
    mu, top = symbol("mu"), symbol("L")
    lr = symbol("lr")
    back = {a: sp.sqrt(mu), b: sp.sqrt(top)}
    if set(rule.hyper) == {"lr"}:
        low, high = (iteration_matrix(rule, c)[0] for c in (mu, top))
        best = sp.solve(low + high, lr)[0]
        return {"lr": best}, sp.factor(low.subs(lr, best))
    if set(rule.hyper) == {"lr", "beta"}:
        z = sp.Symbol("z")
        low, high = (
            iteration_matrix(rule, c, beta=s**2).charpoly(z).as_expr() for c in (a**2, b**2)
        )
        # charpoly(s) = 0 and charpoly(-s) = 0: where det = s^2 the roots are then double.
        double = all(sp.expand(p.subs(z, 0) - s**2) == 0 for p in (low, high))
        ends = [low.subs(z, s), high.subs(z, -s)]
        found = sp.solve(ends, [lr, s], dict=True) if double else []
        best = [f for f in found if s in f and f[s].subs({a: 1, b: 2}) < 1]
        if len(best) == 1:
            rate, eta = best[0][s], best[0][lr]
            values = {"lr": eta, "beta": rate**2}
            return {k: sp.simplify(v.subs(back)) for k, v in values.items()}, rate.subs(back)
    raise ValueError(f"no closed optimum is known here for {rule.name}")


def first_step(rule, **given):
    """theta_1 - theta_0 as an expression in g_1; pass eps=0 for the scale-free rules."""
    start = sp.Symbol(r"\theta_0", real=True)
    theta, _ = unroll(rule, 1, theta=start, **given)
    return sp.simplify(theta - start)


def difference(first, second, steps=1, g=None, **given):
    """theta after ``steps`` of one rule minus theta after ``steps`` of another, simplified.

    first, second : a rule, or (rule, {hyperparameter: value, l2: value}). Zero means that the two
    are the same method: the identities of the book, such as L2 against decoupled decay.
    """
    ends = []
    for entry in (first, second):
        rule, own = entry if isinstance(entry, tuple) else (entry, {})
        rule = by_name(rule)
        shared = {k: v for k, v in given.items() if k in rule.hyper}
        ends.append(unroll(rule, steps, g=g, **{**shared, **own})[0])
    return sp.simplify(sp.expand(ends[0] - ends[1]))
