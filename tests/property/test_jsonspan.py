"""Members of JSON text: where they are, and that taking some of them out leaves the others byte for byte."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.webhook.mutate.jsonspan import list_members, splice, without_members

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)  # fmt: skip
objects = st.dictionaries(st.text(), values)


@given(objects, st.sampled_from([None, 1]), st.sampled_from([",", " ,\n"]), st.data())
def test_what_is_left_is_what_was_there(
    one: dict[str, Any], indent: int | None, comma: str, data: st.DataObject
) -> None:
    text = json.dumps(one, indent=indent, separators=(comma, " : "))
    members = list(list_members(text, 0))
    assert [(member.name, json.loads(text[member.value_start : member.end])) for member in members] == list(one.items())
    gone = [member for member in members if data.draw(st.booleans())]
    left = json.loads(splice(text, without_members(members, gone)))
    names = {member.name for member in gone}
    assert left == {name: value for name, value in one.items() if name not in names}


@given(st.text(alphabet='{}[]",: \\\n1ea', max_size=30))
def test_what_is_no_object_is_a_value_error_and_nothing_else(text: str) -> None:
    try:
        members = list(list_members(text, 0))
    except ValueError:
        return
    assert text.startswith("{")
    assert all(text[member.value_start : member.end] for member in members)
