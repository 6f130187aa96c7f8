"""The environment: only what is meant to change changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vault_secrets_webhook.vaultenv.environ import build_entries, index_entries, withheld_names
from vault_secrets_webhook.vaultenv.settings import SECRET_INIT, VAULT_ENV, Program

BYTES = st.binary(max_size=12).map(lambda data: data.replace(b"\0", b""))
NAMES = st.sampled_from([b"A", b"B", b"PATH", b"VAULT_ADDR", b"VAULT_ROLE", b"VAULT_TOKEN", b"VAULTED", b"\xff", b""])
VARIABLES = st.tuples(NAMES, BYTES).map(b"=".join)
ENTRIES = st.lists(VARIABLES | BYTES.filter(bool), max_size=10)


def name_of(entry: bytes) -> bytes:
    return entry.partition(b"=")[0] if entry.find(b"=") > 0 else b""


@given(ENTRIES)
def test_nothing_else_is_touched(entries: list[bytes]) -> None:
    """Entries keep their bytes and order; what goes are the withheld names and later duplicates."""
    withheld = withheld_names(entries, VAULT_ENV, ())
    seen: set[bytes] = set()
    expected = []
    for entry in entries:
        name = name_of(entry)
        if name in withheld or name in seen:
            continue
        seen.update({name} - {b""})
        expected.append(entry)
    assert build_entries(entries, withheld) == expected


@given(
    ENTRIES,
    st.dictionaries(NAMES.filter(bool), BYTES, max_size=4),
    st.dictionaries(NAMES.filter(bool), BYTES, max_size=4),
)
def test_names_are_unique_and_values_are_those_given(
    entries: list[bytes], values: dict[bytes, bytes | None], added: dict[bytes, bytes]
) -> None:
    withheld = withheld_names(entries, VAULT_ENV, ())
    there = {name_of(entry) for entry in entries} - {b""} - withheld
    built = [entry for entry in build_entries(entries, withheld, values, added) if name_of(entry)]
    names = [name_of(entry) for entry in built]
    assert len(names) == len(set(names))
    assert set(names) == there | (set(added) - withheld)
    for entry in built:
        name, _, value = entry.partition(b"=")
        if name in there:
            assert name not in values or value == values[name]
        else:
            assert value == added[name]


@given(ENTRIES)
def test_first_of_equal_names_counts(entries: list[bytes]) -> None:
    index = index_entries(entries)
    assert {name.encode("utf-8", "surrogateescape") for name in index} == {name_of(entry) for entry in entries} - {b""}
    for entry in build_entries(entries, frozenset()):
        if name := name_of(entry).decode("utf-8", "surrogateescape"):
            assert index[name].encode("utf-8", "surrogateescape") == entry.partition(b"=")[2]


@given(
    st.sampled_from([VAULT_ENV, SECRET_INIT]).flatmap(
        lambda program: st.tuples(
            st.just(program), st.lists(st.sampled_from(sorted(withheld_names((), program, ()))), max_size=3)
        )
    ),
    ENTRIES,
)
def test_passed_through_names_stay(chosen: tuple[Program, list[bytes]], entries: list[bytes]) -> None:
    program, names = chosen
    withheld = withheld_names(entries, program, [name.decode() for name in names])
    assert withheld.isdisjoint(names)
    assert withheld >= set(map(str.encode, program.steering)) - set(names)
