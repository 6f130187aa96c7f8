"""What the interpreter has instead of its importers of files: none.

`importlib._bootstrap` installs what is here at the start. With nothing installed, the importers of built-in and of frozen
modules are the only ones, and the executable has no code that could load a module from a file system.
"""


def _install(bootstrap):
    """Called once, with `importlib._bootstrap`, which has installed its own two importers already."""
