"""Grading that a student's code cannot fool: the instructor's side of the exercises.

A student's cells run in a bubblewrap sandbox (`sandbox`, `worker`) that holds NumPy and nothing
else. Cases go in and float64 arrays come out (`wire`); references, seeds, comparison and marks
stay outside, with the judge of `optlib_checks` (`marking`). nbgrader makes the student version
(`course`) and keeps the gradebook (`gradebook`); `batch` grades a class. ``python -m
optlib_grading --help`` lists the commands.
"""
