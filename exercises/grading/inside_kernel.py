"""Runs a whole notebook inside the sandbox: a kernel, and the client that feeds it."""

import os
import sys

from limits import give_up_privileges

RESULT = os.dup(1)  # not handed on to the kernel
os.dup2(2, 1)
give_up_privileges(*(int(argument) for argument in sys.argv[1:]))

import nbformat  # noqa: E402  (with the limits in force)
from jupyter_client.manager import AsyncKernelManager  # noqa: E402
from nbclient import NotebookClient  # noqa: E402


def command():
    book = nbformat.read("/input.ipynb", 4)
    kernel = AsyncKernelManager(kernel_name="python3", transport="ipc", ip="/box/kernel")
    NotebookClient(book, km=kernel, timeout=30, allow_errors=True).execute()
    with os.fdopen(RESULT, "w") as result:
        nbformat.write(book, result)


if __name__ == "__main__":
    command()
