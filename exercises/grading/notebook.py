"""From the bytes of a submitted notebook to its code cells. Nothing in it is trusted."""

import json
from dataclasses import dataclass

MOST_BYTES = 20 << 20
MOST_CODE = 1 << 20


class Unreadable(ValueError):
    """A file that is not a notebook one can grade. The text is a sentence for the student."""


@dataclass(frozen=True)
class Cell:
    """A code cell: its place among all cells from 1, its text, its nbgrader id and its role."""

    number: int
    source: str
    grade_id: str | None = None
    is_check: bool = False


def read(data):
    """The code cells of a notebook given as bytes. Raises `Unreadable` with the reason."""
    if len(data) > MOST_BYTES:
        raise Unreadable(
            f"the file has {len(data) / 2**20:.0f} MB; at most {MOST_BYTES >> 20} are read. "
            "Clear all outputs, save and hand in again."
        )
    if not data.strip():
        raise Unreadable("the file is empty.")
    cells = _cells(_parse(data))
    if not cells:
        raise Unreadable("the notebook has no code cells.")
    if sum(len(cell.source) for cell in cells) > MOST_CODE:
        raise Unreadable("the notebook holds more than 1 MB of code.")
    return cells


def _parse(data):
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("the file is not UTF-8 text, as notebooks are.") from None
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        raise Unreadable("the file is not a notebook: its JSON is cut off or broken.") from None
    if not isinstance(notebook, dict):
        raise Unreadable("the file is JSON, but not a notebook.")
    if "worksheets" in notebook:
        raise Unreadable("the notebook has an old format; open and save it in JupyterLab.")
    if not isinstance(notebook.get("cells"), list):
        raise Unreadable("the notebook has no cells.")
    return notebook


def _cells(notebook):
    cells = []
    for number, cell in enumerate(notebook["cells"], start=1):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            about = _nbgrader(cell)
            grade_id = about.get("grade_id")
            cells.append(
                Cell(
                    number=number,
                    source=without_magics(_text(cell.get("source"))),
                    grade_id=grade_id if isinstance(grade_id, str) else None,
                    is_check=about.get("grade") is True and about.get("solution") is not True,
                )
            )
    return cells


def _nbgrader(cell):
    metadata = cell.get("metadata")
    about = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return about if isinstance(about, dict) else {}


def _text(source):
    if isinstance(source, str):
        return source
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return ""


def without_magics(source):
    """A cell's Python alone: no %magic, no !command, nothing of a cell in another language."""
    lines = source.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and not first.startswith(("%%time", "%%capture", "%%prun")):
        return ""
    kept = ("" if line.lstrip().startswith(("%", "!")) else line for line in lines)
    return "\n".join(kept)
