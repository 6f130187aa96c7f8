"""What the modules of lists, dicts, numbers, JSON and versions import: nothing that costs a pod time at its start."""

from __future__ import annotations

import subprocess
import sys

MODULES = "conversion dicts json lists math reflection versions"
HEAVY = "base64 collections dataclasses datetime decimal enum functools json re string typing"


def test_imports_are_cheap() -> None:
    """The whole of each module is used, late imports too."""
    program = (
        "import sys\n"
        "from vault_secrets_webhook.gotemplate import render\n"
        'text = \'{{semverCompare ">=1.2" (semver "1.3" | toString)}} {{dict "a" (list 1.5 1e30) | toPrettyJson}}\'\n'
        'text += \'{{mustFromJson "[1e5,null]" | uniq}} {{typeOf (addf 1 2 | int)}} {{fromJson "1e999"}}{{toDecimal 7}}\'\n'
        "text += '{{merge (dict 1 2) (dict) | deepCopy}}'\n"
        "render(text, None)\n"
        f"assert all(f'vault_secrets_webhook.gotemplate.sprig.{{name}}' in sys.modules for name in {MODULES.split()!r})\n"
        f"print(*(name for name in {HEAVY.split()!r} if name in sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, text=True)
    assert (run.stdout, run.stderr) == ("\n", "")
