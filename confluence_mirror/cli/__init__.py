"""The command line: arguments, signals, progress, and everything that is printed.

Imports nothing, so that ``cli.signals`` hears a signal while the rest is still being imported.
"""
