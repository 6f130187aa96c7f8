"""The documentation says what the program does, and its links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from tests.docs import generate
from tests.docs.generate import PLACE, TABLES, render
from vault_secrets_webhook.cli import main
from vault_secrets_webhook.inject.reference import Reference, has_reference, parse
from vault_secrets_webhook.inject.template import parse_template
from vault_secrets_webhook.vaultenv.environ import withheld_names
from vault_secrets_webhook.vaultenv.settings import SECRET_INIT, VAULT_ENV

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
VARIABLE = re.compile(r"\b(?:VAULT|KUBERNETES)_[A-Z_]+[A-Z]\b")
# In a source, where VAULT_ or BAO_ comes from elsewhere.
BEHIND_PREFIX = re.compile(r'(?:self\.read\(|[(.] ?prefix \+ |, prefix \+ )"([A-Z_]+)"')


def test_tables_are_up_to_date() -> None:
    texts = [document.read_text() for document in generate.DOCUMENTS]
    assert [found[2] for text in texts for found in PLACE.finditer(text)] == list(TABLES)
    assert texts == [render(text) for text in texts], "run `make docs`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links(document: Path) -> None:
    for target in LINK.findall(document.read_text()):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name) if name else document
        assert path.exists(), target
        if anchor:
            assert anchor in {make_anchor(heading) for heading in HEADING.findall(path.read_text())}, target


def make_anchor(heading: str) -> str:
    """Make the anchor of a heading as GitHub does."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_every_variable_of_vault_env_is_documented() -> None:
    text = (ROOT / "docs" / "reference" / "vault-env.md").read_text()
    names = {name.decode() for name in withheld_names((), VAULT_ENV, ())} | set(SECRET_INIT.steering)
    for source in [*ROOT.glob("src/*/vaultenv/*.py"), *ROOT.glob("src/*/vault/**/*.py")]:
        names.update(VARIABLE.findall(source.read_text()))
        names.update(f"VAULT_{name}" for name in BEHIND_PREFIX.findall(source.read_text()))
    names.remove("VAULT_ENV")  # which is no variable, but what the program is called
    assert "VAULT_DISABLE_REDIRECTS" in names
    assert sorted(name for name in names if f"`{name}`" not in text) == []


def test_examples_of_references_are_references() -> None:
    text = (ROOT / "docs" / "reference" / "references.md").read_text()
    table = text.partition("| value |")[2].partition("\n\n")[0]
    examples = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
    assert len(examples) >= 10
    for example in examples:
        assert has_reference(example), example
        assert "".join(map(str, parse(example))) == example


def read_blocks(document: str, language: str) -> list[str]:
    text = (ROOT / "docs" / "reference" / document).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def test_examples_of_templates_parse() -> None:
    (block,) = read_blocks("templates.md", "yaml")
    values = [entry["value"] for entry in yaml.safe_load(block)["env"]]
    templates = [part for value in values for part in parse(value) if isinstance(part, Reference) and part.is_template]
    assert len(templates) == len(values) >= 3
    for template in templates:
        parse_template(template.selector)


def test_examples_of_templates_print_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "template.txt").write_text("${.user}")
    (tmp_path / "secret.json").write_text('{"user":"app"}')
    (block,) = read_blocks("templates.md", "console")
    examples = re.findall(r"^\$ vault-secrets-webhook (.*)\n([^$]*)", block, re.MULTILINE)
    assert len(examples) == block.count("$ vault")
    for arguments, expected in examples:
        assert main(shlex.split(arguments)) == 0
        printed = capfdbinary.readouterr().out.decode()
        assert printed == (expected.rstrip("\n") if expected else "app")
