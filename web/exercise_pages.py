"""Sphinx extension: in the book, an exercise shows its stub, and its solution only when asked for.

The source notebooks hold the solutions, in nbgrader's marks, so that one file is the only home of
an exercise. A page shows what a student gets, with the solution folded away below it.
"""

from docutils import nodes
from optlib_checks.regions import has_solution, solved_version, student_version


def fold_solutions(app, doctree):
    """Rewrite the code cells of exercise pages: stub, folded solution, no hidden tests."""
    if not app.env.docname.startswith("exercises/"):
        return
    for cell in list(doctree.findall(_is_cell)):
        for block in list(cell.findall(nodes.literal_block)):
            text = block.astext()
            if has_solution(text):
                _replace(block, student_version(text), solved_version(text))
                _drop_output(cell)
            elif "### BEGIN HIDDEN TESTS" in text:
                _replace(block, student_version(text))
                _drop_output(cell)


def _is_cell(node):
    return isinstance(node, nodes.container) and "cell" in node.get("classes", [])


def _replace(block, shown, folded=None):
    new = [_literal(block, shown)]
    if folded:
        new += [
            nodes.raw("", "<details class='solution'><summary>Solution</summary>", format="html"),
            _literal(block, folded),
            nodes.raw("", "</details>", format="html"),
        ]
    block.parent.replace(block, new)


def _literal(block, text):
    copy = nodes.literal_block(text, text, **block.attributes)
    copy["language"] = block.get("language", "ipython3")
    return copy


def _drop_output(cell):
    # It is the solution's output; the student's own comes when the cell is run.
    for part in list(cell.findall(nodes.container)):
        if "cell_output" in part.get("classes", []):
            part.parent.remove(part)


def launch_practice(app, pagename, templatename, context, doctree):
    """On exercise pages the launch button opens the copy without solutions (tools/practice.py)."""
    if not pagename.startswith("exercises/"):
        return
    source, practice = f"{pagename}.ipynb", f"practice/{pagename.rsplit('/', 1)[1]}.ipynb"
    for button in context.get("header_buttons", []):
        links = button.get("buttons", [])
        # Colab opens files of the repository, and the practice copies are not in it.
        links[:] = [link for link in links if "colab." not in link.get("url", "")]
        for link in links:
            if "urlpath=" in link.get("url", ""):
                link["url"] = link["url"].replace(source, practice)


def setup(app):
    # After the notebook's outputs are in the tree, before it is stored.
    app.connect("doctree-read", fold_solutions, priority=100)
    # After the theme has made its buttons.
    app.connect("html-page-context", launch_practice, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "version": "1"}
