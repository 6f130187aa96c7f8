"""What a template can call: a function with a Go signature, so that its arguments are checked as Go checks them.

A signature is written as Go's, by types alone: `"int, string -> string"`, `"string, ...interface {} -> bool"`,
`"-> time.Time"`. A parameter of type `reflect.Value` takes anything, also no value at all (None). A leading `budget` is
none of the template's arguments: the implementation gets the `limits.Budget` of the rendering there.

Implementations take and give the values of `values`, never a `Boxed`. What they cannot do they tell by raising
`FunctionError`, whose text becomes `error calling NAME: TEXT`, whether Go returns an error there or panics.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError

from .values import Type, find_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class FunctionSet(Protocol):
        """What `render` takes as functions: a dict will do."""

        def get(self, name: str, /) -> Function | Callable[..., object] | None:
            """Give the function of that name, or None."""


class SignatureError(FunctionError):
    """A method that no template can call, for it gives more than a result and an error: Go's words, as they are."""


class Function:
    """A function that templates may call.

    `parameters` are their types; if `is_variadic` the last is the type of each further argument. `cost` is what a call
    takes of the steps of a template (see `limits`), for those that compute for long whatever they are given; if
    `is_metered`, the implementation counts for itself.
    """

    __slots__ = ("call", "cost", "is_metered", "is_variadic", "name", "parameters", "result")

    def __init__(self, name: str, signature: str, call: Callable[..., object], cost: int = 1) -> None:
        before, _, result = signature.partition("->")
        names = [part.strip() for part in before.split(",") if part.strip()]
        self.name = name
        self.is_metered = names[:1] == ["budget"]
        if self.is_metered:
            del names[0]
        self.is_variadic = bool(names) and names[-1].startswith("...")
        self.parameters: list[Type] = [find_type(part.removeprefix("...")) for part in names]
        self.result = find_type(result.strip())
        self.call = call
        self.cost = cost
