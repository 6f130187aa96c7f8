"""Go's text/template with the functions of Sprig v3: the same bytes for the same template, and the same words for errors.

    render("${.user}:${.password | urlquery}", {"user": "app", "password": "p@ss"}, delims=("${", "}"))

What a template does not use is not imported: this package is loaded by programs that start in milliseconds.

Sources: Go 1.26, packages text/template and text/template/parse; Sprig v3.3.0.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import TemplateError
from vault_secrets_webhook.wire.jsontext import Number

from .exec import execute
from .limits import Budget
from .parse import parse
from .values import decode, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .functions import Function, FunctionSet

__all__ = ["Number", "Template", "TemplateError", "render", "render_bytes"]

BUILTINS = frozenset(
    "and call eq ge gt html index js le len lt ne not or print printf println slice urlquery".split()  # noqa: SIM905 # easier to read
)
MISSING_KEYS = frozenset(("default", "error", "invalid", "zero"))


def render(
    text: str,
    data: object,
    *,
    name: str = "template",
    delims: tuple[str, str] = ("{{", "}}"),
    missingkey: str = "default",
    functions: FunctionSet | None = None,
) -> str:
    """Execute a template and give what it writes.

    `data` is what JSON gives: dict, list, str, bool, None, float (Go's float64) and `Number` (Go's json.Number); an int
    is Go's int, which JSON has none of. `delims` that are empty are Go's own. `missingkey` says what the value of a key
    is that a map has not: "default" (or "invalid"), "zero" or "error". `functions` are those of Sprig if it is None;
    else what has `get(name)`: a dict will do. Its values are `functions.Function`, or callables: they are
    given, and give, what `data` may be, and the text of an exception is that of the error.

    Bytes that are not UTF-8 are surrogates, in all arguments and in the result, as in `os.environ`:
    `result.encode("utf-8", "surrogateescape")` gives them back.

    Raises TemplateError, whose text is Go's, and TypeError for data of which Go has no such type.
    """
    return decode(
        render_bytes(text, data, name=name, delims=delims, missingkey=missingkey, functions=functions),
    )


def render_bytes(
    text: str,
    data: object,
    *,
    name: str = "template",
    delims: tuple[str, str] = ("{{", "}}"),
    missingkey: str = "default",
    functions: FunctionSet | None = None,
) -> bytes:
    """Do as `render` does, and give the bytes that Go would write."""
    return Template(text, name=name, delims=delims, missingkey=missingkey, functions=functions).execute(data)


class Template:
    """A template that is parsed, to be executed any number of times. The arguments are those of `render`."""

    __slots__ = ("functions", "missingkey", "name", "text", "trees")

    def __init__(
        self,
        text: str,
        *,
        name: str = "template",
        delims: tuple[str, str] = ("{{", "}}"),
        missingkey: str = "default",
        functions: FunctionSet | None = None,
    ) -> None:
        """Parse the text. Raises TemplateError."""
        if missingkey not in MISSING_KEYS:
            raise TemplateError(f"unrecognized option: missingkey={missingkey}")
        self.functions = LazySprig() if functions is None else functions
        self.missingkey = missingkey
        self.name, self.text, left, right = map(clean, (name, text, *delims))
        test = FunctionTest(self.functions)
        try:
            self.trees = parse(self.name, self.text, left or "{{", right or "}}", test)
        except TemplateError as error:
            raise (test.explain(error) if test.missing else error) from None
        except RecursionError:
            raise TemplateError(f"template: {name}: the template is nested too deep") from None
        except MemoryError:
            raise TemplateError(f"template: {name}: there is not enough memory for it") from None

    def execute(self, data: object, budget: Budget | None = None) -> bytes:
        """Give what the template writes for the data. Raises TemplateError and TypeError as `render` does."""
        from .data import convert  # late: who has values already needs it not

        return self.execute_value(convert(data), budget)

    def execute_value(self, value: object, budget: Budget | None = None) -> bytes:
        """Do as `execute` does for data that are values of `values` already. Functions may change maps in it."""
        return execute(self.trees, self.name, self.text, value, self.functions, self.missingkey, budget or Budget())


def clean(text: str) -> str:
    """Give a text of which the surrogates stand for bytes that are not UTF-8, and for nothing else."""
    return text if text.isascii() else decode(encode(text))


class LazySprig:
    """The functions of Sprig; not even the table of their names is imported before a template names a function."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        """Tell whether there is such a function."""
        from .sprig import SPRIG

        return name in SPRIG

    def get(self, name: str) -> Function | None:
        """Give the function of that name, or None."""
        from .sprig import SPRIG

        return SPRIG.get(name)


class FunctionTest:
    """The parser's test whether a function exists, which imports none of Sprig's. `missing` is the first that does not."""

    __slots__ = ("functions", "missing")

    def __init__(self, functions: FunctionSet) -> None:
        self.functions = functions
        self.missing = ""

    def __call__(self, name: str) -> bool:
        """Tell whether a function of that name exists."""
        functions: Any = self.functions
        found = name in BUILTINS or (
            name in functions if hasattr(functions, "__contains__") else functions.get(name) is not None
        )
        if not found:
            self.missing = name
        return found

    def explain(self, error: TemplateError) -> TemplateError:
        """Add to Go's words why the function is not in the set, if the set has something to say of it."""
        why: str = self.functions.explain(self.missing) if hasattr(self.functions, "explain") else ""
        return TemplateError(f"{error}: {why}") if why else error
