# The work is done by tools/*.py; these are their names.
PYTHON ?= python3
SERVE ?= 1
PORT ?= 0

VENV := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help book test lab bench clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

book:  ## build the book and serve it (SERVE=0: only build; PORT=8000: serve there)
	@$(PYTHON) tools/environment.py --steps 6 requirements.txt
	@$(VENV) tools/book.py --serve=$(SERVE) --port=$(PORT)

test:  ## everything: style, unit tests, notebooks, the built book in a browser
	@$(PYTHON) tools/environment.py requirements.txt requirements-dev.txt
	@$(VENV) tools/check.py

lab:  ## JupyterLab on the chapters
	@$(PYTHON) tools/environment.py requirements.txt
	@$(VENV) tools/lab.py --port=$(PORT)

bench:  ## measure the budgets
	@$(PYTHON) tools/environment.py requirements.txt requirements-dev.txt
	@$(VENV) tools/bench.py

clean:  ## remove everything that was built, .venv included
	rm -rf _build .venv web/node_modules *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
