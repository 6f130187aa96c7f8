"""What Sprig's functions make of arguments that are no strings: the text of a value, and the texts of a list.

Source: Sprig, `strval` and `strslice` of strings.go.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.values import SLICE_OF_STRING, Slice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vault_secrets_webhook.gotemplate.limits import Budget


def make_text(budget: Budget, value: object) -> bytes:
    """Give a string as it is, bytes as the string that they are, and anything else as `%v` prints it."""
    if isinstance(value, bytes):  # a json.Number too: its method String gives the number as it was written
        return bytes(value)
    if isinstance(value, Slice) and value.go_type.name == "[]uint8":
        return bytes(value)  # type: ignore[arg-type] # its elements are of type Uint8
    from vault_secrets_webhook.gotemplate.fmt import write_value

    return write_value(value, budget)


def make_texts(budget: Budget, value: object) -> Slice:
    """Give a []string as it is, of another list the text of each element that is not nil, of nil nothing."""
    if not isinstance(value, list):
        return Slice(SLICE_OF_STRING, () if value is None else (make_text(budget, value),))
    if isinstance(value, Slice) and value.go_type is SLICE_OF_STRING:
        return value
    texts = Slice(SLICE_OF_STRING)
    for item in value:
        if item is not None:
            text = make_text(budget, item)
            if not isinstance(item, bytes):  # the same list may be there many times
                budget.reserve(len(text))
            texts.append(text)
    return texts
