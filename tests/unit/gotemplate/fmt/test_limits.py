"""What is printed is bounded, whatever little it is made of; and a simple print imports little."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vault_secrets_webhook.gotemplate.fmt import sprint, sprintf, sprintln, write_value
from vault_secrets_webhook.gotemplate.limits import OUTPUT_LIMIT, Budget, LimitError


def double(value: object, times: int) -> object:
    """A list of few objects that prints as very many."""
    for _ in range(times):
        value = [value, value]
    return value


def write(text: bytes, *values: object) -> bytes:
    return sprintf(Budget(), text, values)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(double(b"x" * 4096, 20), id="strings"),
        pytest.param(double({b"k" * 4096: 1}, 20), id="maps"),
        pytest.param([b"x" * (OUTPUT_LIMIT // 2)] * 3, id="few long strings"),
    ],
)
def test_output_is_bounded(value: object) -> None:
    for make in (sprint, sprintln):
        with pytest.raises(LimitError, match="larger than 16 MiB"):
            make([value])
    with pytest.raises(LimitError, match="larger than 16 MiB"):
        write_value(value)
    for text in (b"%v", b"%#v", b"%s", b"%d"):
        with pytest.raises(LimitError, match="larger than 16 MiB"):
            write(text, value)


def test_elements_take_steps() -> None:
    shared = double([], 12)
    for make in (sprint, sprintln):
        budget = Budget()
        make([shared], budget)
        assert budget.step_limit - budget.steps > 2**12
        with pytest.raises(LimitError, match="steps"):
            make([shared], Budget(steps=2**12))
    with pytest.raises(LimitError, match="steps"):
        write_value(shared, Budget(steps=2**12))
    for text in (b"%v", b"%#v", b"%d"):
        with pytest.raises(LimitError, match="steps"):
            sprintf(Budget(steps=2**12), text, [shared])


def test_directives_take_steps() -> None:
    assert sprintf(Budget(steps=3), b"%%%%%%", []) == b"%%%"
    with pytest.raises(LimitError, match="steps"):
        sprintf(Budget(steps=3), b"%%%%%%%%", [])


@pytest.mark.parametrize(
    "text", [b"%1000000d", b"%.1000000d", b"%-1000000d", b"%01000000d", b"%.1000000f", b"%.1000000x"]
)
def test_width_and_precision_are_reserved(text: bytes) -> None:
    value = 1.5 if text[-1:] in b"fx" else 1
    assert len(sprintf(Budget(memory=1_000_000), text, [value])) >= 1_000_000
    with pytest.raises(LimitError, match="of values"):
        sprintf(Budget(memory=999_999), text, [value])


def test_wide_elements_are_bounded() -> None:
    with pytest.raises(LimitError, match="larger than 16 MiB"):
        write(b"%1000000d", [1] * 20)


@pytest.mark.parametrize(
    ("program", "modules"),
    [
        pytest.param("sprint([b'a', 1, True, None, [b'b', {b'c': 2}]])", set(), id="print"),
        pytest.param("sprint([1.5])", {"formatfloat"}, id="float"),
        pytest.param(
            "sprintf(Budget(), b'%s:%5d', [b'a', 1])",
            {"fmt.printf", "fmt.printer", "fmt.scalars", "fmt.style"},
            id="printf",
        ),
    ],
)
def test_imports(program: str, modules: set[str]) -> None:
    """What is printed plainly needs nothing but the package itself."""
    setup = (
        "import sys\n"
        "from vault_secrets_webhook.gotemplate.fmt import sprint, sprintf\n"
        "from vault_secrets_webhook.gotemplate.limits import Budget\n"
        "before = set(sys.modules)\n"
    )
    report = "\nprint(*sorted(set(sys.modules) - before))"
    run = subprocess.run([sys.executable, "-c", setup + program + report], capture_output=True, check=True, text=True)
    assert {name.removeprefix("vault_secrets_webhook.gotemplate.") for name in run.stdout.split()} <= modules
