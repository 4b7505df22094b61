"""The notebooks of the book: which there are, and their execution on all cores into the cache."""

import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

import kernels
import nbformat
import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError
from steps import ROOT, Failure, quiet_environment

CELL_SECONDS = 60  # _config.yml says the same to Jupyter Book


def toc_files():
    """Paths of the files that _toc.yml names, root first."""

    def walk(part):
        for key in ("root", "file"):
            if key in part:
                yield part[key]
        for key in ("parts", "chapters", "sections"):
            for child in part.get(key) or []:
                yield from walk(child)

    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    for name in walk(toc):
        for suffix in ("", ".ipynb", ".md"):
            if (path := ROOT / f"{name}{suffix}").is_file():
                yield path
                break
        else:
            raise Failure(f"_toc.yml names {name}, and there is no such file.")


def book_notebooks():
    """The notebooks among them."""
    return [path for path in toc_files() if path.suffix == ".ipynb"]


def all_notebooks():
    """Every notebook of the repository that is ours: chapters and exercises."""
    found = [*(ROOT / "chapters").glob("*.ipynb"), *(ROOT / "exercises").glob("*/*.ipynb")]
    if (ROOT / "index.ipynb").exists():
        found.append(ROOT / "index.ipynb")
    return sorted(path for path in found if ".ipynb_checkpoints" not in path.parts)


def outdated(cache_folder):
    """Notebooks of the book whose present text has no outputs in the cache."""
    cache = get_cache(str(cache_folder))

    def known(path):
        try:
            cache.match_cache_notebook(nbformat.read(path, 4))
        except KeyError:
            return False
        return True

    return [path for path in book_notebooks() if not known(path)]


def run_notebook(path):
    """Execute one notebook in its own folder. Returns (notebook, seconds, None or what failed)."""
    os.environ.update(quiet_environment())
    kernels.use_socket_files()
    notebook = nbformat.read(path, 4)
    kernelspec = notebook.metadata.get("kernelspec")
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,  # cell metadata is part of the cache's key
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    start = time.monotonic()
    try:
        client.execute()
    except Exception as error:  # whatever it is, it belongs to this notebook
        return notebook, time.monotonic() - start, complaint(path, notebook, error)
    if kernelspec:
        notebook.metadata["kernelspec"] = kernelspec  # part of the cache's key
    return notebook, time.monotonic() - start, None


def complaint(path, notebook, error):
    """One line: which notebook, which cell, what it raised."""
    name = path.relative_to(ROOT)
    last = 0
    for number, cell in enumerate(notebook.cells, 1):
        outputs = cell.get("outputs", [])
        raised = [out for out in outputs if out.output_type == "error"]
        if raised and "raises-exception" not in cell.metadata.get("tags", []):
            return f"{name}, cell {number}: {raised[0].ename}: {raised[0].evalue}"
        if cell.cell_type == "code" and cell.get("execution_count"):
            last = number
    if isinstance(error, CellTimeoutError):
        return f"{name}, a cell after cell {last}: ran longer than {CELL_SECONDS} s"
    return f"{name}, after cell {last}: {type(error).__name__}: {error}"


def execute(paths, cache_folder):
    """Execute notebooks on all cores and keep their outputs. Returns notes; raises Failure."""
    if not paths:
        return ["all in the cache"]
    warm_fonts()
    cache = get_cache(str(cache_folder))
    failed, slowest = [], (0.0, "")
    with ProcessPoolExecutor(max_workers=min(len(paths), os.cpu_count() or 1)) as pool:
        jobs = {pool.submit(run_notebook, path): path for path in paths}
        for job in as_completed(jobs):
            path = jobs[job]
            notebook, seconds, wrong = job.result()
            slowest = max(slowest, (seconds, path.stem))
            if wrong:
                failed.append(wrong)
                continue
            bundle = CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds})
            cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    if failed:
        raise Failure("\n".join([*sorted(failed), "A notebook raised: the book was not built."]))
    return [f"longest {slowest[1]} {slowest[0]:.0f} s"]


def warm_fonts():
    """matplotlib says on stderr that it builds its font list: not into a chapter's output."""
    import matplotlib.font_manager  # noqa: F401
