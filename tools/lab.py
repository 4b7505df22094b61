"""JupyterLab on the chapters: `.venv/bin/python tools/lab.py [--port N] [--root FOLDER]`"""

import argparse
import os
import socket
import sys
from pathlib import Path

import practice
from book import check_port, has_desktop
from steps import ROOT, main, quiet_environment


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--root", type=Path, default=ROOT)
    arguments = parser.parse_args()
    check_port(arguments.port)
    port = arguments.port or free_port()
    chapters = arguments.root / "chapters"
    settings = [
        f"--ServerApp.root_dir={arguments.root}",
        f"--LabApp.default_url=/lab/tree/{'chapters' if chapters.is_dir() else ''}",
        "--ServerApp.ip=127.0.0.1",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.open_browser={has_desktop()}",
        f"--ServerApp.allow_root={getattr(os, 'geteuid', lambda: 1)() == 0}",
        # JupyterLab asks two hosts for news of itself: not from here
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if chapters.is_dir():
        practice.write(arguments.root / "practice")
    print(f"JupyterLab on http://127.0.0.1:{port}/lab (the address with its token follows).")
    os.execve(sys.executable, [sys.executable, "-m", "jupyterlab", *settings], quiet_environment())


if __name__ == "__main__":
    main(command)
