"""Kernels that talk through socket files: a plugin for pytest, and for the build.

Over TCP, jupyter_client looks for free ports and lets go of them before the kernel takes them. Of
many kernels that start side by side one may find its port taken; it then never answers.
"""

import functools
import sys
import tempfile
import uuid

from jupyter_client import KernelManager


def use_socket_files():
    """From now on, every kernel of this process gets socket files, where the system has them."""
    if sys.platform == "linux" and not hasattr(KernelManager.__init__, "__wrapped__"):
        KernelManager.__init__ = _with_socket_files(KernelManager.__init__)


def _with_socket_files(init):
    @functools.wraps(init)
    def __init__(self, *arguments, **options):
        # without a place of its own each kernel of a folder would take the same files
        place = f"{tempfile.gettempdir()}/kernel-{uuid.uuid4().hex[:12]}"
        init(self, *arguments, **{"transport": "ipc", "ip": place, **options})

    return __init__


def pytest_configure(config):
    use_socket_files()
