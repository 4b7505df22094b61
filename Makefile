# The work is done by tools/*.py; these are their names.
PYTHON ?= python3
SERVE ?= 1
PORT ?= 0

VENV := .venv/bin/python
.DEFAULT_GOAL := help
.PHONY: help book test lab bench assignment samples grade gradescope clean

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

GRADING := $(VENV) -m optlib_grading

assignment:  ## a student version: CHAPTER=07 OUT=handout
	@$(PYTHON) tools/environment.py requirements.txt requirements-grading.txt
	@$(GRADING) assignment --chapter="$(CHAPTER)" --out="$(OUT)"

samples:  ## ten made-up submissions: CHAPTER=07 OUT=submissions
	@$(PYTHON) tools/environment.py requirements.txt requirements-grading.txt
	@$(GRADING) samples --chapter="$(CHAPTER)" --out="$(OUT)"

grade:  ## grade a folder: SUBMISSIONS=submissions OUT=graded (chapters/z_for_instructors.md)
	@$(PYTHON) tools/environment.py requirements.txt requirements-grading.txt
	@$(GRADING) grade --submissions="$(SUBMISSIONS)" --out="$(OUT)" --chapter="$(CHAPTER)" \
	  --due="$(DUE)" --late="$(LATE)" --student="$(STUDENT)" --exercise="$(EXERCISE)" \
	  --db="$(DB)" --jobs="$(JOBS)" --dask="$(DASK)"

gradescope:  ## the autograder archive for Gradescope: CHAPTER=07 OUT=handout
	@$(PYTHON) tools/environment.py requirements.txt requirements-grading.txt
	@$(GRADING) gradescope --chapter="$(CHAPTER)" --out="$(OUT)"

clean:  ## remove everything that was built, .venv included
	rm -rf _build .venv web/node_modules *.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
