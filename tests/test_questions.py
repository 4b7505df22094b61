"""Questions in the page: how their source is read, and that what they say is what comes out.

Every question of the chapters is recomputed here, its wrong answers as well: each is what a named
mistake gives. A number in a question that no longer follows from the rules fails its test.
"""

import html
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from optlib import rules, run, surfaces, sweep
from optlib.rules import gradient_descent

HERE = Path(__file__).parent
ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "web"))

import questions  # noqa: E402

# ── reading the source ───────────────────────────────────────────────────────────────────────

CHOICE = """\
What is the limit of $\\eta\\lambda$?

- [ ] 1
  > There it lands
  > in one step.
- [x] 2,
  whatever the start
  > The factor is $-1$ there.
  >
  > A second paragraph.
"""
NUMBER = """\
How many?

- [x] 346 ± 1
  > Yes.
- [ ] -2e-3 +- 1e-4
  > One.
- [ ] 688
  > Two.
- [ ] otherwise
  > Think.
"""
GUESS = """\
Guess.

- one
- two,
  or more

---

It is two.
"""


def test_a_choice_is_read():
    question = questions.parse_question(CHOICE.splitlines())
    one, two = question.options
    assert "".join(question.text) == "What is the limit of $\\eta\\lambda$?"
    assert (one.label, one.right, one.feedback) == ("1", False, ["There it lands", "in one step."])
    assert (two.label, two.right) == ("2, whatever the start", True)
    assert two.feedback == ["The factor is $-1$ there.", "", "A second paragraph."]
    assert (one.line, one.feedback_line, two.line, two.feedback_line) == (2, 3, 5, 7)


def test_a_number_is_read():
    question = questions.parse_question(NUMBER.splitlines(), "number")
    read = [(option.value, option.tolerance, option.right) for option in question.options]
    assert read == [(346, 1, True), (-2e-3, 1e-4, False), (688, 1, False), (None, None, False)]


def test_a_prediction_is_read():
    question = questions.parse_prediction(GUESS.splitlines())
    assert [option.label for option in question.options] == ["one", "two, or more"]
    assert "".join(question.answer) == "It is two."


# what is wrong: (kind, source with the fault, line of it, what is said)
FAULTS = {
    "no right option": ("one", CHOICE.replace("[x]", "[ ]"), 2, "no option is right"),
    "two right options": ("one", CHOICE.replace("[ ]", "[x]"), 5, ":kind: several"),
    "no feedback": ("one", CHOICE.replace("> There it lands\n  > in one", "or"), 2, "no feedback"),
    "empty feedback": ("several", "Text\n\n- [x] a\n  >\n- [ ] b\n  > why", 2, "no feedback"),
    "no options": ("one", "Text", 0, "needs options"),
    "no text": ("one", "- [x] a\n  > why\n- [ ] b\n  > why", 0, "needs a text"),
    "one option": ("one", "Text\n\n- [x] a\n  > why", 2, "two options or more"),
    "no mark": ("one", CHOICE.replace("[ ] ", ""), 2, "an option begins with"),
    "odd mark": ("one", CHOICE.replace("[ ]", "[?]"), 2, "an option begins with"),
    "text after": ("one", CHOICE + "\nMore text.", 11, "text after the options"),
    "no number": ("number", NUMBER.replace("688", "many"), 6, "'many' is no number"),
    "no tolerance": ("number", NUMBER.replace("346 ± 1", "346"), 2, "needs a tolerance"),
    "no otherwise": ("number", NUMBER.replace("otherwise", "9"), 8, "'- [ ] otherwise'"),
    "otherwise is right": ("number", NUMBER.replace("[ ] other", "[x] other"), 8, "and not right"),
    "overlap": ("number", NUMBER.replace("688", "347.5"), 6, "'347.5' overlaps '346 ± 1'"),
    "no answer": ("guess", GUESS.replace("It is two.", ""), 0, "below a line '---'"),
    "no cut": ("guess", GUESS.replace("---", ""), 0, "below a line '---'"),
    "marked guess": ("guess", GUESS.replace("- one", "- [x] one"), 2, "are not marked"),
    "one guess": ("guess", GUESS.replace("- one\n", ""), 2, "one guess is no choice"),
    "text after guesses": ("guess", GUESS.replace("\n---", "More.\n\n---"), 5, "text after the"),
    "no text to guess": ("guess", GUESS.replace("Guess.", ""), 0, "needs a text"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_line(fault):
    kind, source, line, said = FAULTS[fault]
    with pytest.raises(questions.Mistake, match=re.escape(said)) as mistake:
        if kind == "guess":
            questions.parse_prediction(source.splitlines())
        else:
            questions.parse_question(source.splitlines(), kind)
    assert mistake.value.line == line


# ── the page ─────────────────────────────────────────────────────────────────────────────────

PAGE = f"""\
# Page

:::{{question}} the $2$ in it
:name: q-limit

{CHOICE}:::

```{{question}}
:kind: number
:unit: steps

{NUMBER}```

:::{{predict}} it
{GUESS}:::
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A small book: a page of questions, one without, one with faults. (folder, warnings)"""
    source = tmp_path_factory.mktemp("questions")
    settings = {
        "extensions": ["myst_parser", "questions"],
        "myst_enable_extensions": ["colon_fence", "dollarmath", "tasklist"],
        "html_theme": "basic",
    }
    lines = [f"import sys; sys.path.insert(0, {str(ROOT / 'web')!r})"]
    lines += [f"{name} = {value!r}" for name, value in settings.items()]
    (source / "conf.py").write_text("\n".join(lines))
    faulty = PAGE.replace("[x]", "[ ]").replace("---", "")
    pages = {"index": PAGE, "plain": "# Plain", "faulty": faulty}
    for name, text in pages.items():
        front = "" if name == "index" else "---\norphan: true\n---\n"
        (source / f"{name}.md").write_text(front + text)
    command = [sys.executable, "-m", "sphinx", "-q", "-b", "html", source, source / "out"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    return source, done.stderr


def page_of(built, name):
    return (built[0] / "out" / f"{name}.html").read_text()


FORM = r'<form[^>]*class="question".*?</form>'


def words(text):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def test_a_page_reads_without_javascript(built):
    first, second, third = re.findall(FORM, page_of(built, "index"), re.DOTALL)
    assert 'id="q-limit"' in first
    assert re.search(r"<legend>Question: the .*2.*</legend>", first)
    assert "<input" not in first + second + third
    shown, folded = first.split("<details>")
    assert "whatever the start" in words(shown)
    assert "There it lands" not in words(shown)
    assert "Not right. There it lands in one step." in words(folded)
    assert "Right. The factor is" in words(folded)
    assert folded.index("question-wrong") < folded.index("question-right")
    assert 'data-unit="steps"' in second
    numbers = re.search(r'data-numbers="([^"]*)"', second)[1]
    assert json.loads(numbers) == [[346, 1], [-2e-3, 1e-4], [688, 1], None]
    assert "any other number: Not right. Think." in words(second)
    assert "It is two." in words(third.split("<details>")[1])
    assert "It is two." not in words(third.split("<details>")[0])


def test_only_pages_with_questions_load_their_script(built):
    assert "book/questions.js" in page_of(built, "index")
    assert "book/questions.css" in page_of(built, "index")
    assert "questions" not in page_of(built, "plain")


def test_a_fault_fails_the_build_with_its_line(built):
    _, said = built
    found = re.findall(r"(\w+)\.md:(\d+): WARNING: (\w+): (.{12})", said)
    source = (built[0] / "faulty.md").read_text().splitlines()
    lines = [source.index(text) + 1 for text in ("- [ ] 1", "- [ ] 346 ± 1")]
    first_of_guess = source.index("Guess.") + 1
    assert found == [
        ("faulty", str(lines[0]), "question", "no option is"),
        ("faulty", str(lines[1]), "question", "no option is"),
        ("faulty", str(first_of_guess), "predict", "a prediction"),
    ], said


# ── the questions of the chapters ────────────────────────────────────────────────────────────


def chapter_questions(pattern="*.ipynb"):
    """Every question in the chapters whose file matches: name -> Question."""
    found = {}
    block = re.compile(r"^(:{3,}|`{3,})\{(question|predict)\}.*?\n(.*?)^\1$", re.DOTALL | re.M)
    for path in sorted((ROOT / "chapters").glob(pattern)):
        for cell in json.loads(path.read_text())["cells"]:
            for _, word, inside in block.findall("".join(cell["source"])):
                lines = inside.splitlines()
                options = {}
                while lines and (option := re.fullmatch(r":(\w+): *(.*)", lines[0])):
                    options[option[1]] = option[2]
                    lines.pop(0)
                name = options.get("name")
                assert name, f"{path.name}: a question without ':name:': {lines[:2]}"
                assert name not in found, f"two questions are named {name}"
                if word == "predict":
                    found[name] = questions.parse_prediction(lines)
                else:
                    found[name] = questions.parse_question(lines, options.get("kind", "one"))
    return found


# Chapters with a file of their own, test_questions_NN.py, are checked there, and so are appendices.
OWN_FILE = [p.stem.removeprefix("test_questions_") for p in HERE.glob("test_questions_*.py")]
PATTERNS = [f"{own}_*.ipynb" if own.isdigit() else f"a_{own}.ipynb" for own in OWN_FILE]
ELSEWHERE = [name for pattern in PATTERNS for name in chapter_questions(pattern)]
CHAPTERS = {name: q for name, q in chapter_questions().items() if name not in ELSEWHERE}
RECOMPUTED = {}


def recomputes(name):
    """The function checks the question of this name."""
    return lambda function: RECOMPUTED.setdefault(name, function)


def says(text, *numbers):
    """All of these, computed, stand in an option's reason or in an answer."""
    text = " ".join(text.feedback) if isinstance(text, questions.Option) else " ".join(text.answer)
    for number in numbers:
        assert str(number) in text, f"{number} is not in: {text}"


def numbers_are(question, right, *wrong):
    """The question's numbers are these, in any order, the right one marked."""
    options = [option for option in question.options if option.value is not None]
    assert len(options) == 1 + len(wrong)
    for value, is_right in [(right, True), *((value, False) for value in wrong)]:
        hits = [o for o in options if abs(o.value - value) <= o.tolerance]
        assert len(hits) == 1, f"{value} is met by {[o.label for o in hits]}"
        assert hits[0].right == is_right, f"{hits[0].label} is marked as right: {hits[0].right}"


def choices_are(question, right, *wrong):
    """The options are these numbers, in any order, the right one marked."""
    found = {float(o.label.split()[0]): o.right for o in question.options}
    wanted = {right: True, **{value: False for value in wrong}}
    assert len(found) == len(wanted)
    for value, is_right in wanted.items():
        near = min(found, key=lambda label: abs(label - value))
        assert near == pytest.approx(value, rel=2e-3) and found[near] == is_right, value


def option(question, words):
    """The one option whose label holds these words."""
    hits = [option for option in question.options if words in option.label]
    assert len(hits) == 1, f"'{words}' is in {[o.label for o in question.options]}"
    return hits[0]


def steps_of(rule, gradients, **hyper):
    feed = iter(gradients)
    path = run(rule, lambda theta: np.asarray(next(feed)), 0.0, len(gradients), lr=1.0, **hyper)
    return -np.diff(path.theta)


@recomputes("predict-gd-near-floor")
def near_floor(question):
    """Only the time of the explosion depends on the start."""
    heights = [
        abs(run(gradient_descent, surfaces.ravine, (1, y), 300, lr=0.0205).theta[:, 1])
        for y in (1, 1e-3, 0)
    ]
    later = [int((height >= 1).argmax()) for height in heights[:2]]
    assert not heights[2].any()
    says(question, f"{later[1] - later[0]} steps later", f"{1 - 100 * 0.0205:.2f}")
    says(question, f"{np.log(1000) / np.log(1.05):.1f}")


@recomputes("q-gd-units")
def units(question):
    """A quadratic in metres, and the same in millimetres."""

    def gradient(scale):  # of 25 (x/scale)²
        return lambda theta: 50 * theta / scale**2

    metres = run(gradient_descent, gradient(1), 1.0, 20, lr=0.02).theta
    right, *wrong = 0.02 * 1000.0**2, 0.02 * 1000, 0.02, 0.02 / 1000**2, 0.02 / 1000
    for lr in (right, *wrong):
        millimetres = run(gradient_descent, gradient(1000), 1000.0, 20, lr=lr).theta
        assert np.allclose(millimetres / 1000, metres) == (lr == right)
    numbers_are(question, right, *wrong)


@recomputes("q-gd-bounce")
def bounce(question):
    curvature, lr = 4, 0.45
    path = run(gradient_descent, lambda theta: curvature * theta, 1.0, 10, lr=lr).theta
    assert (path[1:] * path[:-1] < 0).all()
    assert (abs(path[1:]) < abs(path[:-1])).all()
    right = option(question, "and converges")
    assert "jumps across" in right.label
    assert [o for o in question.options if o.right] == [right]
    says(right, f"{1 - lr * curvature:.1f}", f"{abs(path[-1]):.3f}")
    says(option(question, "creeps"), f"{1 / curvature}", f"{lr * curvature}")
    says(option(question, "for ever"), f"{2 / curvature}", f"{abs(path[1]):.1f} times")
    says(option(question, "diverges"), f"{1 / curvature}", f"{2 / curvature}")


@recomputes("q-gd-steps")
def steps(question):
    kappa, digits = 10, np.log(1e6)
    best = -np.log((kappa - 1) / (kappa + 1))
    ravine = surfaces.quadratic((1, kappa))
    measured = []
    for angle in np.linspace(0, np.pi / 2, 31):
        r = run(gradient_descent, ravine, (np.cos(angle), np.sin(angle)), 99, lr=2 / (1 + kappa))
        measured.append(r.steps_to(1e-6 * r.loss[0]))
    assert set(measured) == {35}
    shy = -np.log(1 - 1 / kappa)
    worse = -np.log(99 / 101)  # kappa = 100
    wrong = digits / (2 * worse), digits / best, 6 / (2 * best), digits / (2 * shy), digits / shy
    numbers_are(question, 35, *wrong)
    says(question.options[0], f"{digits / (2 * best):.1f}")


@recomputes("q-gd-arrives")
def arrives(question):
    def ends(gradient, start, lr):
        return run(gradient_descent, gradient, start, 20_000, lr=lr)

    for start in (0.01, -0.5, 3.0, 100.0):
        assert abs(ends(np.tanh, start, 1.9).theta[-1]) < 1e-9
        assert abs(ends(lambda x: np.clip(10 * x, -1, 1), start, 0.15).theta[-1]) < 1e-9
        root = ends(lambda x: 1.5 * np.sign(x) * np.sqrt(abs(x)), start, 0.1)
        says(option(question, "^{3/2}"), f"{abs(root.theta[-1]):.4f}")
    says(option(question, "rounded off"), "Curvature 10", f"{2 / 10}")
    for start in (-20.0, 3.0, 100.0):
        assert abs(ends(lambda x: 2 * x + 3 * np.sin(2 * x), start, 1 / 8).theta[-1]) < 1e-9
    says(option(question, "\\sin"), f"{2 + 3 * 2}")
    assert ends(lambda x: 4 * x**3, 22.0, 0.001).diverged is None
    assert ends(lambda x: 4 * x**3, 23.0, 0.001).diverged is not None
    says(option(question, "$x^4$"), "22", "23")
    right = {option(question, words).label for words in ("cosh", "rounded off", "\\sin")}
    assert {o.label for o in question.options if o.right} == right


@recomputes("predict-adam-decades")
def decades(question):
    start, rates = (1.0, 0.4), np.logspace(-6, 6, 241)

    def edge(name, inside, outside):
        for _ in range(20):
            middle = (inside * outside) ** 0.5
            found = sweep(name, surfaces.ravine, start, 300, lr=np.array([middle]))
            good = found.finite[0] and found.loss[0] <= f0 / 1000
            inside, outside = (middle, outside) if good else (inside, middle)
        return inside

    f0 = surfaces.ravine(np.array(start))
    ends = {}
    for name in ("gradient_descent", "adam"):
        grid = sweep(name, surfaces.ravine, start, 300, lr=rates)
        good = rates[grid.finite & (grid.loss <= f0 / 1000)]
        low, high = edge(name, good.min(), good.min() / 10), edge(name, good.max(), good.max() * 10)
        ends[name] = low, high, f"{np.log10(high / low):.2f}"
    low, high, width = ends["adam"]
    says(question, f"{width} decades", f"{low:.2g}", f"{float(f'{high:.2g}'):,.0f}")
    text = " ".join(question.text)
    low, high, width = ends["gradient_descent"]
    assert all(part in text for part in (f"{low:.2g}", f"{high:.3g}", f"{width} of a decade"))
    assert f"begins at {ends['adam'][0]:.2g}" in text


@recomputes("q-adam-constant")
def constant(question):
    m = v = 0.0
    lengths, m_hats, v_hats = [], [], []
    for t in range(1, 101):
        before = np.asarray(0.0)
        after, (m, v) = rules.adam.step(
            before, -3.0, (m, v), t, {**rules.adam.hyper, "lr": 1.0, "eps": 0}
        )
        lengths.append(float(after))
        m_hats.append(m / (1 - 0.9**t))
        v_hats.append(v / (1 - 0.999**t))
    tenfold = steps_of("adam", np.full(100, -300.0), eps=0)
    true = {
        "is 9 at": np.allclose(v_hats, 9),
        "goes to 0": v_hats[-1] < 1,
        "grows from": abs(m_hats[-1]) > 1.01 * abs(m_hats[0]),
        "has length": np.allclose(lengths, 1),
        "100 times as long": abs(tenfold[-1]) > 99,
    }
    for label, expected in true.items():
        assert option(question, label).right == expected, label
    assert len(true) == len(question.options)


@recomputes("q-adam-correction")
def correction(question):
    b1, b2 = 0.9, 0.98
    m, v = 1 - b1, 1 - b2  # of the first gradient, 1; both would be 1 when corrected
    right = m / np.sqrt(v)
    numbers_are(question, right, m, 1 / np.sqrt(v), m / v, 1 / right, m / np.sqrt(1 - 0.999))
    border = 1 - (1 - b1) ** 2
    says(question.options[0], f"{border:.2f}")


@recomputes("q-adam-signal")
def signal(question):
    """Weight b, a thousand times over, against weight a."""
    rng = np.random.default_rng(0)
    x, state, travelled = np.zeros(1000), (0.0, 0.0), []
    for t in range(1, 4001):
        g = 0.01 + 0.1 * rng.standard_normal(1000)
        new, state = rules.adam.step(x, g, state, t, {**rules.adam.hyper, "lr": 1.0, "eps": 0})
        travelled.append((x - new).mean())
        x = new
    a = steps_of("adam", np.full(100, 100.0), eps=0)
    b, theory = np.mean(travelled[2000:]), 1 / np.sqrt(1 + 10**2)
    assert np.allclose(a, 1)
    assert b == pytest.approx(theory, rel=0.03)
    right = option(question, "ten times as far")
    assert round(1 / theory) == 10
    assert [o for o in question.options if o.right] == [right]
    says(right, f"{theory:.4f}")
    assert f"{100 / 0.01:,.0f} times" in option(question, "like its gradient").label


@recomputes("q-adam-eps")
def epsilon(question):
    g, eps = 3e-8, 1e-8
    right = steps_of("adam", np.full(50, g), eps=eps)
    assert np.allclose(right, right[0])
    inside = g / np.sqrt(g**2 + eps)
    hat = steps_of("adam_keras", [g], eps=eps)[0]
    numbers_are(question, right[0], 1, inside, hat)
    says(question.options[2], f"{round(right[0] / inside, -1):,.0f} times")
    says(question.options[3], f"{1e7 * eps / np.sqrt(1 - 0.999):.1f}")


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_questions_numbers_are_recomputed(name):
    assert name in RECOMPUTED, f"write a check: @recomputes('{name}')"
    RECOMPUTED[name](CHAPTERS[name])


def test_no_check_is_left_without_its_question():
    assert sorted(set(RECOMPUTED) - set(CHAPTERS)) == []
