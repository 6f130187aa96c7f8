"""Random commands and pipelines: calls of functions and methods, mostly with arguments that fit.

Arguments are made to fit the parameter's type most of the time, by the signatures that our own tables give. Left out is
what no two runs can agree about: time, chance, keys of maps in Go's random order, what takes long.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.fuzz.corpus import FORMATS, JSON_TEXTS, LAYOUTS, NUMBERS, PATTERNS, STRINGS, URLS, VERSIONS, ZONES
from tests.fuzz.methods import make_method_call
from tests.fuzz.texts import (
    make_constraint,
    make_duration,
    make_format,
    make_json,
    make_layout,
    make_number,
    make_pattern,
    make_replacement,
    make_url,
    make_version,
)
from vault_secrets_webhook.gotemplate import BUILTINS
from vault_secrets_webhook.gotemplate.funcs import find_builtin
from vault_secrets_webhook.gotemplate.sprig import MODULE_OF, MODULES, SPRIG

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from vault_secrets_webhook.gotemplate.functions import Function

UNSTEADY = frozenset(
    {
        "now",
        "ago",
        "htmlDate",
        "date",
        "htmlDateInZone",
        "unixEpoch",
        "shuffle",
        "uuidv4",
        "encryptAES",
        "keys",
        "values",
    }
    | {"randAlpha", "randAlphaNum", "randAscii", "randBytes", "randInt", "randNumeric", "bcrypt", "htpasswd", "env"}
    | {"expandenv", "getHostByName", "derivePassword"}
    | set(MODULES["certificates"].split())
)
# What costs or prints in proportion to a number that it is given: the numbers that fit are small.
LONGEST = 40
# Arguments that a function wants and a random string is not, by name and position: some, and what makes more of them.
WANTED: dict[tuple[str, int], tuple[Sequence[str], Callable[[random.Random], str]]] = {
    **{(name, 0): (PATTERNS, make_pattern) for name in MODULE_OF if "egex" in name},
    **{(name, 2): (STRINGS, make_replacement) for name in MODULE_OF if "egexReplace" in name},
    ("semver", 0): (VERSIONS, make_version),
    ("semverCompare", 0): (VERSIONS, make_constraint),
    ("semverCompare", 1): (VERSIONS, make_version),
    **{(name, 0): (JSON_TEXTS, make_json) for name in ("fromJson", "mustFromJson")},
    ("urlParse", 0): (URLS, make_url),
    **{(name, place): (LAYOUTS, make_layout) for name in ("toDate", "mustToDate") for place in (0, 1)},
    **{(name, 0): (STRINGS, make_duration) for name in MODULE_OF if "odify" in name or "uration" in name},
    **{(name, 0): (STRINGS, make_number) for name in ("atoi", "float64", "int", "int64", "toDecimal", "add1", "floor")},
    ("printf", 0): (FORMATS, make_format),
}
# Whoever changes a map in place could put it into itself, and Go's stack has no end that it survives.
CHANGING = frozenset(("set", "merge", "mergeOverwrite", "mustMerge", "mustMergeOverwrite"))
# With anything but a date these take the time that it is.
IN_ZONE = frozenset(("dateInZone", "date_in_zone"))
FIELDS = (
    *(
        ".é",
        ".日本",
        "$.é",
        ".m.é",
        ".a_b",
        ".x9",
        '(index . "a-b")',
        "(index .l 6).k",
        "(.deep).a",
        "(index .deep `a`).b",
    ),
    *(".s", ".e", ".u", ".n", ".big", ".f", ".t", ".no", ".nil", ".l", ".ls", ".ln", ".m", ".m.a", ".m.b", ".deep.a.b"),
    *(".deep.x", ".missing", ".l.x", ".s.x", ".m.a.b.c", ".deep", "$.s", "$.m.a"),
)
DATE = '(toDate "2006-01-02 15:04:05" "2024-02-29 13:14:15").UTC'


class Commands:
    """Makes pipelines from a generator of random numbers, and what they are made of."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        names = sorted(MODULE_OF.keys() - UNSTEADY)
        self.functions: dict[str, Function] = {name: found for name in names if (found := SPRIG.get(name))}
        builtins = sorted(BUILTINS - {"and", "or", "call"})
        self.functions.update((name, found) for name in builtins if (found := find_builtin(name)))
        self.by_result: dict[str, list[str]] = {}
        for name, function in self.functions.items():
            self.by_result.setdefault(function.result.name, []).append(name)
        self.variables: list[str] = []
        self.inside: str | None = None  # the template that is being made
        self.moved = 0  # how many things around have changed the dot

    def pipeline(self, depth: int) -> str:
        """A command, and functions behind it that take its value."""
        makers = [*[self.call_any] * 6, *[self.operand_any] * 3, *[self.logic] * 2, self.method]
        text = self.chance.choice(makers)(depth)
        longer = 0.25 if self.chance.random() < 0.98 else 0.85
        while self.chance.random() < longer:
            name = self.chance.choice([name for name in self.functions if name not in CHANGING | IN_ZONE])
            count = len(self.functions[name].parameters) - 1
            text += f" | {self.invocation(name, 1, maximum=max(count, 0))}"
        return text

    def logic(self, depth: int) -> str:
        words = [self.operand_any(depth - 1) for _ in range(self.chance.choice([0, 1, 2, 2, 2, 3]))]
        return " ".join([self.chance.choice([*["and", "or"] * 6, "call", "not"]), *words])

    def method(self, _depth: int) -> str:
        return make_method_call(self.chance)

    def operand_any(self, depth: int) -> str:
        kinds = ["string", "int", "float64", "bool", "[]interface {}", "map[string]interface {}", "interface {}"]
        return self.operand(self.chance.choice(kinds), depth, [])

    def call_any(self, depth: int) -> str:
        return self.invocation(self.chance.choice(list(self.functions)), depth)

    def invocation(self, name: str, depth: int, maximum: int = 9) -> str:
        """A call of a function, its last arguments left out from `maximum` on."""
        if name in CHANGING:
            return self.change(name, depth)
        if name in IN_ZONE:
            layout, zone = self.quote(self.chance.choice(LAYOUTS)), self.quote(self.chance.choice(ZONES))
            return f"{name} {layout} {DATE} {zone}"
        function = self.functions[name]
        kinds = [parameter.name for parameter in function.parameters]
        if function.is_variadic:
            more = kinds.pop()
            kinds += [more] * (self.chance.choice([0, 1, 1, 2, 3]) if name != "dig" else 3)
        if MODULE_OF.get(name) == "lists" and self.chance.random() < 0.7:
            kinds = ["[]interface {}" if kind == "interface {}" else kind for kind in kinds]
        if self.chance.random() < 0.02:
            kinds = kinds[:-1] if self.chance.random() < 0.5 else [*kinds, "string"]
        arguments = [
            self.operand(kind, depth - 1, self.choose_wanted(name, position))
            for position, kind in enumerate(kinds[:maximum] if maximum < len(kinds) else kinds)
        ]
        return " ".join([name, *arguments])

    def change(self, name: str, depth: int) -> str:
        """A call of a function that changes a map in place, such that the map gets no part of itself."""
        if name == "set":
            value = self.constant(self.chance.choice(["string", "int", "bool", "float64"]), 0)
            return (
                f"set {self.constant('map[string]interface {}', depth)} {self.quote(self.chance.choice('abk'))} {value}"
            )
        others = [self.constant("map[string]interface {}", depth - 1) for _ in range(self.chance.choice([0, 1, 1, 2]))]
        return " ".join([name, f"(deepCopy {self.constant('map[string]interface {}', depth - 1)})", *others])

    def choose_wanted(self, name: str, position: int) -> Sequence[str]:
        """Give what a function wants there, or nothing if that is any value of the type."""
        texts, make = WANTED.get((name, position), ((), None))
        return texts if make is None or self.chance.random() < 0.4 else [make(self.chance)]

    def operand(self, kind: str, depth: int, wanted: Sequence[str]) -> str:
        """An argument that mostly has the type `kind`."""
        text = self.choose_operand(kind, depth, wanted)
        # Where the dot is something else, the data are mostly asked for by `$`, which templates have not for themselves.
        is_field = self.moved and text.startswith(".") and not self.inside and self.chance.random() < 0.9
        return f"${text}" if is_field and text != "." else text

    def choose_operand(self, kind: str, depth: int, wanted: Sequence[str]) -> str:
        chance = self.chance.random()
        if wanted and chance < 0.9:
            return self.quote(self.chance.choice(wanted))
        if chance < 0.04:
            more = [f"{name}{self.chance.choice(['.x', '.a.b', '.é', '.k'])}" for name in self.variables]
            method = f"({make_method_call(self.chance)})"
            return self.chance.choice([*FIELDS, ".", "$", "nil", "true", "1.5", '"x"', method, *self.variables, *more])
        if depth > 0 and chance < 0.45 and kind in self.by_result:
            text = f"({self.invocation(self.chance.choice(self.by_result[kind]), depth)})"
            return text + self.chance.choice([".x", ".a.b", ".k", ".é"]) if self.chance.random() < 0.03 else text
        return self.constant(kind, depth)

    def constant(self, kind: str, depth: int) -> str:
        match kind:
            case "string":
                return self.chance.choice([".s", ".u", ".e", "$.s", self.quote(self.chance.choice(STRINGS))])
            case "int" | "int64":
                return self.chance.choice(["0", "1", "2", "3", "-1", "7", "10", "0x1F", "'a'", str(LONGEST)])
            case "float64":
                return self.chance.choice(["0.0", "1.5", "-2.25", "1e3", "3", "1e21", "0.1"])
            case "bool":
                return self.chance.choice(["true", "false", ".t", ".no"])
            case "map[string]interface {}":
                pairs = " ".join(
                    f"{self.quote(self.chance.choice('abk'))} {self.operand_any(depth - 1)}" for _ in range(2)
                )
                return self.chance.choice([".m", ".deep", "(dict)", f"(dict {pairs})" if depth > 0 else "$.m"])
            case "[]interface {}" | "[]string" | "[]int":
                items = " ".join(self.operand_any(depth - 1) for _ in range(2)) if depth > 0 else "1 2"
                return self.chance.choice(
                    [".l", ".ls", ".ln", f"(list {items})", '(splitList "," "b,a,c")', "(until 4)"]
                )
        choices = ["string"] * 4 + [
            "int",
            "float64",
            "bool",
            "map[string]interface {}",
            "[]interface {}",
            "number",
            "date",
        ]
        chosen = self.chance.choice(choices)
        if chosen == "number":
            return self.chance.choice([*NUMBERS, ".n", ".big", ".f", "(int64 5)"])
        if chosen == "date":
            return DATE
        return self.constant(chosen, depth)

    def quote(self, text: str) -> str:
        if self.chance.random() < 0.4 and "`" not in text:
            return f"`{text}`"
        return json.dumps(text, ensure_ascii=self.chance.random() < 0.3 and max(map(ord, text), default=0) < 0x10000)
