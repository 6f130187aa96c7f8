"""Random templates and data: mostly such that run, often such that must fail, all of them the same again by their seed.

Arguments of functions are made to fit the parameter's type most of the time, by the signatures that our own tables
give. Left out is what no two runs can agree about: time, chance, keys of maps in Go's random order, what takes long.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.fuzz.corpus import (
    DATA_STRINGS,
    FORMATS,
    JSON_TEXTS,
    LAYOUTS,
    NUMBERS,
    PATTERNS,
    STRINGS,
    URLS,
    VERSIONS,
    ZONES,
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
# Arguments that a function wants and a random string is not, by name and position.
WANTED: dict[tuple[str, int], Sequence[str]] = {
    **{(name, 0): PATTERNS for name in MODULE_OF if "egex" in name},
    **{(name, 0): VERSIONS for name in ("semver", "semverCompare")},
    ("semverCompare", 1): VERSIONS,
    **{(name, 0): JSON_TEXTS for name in ("fromJson", "mustFromJson")},
    ("urlParse", 0): URLS,
    **{(name, 0): LAYOUTS for name in ("toDate", "mustToDate")},
    **{(name, 1): LAYOUTS for name in ("toDate", "mustToDate")},
    ("printf", 0): FORMATS,
}
NAMES = ("one", "three", "two")
# Whoever changes a map in place could put it into itself, and Go's stack has no end that it survives.
CHANGING = frozenset(("set", "merge", "mergeOverwrite", "mustMerge", "mustMergeOverwrite"))
# With anything but a date these take the time that it is.
IN_ZONE = frozenset(("dateInZone", "date_in_zone"))
FIELDS = (
    *(".s", ".e", ".u", ".n", ".big", ".f", ".t", ".no", ".nil", ".l", ".ls", ".ln", ".m", ".m.a", ".m.b", ".deep.a.b"),
    *(".deep.x", ".missing", ".l.x", ".s.x", ".m.a.b.c", ".deep", "$.s", "$.m.a"),
)
DATE = '(toDate "2006-01-02 15:04:05" "2024-02-29 13:14:15")'


class Grammar:
    """Makes templates from a generator of random numbers. `left` and `right` are the delimiters of all of them."""

    def __init__(self, chance: random.Random, left: str = "{{", right: str = "}}") -> None:
        self.chance = chance
        self.left, self.right = left, right
        names = sorted(MODULE_OF.keys() - UNSTEADY)
        self.functions: dict[str, Function] = {name: found for name in names if (found := SPRIG.get(name))}
        builtins = sorted(BUILTINS - {"and", "or", "call"})
        self.functions.update((name, found) for name in builtins if (found := find_builtin(name)))
        self.by_result: dict[str, list[str]] = {}
        for name, function in self.functions.items():
            self.by_result.setdefault(function.result.name, []).append(name)
        self.variables: list[str] = []
        self.loops = 0
        self.inside = ""  # the template that is being made; "" comes before all names
        self.defined: list[str] = []
        self.moved = 0  # how many things around have changed the dot

    def template(self) -> str:
        """One template: some of everything, and sometimes a character wrong."""
        self.variables, self.loops, self.inside = [], 0, ""
        self.defined, self.moved = [name for name in NAMES if self.chance.random() < 0.02], 0
        defined = [self.definition(name) for name in NAMES if self.chance.random() < 0.15]
        text = "".join(defined) + self.body(3)
        if self.chance.random() < 0.03:
            text = self.spoil(text)
        return text

    def spoil(self, text: str) -> str:
        at = self.chance.randrange(len(text) + 1)
        return (
            text[:at] + self.chance.choice(["", "{{", "}}", '"', "|", ")", "-", "$", "é", "\n", "end"]) + text[at + 1 :]
        )

    def definition(self, name: str) -> str:
        self.defined.append(name)
        outer, self.variables, self.inside = self.variables, [], name
        self.moved += 1
        text = self.action(f'define "{name}"') + self.body(1) + self.action("end")
        self.variables, self.inside = outer, ""
        self.moved -= 1
        return text

    def body(self, depth: int) -> str:
        return "".join(self.piece(depth) for _ in range(self.chance.choice([1, 1, 1, 2, 3])))

    def piece(self, depth: int) -> str:
        makers: list[Callable[[int], str]] = [self.text, self.output, self.output, self.output, self.output]
        if depth > 0:
            makers += [self.condition, self.scope, self.loop, self.assignment, self.declaration, self.call, self.block]
        if self.loops:
            makers.append(self.jump)
        return self.chance.choice(makers)(depth)

    def action(self, text: str) -> str:
        before = "- " if self.chance.random() < 0.05 else ""
        behind = " -" if self.chance.random() < 0.05 else ""
        return f"{self.left}{before}{text}{behind}{self.right}"

    def text(self, _depth: int) -> str:
        return self.chance.choice(["", " ", "\n", "text", " a b ", "ünï", "x=", "%d", "\t\n "])

    def output(self, _depth: int) -> str:
        if self.chance.random() < 0.03:
            return self.action("/* comment */") if self.chance.random() < 0.5 else self.left + "/* c */" + self.right
        return self.action(self.pipeline(3))

    def condition(self, depth: int) -> str:
        return self.branch("if", depth)

    def scope(self, depth: int) -> str:
        self.moved += 1
        text = self.branch("with", depth)
        self.moved -= 1
        return text

    def branch(self, word: str, depth: int) -> str:
        mark = len(self.variables)
        text = self.action(f"{word} {self.maybe_declare()}{self.pipeline(2)}") + self.body(depth - 1)
        if self.chance.random() < 0.3:
            text += self.action(f"else {word} {self.pipeline(2)}") + self.body(depth - 1)
        if self.chance.random() < 0.5:
            text += self.action("else") + self.body(depth - 1)
        del self.variables[mark:]
        return text + self.action("end")

    def loop(self, depth: int) -> str:
        mark = len(self.variables)
        over = self.chance.choice(
            [".l", ".ls", ".m", ".ln", "$.deep", "3", "(until 3)", "(list 1 2)", ".nil", ".s", self.pipeline(2)]
        )
        heads = ["", "", "$i, $e := ", "$e := "]
        if self.variables:
            heads.append(f"{self.chance.choice(self.variables)} = ")
        head = self.chance.choice(heads)
        self.variables += [name for name in ("$i", "$e") if f"{name}" in head and ":=" in head]
        self.loops += 1
        self.moved += 1
        text = self.action(f"range {head}{over}") + self.body(depth - 1)
        self.loops -= 1
        self.moved -= 1
        if self.chance.random() < 0.3:
            text += self.action("else") + self.body(depth - 1)
        del self.variables[mark:]
        return text + self.action("end")

    def jump(self, _depth: int) -> str:
        word = self.action(self.chance.choice(["break", "continue"]))
        return self.action(f"if {self.pipeline(1)}") + word + self.action("end")

    def maybe_declare(self) -> str:
        if self.chance.random() < 0.8:
            return ""
        name = self.chance.choice(["$a", "$b"])
        self.variables.append(name)
        return f"{name} := "

    def declaration(self, _depth: int) -> str:
        name = self.chance.choice(["$a", "$b", "$c"])
        text = self.action(f"{name} := {self.pipeline(2)}")
        self.variables.append(name)
        return text

    def assignment(self, depth: int) -> str:
        if not self.variables:
            return self.declaration(depth)
        return self.action(f"{self.chance.choice(self.variables)} = {self.pipeline(2)}")

    def call(self, _depth: int) -> str:
        """A call of a template that is later in the order of names, so that none calls itself without end."""
        names = [name for name in self.defined if name > self.inside]
        return self.action(f'template "{self.chance.choice(names)}" {self.pipeline(1)}') if names else ""

    def block(self, depth: int) -> str:
        names = [
            name for name in NAMES if name > self.inside and (name not in self.defined or self.chance.random() < 0.1)
        ]
        if not names:
            return ""
        outer = self.variables, self.inside, self.loops
        self.variables, self.inside, self.loops = [], self.chance.choice(names), 0
        name = self.inside
        self.defined.append(name)
        self.moved += 1
        text = self.action(f'block "{name}" {self.chance.choice([".", *FIELDS])}') + self.body(depth - 1)
        self.variables, self.inside, self.loops = outer
        self.moved -= 1
        return text + self.action("end")

    def pipeline(self, depth: int) -> str:
        """A command, and functions behind it that take its value."""
        text = self.chance.choice([self.call_any, self.call_any, self.operand_any, self.logic])(depth)
        while self.chance.random() < 0.25:
            name = self.chance.choice([name for name in self.functions if name not in CHANGING | IN_ZONE])
            count = len(self.functions[name].parameters) - 1
            text += f" | {self.invocation(name, 1, maximum=max(count, 0))}"
        return text

    def logic(self, depth: int) -> str:
        return f"{self.chance.choice(['and', 'or'])} {self.operand_any(depth)} {self.operand_any(depth)}"

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
            self.operand(kind, depth - 1, WANTED.get((name, position), []))
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
            return self.chance.choice([*FIELDS, ".", "$", "nil", "true", "1.5", '"x"', *self.variables])
        if depth > 0 and chance < 0.45 and kind in self.by_result:
            text = f"({self.invocation(self.chance.choice(self.by_result[kind]), depth)})"
            return f"{text}.x" if self.chance.random() < 0.02 else text
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
        if self.chance.random() < 0.4 and "`" not in text and "\r" not in text:
            return f"`{text}`"
        return json.dumps(text, ensure_ascii=self.chance.random() < 0.3 and max(map(ord, text), default=0) < 0x10000)

    def data(self) -> str:
        """The data of a template, as JSON text."""
        pick = self.chance.choice
        text = {name: pick(DATA_STRINGS) for name in ("s", "u", "a")}
        number = [pick(["0", "1", "15", "-7", "1.5", "1e3", "12345678901234567890", "0.10"]) for _ in range(4)]
        strings = json.dumps([pick(DATA_STRINGS) for _ in range(self.chance.randrange(4))])
        mixed = f'["a",{number[0]},null,true,{json.dumps(text["a"])},[1],{{"k":"v"}}]'
        return (
            f'{{"s":{json.dumps(text["s"])},"e":"","u":{json.dumps(text["u"])},"n":{number[0]},"big":1500000,"f":{number[1]},'
            f'"t":true,"no":false,"nil":null,"l":{mixed},"ls":{strings},"ln":[3,1,{number[2]}],'
            f'"m":{{"a":{json.dumps(text["a"])},"b":{number[3]},"c":null}},"deep":{{"a":{{"b":[1,2]}},"x":{{}}}}}}'
        )
