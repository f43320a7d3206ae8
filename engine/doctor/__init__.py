"""The doctor: says what a live run needs, what of it is there, and what brings the rest.

On the command line: `python -m engine.doctor --help`. Every check is a function of what was
found (a text, a number, a folder) and returns one `Check`; a check that fails itself is one that
says so.
"""
