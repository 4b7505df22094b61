"""Sphinx extension: questions answered in the page itself.

A question is Markdown that can be read as it stands, in JupyterLab as well. Options are a task
list, the right ones are ticked, and each has its reason below it as a quotation::

    :::{question} the bounce
    :name: q-bounce

    A direction has curvature 4, and $\\eta = 0.45$. What does $\\theta$ do?

    - [x] It jumps across the minimum at every step, and converges.
      > The factor is $1 - 0.45 \\cdot 4 = -0.8$.
    - [ ] It diverges.
      > That begins at $2/\\lambda = 0.5$.
    :::

`:kind: several` allows more than one right option. With `:kind: number` the reader types: an
option is then a number with the distance that still counts, `- [x] 346 ± 1`, and the last one,
`- [ ] otherwise`, answers every other number; `:unit: steps` stands beside the field.

A prediction is not judged. Guesses to choose from are a plain list; without one the reader types.
What follows the line `---` is shown once a guess has been made::

    :::{predict} nearer the floor
    With $\\eta = 0.0205$ the run from $(1, 1)$ flies out. From $(1, 0.001)$, what happens?

    - It converges.
    - It flies out all the same.

    ---

    It flies out, 142 steps later.
    :::

Without JavaScript a page shows options and, folded, the answer; questions.js makes a form of it.
Whatever is missing in the source is a Sphinx warning with its line, so that the build fails.
"""

import json
import re
from dataclasses import dataclass, field

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

KINDS = ("one", "several", "number")
LOG = logging.getLogger(__name__)


class Mistake(ValueError):
    """Something wrong in a question's source; `line` counts from 0 at the first line inside it."""

    def __init__(self, line, text):
        super().__init__(text)
        self.line = line


@dataclass
class Option:
    label: str
    line: int
    right: bool = False
    feedback: list = field(default_factory=list)  # lines of Markdown
    feedback_line: int = 0
    value: float | None = None  # of a number; None for "otherwise"
    tolerance: float | None = None


@dataclass
class Question:
    text: list
    options: list
    answer: list = field(default_factory=list)  # of a prediction
    answer_line: int = 0


# ── reading the source ───────────────────────────────────────────────────────────────────────


def parse_question(lines, kind="one"):
    """The question in these lines of Markdown. Raises Mistake where something is missing."""
    first = next((i for i, line in enumerate(lines) if line.startswith("- ")), len(lines))
    question = Question(list(lines[:first]), [])
    if not "".join(question.text).strip():
        raise Mistake(0, "a question needs a text before its options")
    for i in range(first, len(lines)):
        _read_line(question, lines[i], i)
    _check_options(question, kind)
    return question


def _read_line(question, line, i):
    """One line of the list of options."""
    if line.startswith("- "):
        found = re.fullmatch(r"- \[([ xX])\] +(\S.*)", line)
        if not found:
            raise Mistake(i, "an option begins with '- [ ] ' or, if it is right, '- [x] '")
        question.options.append(Option(found[2].strip(), i, right=found[1] != " "))
    elif line.strip():
        if not line.startswith(" "):
            raise Mistake(i, "text after the options; what belongs to one is indented")
        option, text = question.options[-1], line.strip()
        if text.startswith(">") and not option.feedback:
            option.feedback_line = i
        if text.startswith(">") or option.feedback:
            option.feedback.append(re.sub(r"^> ?", "", text))
        else:
            option.label += " " + text


def _check_options(question, kind):
    options = question.options
    if not options:
        raise Mistake(0, "a question needs options: '- [x] right' and '- [ ] wrong'")
    for option in options:
        if not "".join(option.feedback).strip():
            raise Mistake(option.line, f"option '{option.label}' has no feedback ('  > why')")
    right = [option for option in options if option.right]
    if not right:
        raise Mistake(options[0].line, "no option is right: mark one '- [x]'")
    if kind == "one" and len(right) > 1:
        raise Mistake(right[1].line, "two options are right: say ':kind: several'")
    if kind == "number":
        _read_numbers(options)
    elif len(options) < 2:
        raise Mistake(options[0].line, "a choice needs two options or more")


def _read_numbers(options):
    """Values and tolerances; what names none is as wide as the right one."""
    for option in options:
        if option.label == "otherwise":
            if option.right or option is not options[-1]:
                raise Mistake(option.line, "'- [ ] otherwise' is the last option, and not right")
            continue
        number = r"([-+]?[\d.]+(?:e[-+]?\d+)?)"
        found = re.fullmatch(rf"{number}(?: *(?:±|\+-) *{number})?", option.label)
        try:
            option.value = float(found[1])
            option.tolerance = float(found[2]) if found[2] else None
        except (TypeError, ValueError):
            raise Mistake(option.line, f"'{option.label}' is no number like '346 ± 1'") from None
        if option.right and option.tolerance is None:
            raise Mistake(option.line, "the right number needs a tolerance: '346 ± 1'")
    if options[-1].label != "otherwise":
        raise Mistake(options[-1].line, "add '- [ ] otherwise', for every other number")
    numbers = options[:-1]
    width = next(option.tolerance for option in numbers if option.right)
    for option in numbers:
        option.tolerance = width if option.tolerance is None else option.tolerance
    for i, one in enumerate(numbers):
        for other in numbers[:i]:
            if abs(one.value - other.value) <= one.tolerance + other.tolerance:
                raise Mistake(one.line, f"'{one.label}' overlaps '{other.label}'")


def parse_prediction(lines):
    """The prediction in these lines of Markdown. Raises Mistake where something is missing."""
    cut = next((i for i, line in enumerate(lines) if line.strip() == "---"), None)
    if cut is None or not "".join(lines[cut + 1 :]).strip():
        raise Mistake(0, "a prediction needs its answer below a line '---'")
    first = next((i for i, line in enumerate(lines[:cut]) if line.startswith("- ")), cut)
    question = Question(list(lines[:first]), [], list(lines[cut + 1 :]), cut + 1)
    if not "".join(question.text).strip():
        raise Mistake(0, "a prediction needs a text")
    for i in range(first, cut):
        line = lines[i]
        if re.match(r"- \[[ xX]\]", line):
            raise Mistake(i, "guesses are not marked as right or wrong: '- a guess'")
        if line.startswith("- "):
            question.options.append(Option(line[2:].strip(), i))
        elif line.strip():
            if not line.startswith(" "):
                raise Mistake(i, "text after the guesses; what belongs to one is indented")
            question.options[-1].label += " " + line.strip()
    if len(question.options) == 1:
        raise Mistake(question.options[0].line, "one guess is no choice: add others, or none")
    return question


# ── the page ─────────────────────────────────────────────────────────────────────────────────


class question_form(nodes.General, nodes.Element):
    """The whole; its attributes tell questions.js what to make of it."""


class question_body(nodes.General, nodes.Element):
    """Title, text and options."""


class question_title(nodes.TextElement):
    pass


class question_answer(nodes.General, nodes.Element):
    """What is folded away until it is asked for."""


class QuestionDirective(SphinxDirective):
    """`{question}`: options or a number, each answer with its reason."""

    optional_arguments = 1
    final_argument_whitespace = True
    has_content = True
    word = "Question"
    option_spec = {
        "name": directives.unchanged,
        "kind": lambda text: directives.choice(text, KINDS),
        "unit": directives.unchanged,
    }

    def run(self):
        try:
            return [self.build()]
        except Mistake as mistake:
            where = (self.env.docname, self.line_of(mistake.line))
            LOG.warning("%s: %s", self.name, mistake, location=where)
            return []

    def line_of(self, i):
        return self.lineno + self.content_offset + i + 1

    def build(self):
        kind = self.options.get("kind", "one")
        question = parse_question(list(self.content), kind)
        options, answer = question.options, question_answer()
        form = self.form(kind, question, show_options=kind != "number")
        if kind == "number":
            numbers = [(o.value, o.tolerance) if o.value is not None else None for o in options]
            form["numbers"], form["unit"] = numbers, self.options.get("unit", "")
        answer += (reasons := self.list_of(options, kind))
        for option in options:
            reasons += self.reason(option, kind)
        form += answer
        return form

    def form(self, kind, question, show_options):
        """The form with its title, text and options."""
        form = question_form(kind=kind, classes=["question"])
        self.set_source_info(form)
        self.add_name(form)
        if not form["ids"]:
            form["ids"].append(f"question-{self.env.new_serialno('question') + 1}")
        title = question_title("", self.word)
        if self.arguments:
            inline, messages = self.state.inline_text(self.arguments[0], self.lineno)
            title += [nodes.Text(": "), *inline, *messages]
        text = nodes.container(classes=["question-text"], ids=[form["ids"][0] + "-text"])
        self.read(question.text, 0, text)
        form += question_body("", title, text)
        if show_options and question.options:
            form[0] += (shown := self.list_of(question.options, kind))
            shown["classes"].append("question-options")
            for option in question.options:
                inline, messages = self.state.inline_text(option.label, self.line_of(option.line))
                shown += nodes.list_item("", nodes.paragraph("", "", *inline, *messages))
        return form

    @staticmethod
    def list_of(options, kind):
        """Choices have letters, so that the answer on paper can name them."""
        if kind == "number":
            return nodes.bullet_list(classes=["question-reasons"])
        return nodes.enumerated_list(enumtype="loweralpha", prefix="", suffix=".")

    def reason(self, option, kind):
        """The list item that says whether an option is right, and why."""
        item = nodes.list_item(classes=["question-right" if option.right else "question-wrong"])
        self.read(option.feedback, option.feedback_line, item)
        lead = [nodes.strong("", "Right." if option.right else "Not right."), nodes.Text(" ")]
        if kind == "number":
            label = "any other number" if option.value is None else option.label
            lead.insert(0, nodes.inline("", f"{label}: ", classes=["question-label"]))
        if not (len(item) and isinstance(item[0], nodes.paragraph)):
            item.insert(0, nodes.paragraph())
        item[0][:0] = lead
        return item

    def read(self, lines, first, parent):
        """Parse Markdown lines, the first of which is line `first` inside the directive."""
        # docutils wants the source of each line; the blank last line ends an open block
        text = StringList([*lines, ""], source=self.get_source_info()[0])
        self.state.nested_parse(text, self.content_offset + first, parent)


class PredictDirective(QuestionDirective):
    """`{predict}`: a guess, then the answer."""

    word = "Predict"
    option_spec = {"name": directives.unchanged, "unit": directives.unchanged}

    def build(self):
        question = parse_prediction(list(self.content))
        form = self.form("guess", question, show_options=True)
        form["unit"] = self.options.get("unit", "")
        form += (answer := question_answer())
        self.read(question.answer, question.answer_line, answer)
        return form


def visit_form(self, node):
    data = {"data-kind": node["kind"], "data-unit": node.get("unit", "")}
    if "numbers" in node:
        data["data-numbers"] = json.dumps(node["numbers"])
    self.body.append(
        self.starttag(node, "form", novalidate="novalidate", autocomplete="off", **data)
    )


def visit_body(self, node):
    self.body.append(f'<fieldset aria-describedby="{node.parent["ids"][0]}-text">\n')


def html(start, end):
    """A pair of visitors that write these tags."""
    return (
        start if callable(start) else lambda self, node: self.body.append(start),
        lambda self, node: self.body.append(end),
    )


def add_files(app, pagename, templatename, context, doctree):
    """Script and style for the pages that hold a question."""
    if doctree is not None and next(doctree.findall(question_form), None) is not None:
        app.add_js_file("book/questions.js", loading_method="defer")
        app.add_css_file("book/questions.css", priority=910)


def setup(app):
    app.add_directive("question", QuestionDirective)
    app.add_directive("predict", PredictDirective)
    nothing = html("", "")
    app.add_node(question_form, html=html(visit_form, "</form>\n"), latex=nothing)
    app.add_node(question_body, html=html(visit_body, "</fieldset>\n"), latex=nothing)
    app.add_node(
        question_title,
        html=html("<legend>", "</legend>\n"),
        latex=html("\n\n\\textbf{", "}\n\n"),
    )
    app.add_node(
        question_answer,
        html=html("<details><summary>Answer</summary>\n", "</details>\n"),
        latex=nothing,
    )
    app.connect("html-page-context", add_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
