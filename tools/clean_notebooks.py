"""Keep notebooks clean: `clean_notebooks.py [--check | --execute] [FILE …]`

A clean notebook has no outputs and no execution counts, but in cells tagged `nbval-check-output`,
which keep both: nbval compares them. All metadata but the editor's own is kept.

  --check    change nothing; name the files that are not clean and exit 1
  --execute  run the notebooks first, so that the tagged cells hold fresh outputs
"""

import argparse
import sys
from pathlib import Path

import nbformat
import notebooks
from steps import ROOT, Failure, main

KEPT_TAG = "nbval-check-output"
NOTEBOOK_METADATA = {"kernelspec", "mystnb", "nbgrader", "language_info"}
CELL_METADATA = {"tags", "mystnb", "nbgrader", "slideshow", "editable", "deletable"}
KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}


def keeps_output(cell):
    return KEPT_TAG in cell.metadata.get("tags", [])


def clean(notebook):
    """Clean a notebook in place."""
    for name in set(notebook.metadata) - NOTEBOOK_METADATA:
        del notebook.metadata[name]
    notebook.metadata["kernelspec"] = dict(KERNELSPEC)
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        for name in set(cell.metadata) - CELL_METADATA:
            del cell.metadata[name]
        if cell.cell_type != "code":
            continue
        if keeps_output(cell):
            for output in cell.outputs:
                output.pop("metadata", None) if output.output_type == "stream" else None
                if output.output_type == "execute_result":
                    output.execution_count = cell.execution_count
        else:
            cell.outputs = []
            cell.execution_count = None
    return notebook


def text_of(notebook):
    """The one form in which a notebook is stored."""
    return nbformat.writes(notebook, version=4).rstrip("\n") + "\n"


def unrun(notebook):
    """Numbers of tagged cells that hold no output to compare."""
    return [
        number
        for number, cell in enumerate(notebook.cells, 1)
        if cell.cell_type == "code"
        and keeps_output(cell)
        and (not cell.outputs or cell.execution_count is None)
    ]


def command():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--execute", action="store_true")
    parser.add_argument("files", nargs="*", type=Path)
    arguments = parser.parse_args()
    files = [path.resolve() for path in arguments.files] or notebooks.all_notebooks()
    wrong = []
    for path in files:
        name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
        before = path.read_text()
        notebook = nbformat.reads(before, as_version=4)
        if arguments.execute:
            notebook, seconds, failed = notebooks.run_notebook(path)
            if failed:
                raise Failure(failed)
            print(f"{name}: {seconds:.1f} s")
        after = text_of(clean(notebook))
        if after != before and not arguments.check:
            path.write_text(after)
        elif after != before:
            wrong.append(f"{name}: not clean (tools/clean_notebooks.py {name})")
        for number in unrun(notebook):
            how = f"tools/clean_notebooks.py --execute {name}"
            wrong.append(f"{name}, cell {number}: tagged {KEPT_TAG}, and has no output ({how})")
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    main(command)
