"""Compiles the Python files of an image beforehand, by the interpreter of the image itself.

A container with a read-only root file system could not keep the bytecode, and would compile everything at each start.
The bytecode is taken without a look at its source (PEP 552, `unchecked-hash`), so no time is written into it.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from .debian import run
from .errors import ImageError
from .tree import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

LOADER = "usr/lib/*/ld-linux-*.so.*"
COMPILE = """
import compileall, py_compile, sys
root, folders = sys.argv[1], sys.argv[2:]
mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
done = [compileall.compile_dir(f"{root}/{folder}", maxlevels=99, quiet=1, stripdir=root, prependdir="/",
                               invalidation_mode=mode) for folder in folders]
sys.exit(not all(done))
"""


def compile_layers(layers: Sequence[Tree], interpreter: str, folders: Sequence[str]) -> None:
    """Compile all modules below `folders`; the bytecode of each file gets into the layer of the file."""
    whole = Tree()
    for layer in layers:
        whole.add_tree(layer)
    loaders = whole.find(LOADER)
    if not loaders:
        raise ImageError("the image has no loader for its interpreter")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch, "root")
        root.mkdir()
        whole.write_folder(root)
        libraries = str((root / loaders[0]).parent)
        command = (str(root / loaders[0]), "--library-path", libraries, str(root / interpreter))
        # Sets are written in the order of their hashes, so these must not be random.
        settings = {"PYTHONHOME": str(root / "usr"), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        run(*command, "-s", "-S", "-c", COMPILE, str(root), *folders, label="the bytecode", settings=settings)
        for layer in layers:
            add_bytecode(layer, root)


def add_bytecode(layer: Tree, root: Path) -> None:
    """Add what was compiled below `root` from the files of a layer."""
    for source in layer.find("*.py"):
        folder, _, name = source.rpartition("/")
        for compiled in sorted((root / folder / "__pycache__").glob(f"{name.removesuffix('.py')}.*.pyc")):
            layer.add_file(f"{folder}/__pycache__/{compiled.name}", compiled.read_bytes())
