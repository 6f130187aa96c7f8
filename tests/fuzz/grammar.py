"""Random templates and data: mostly such that run, often such that must fail, all of them the same again by their seed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.fuzz.commands import FIELDS, Commands
from tests.fuzz.corpus import DATA_STRINGS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

NAMES = ("", "a%b {{", "one", "three", "two", "é\x00")
SPOILERS = (
    *("", "{{", "}}", '"', "`", "'", "|", "(", ")", "-", " -", "$", "é", "\n", "end", ".", ",", ":="),
    *("\udcff", "\udcc3", "\x00"),
)
HEADS = (*[""] * 4, *["$i, $e := "] * 2, *["$e := "] * 2, "$i, $é := ", "$é := ", "$i, $e = ", "$, $e := ")
COMMENTS = (
    *("/* c */", "/**/", "/* a\n */", "- /* c */", "/* c */ -", "- /* c */ -"),
    *("-/* c */", " /* c */", "/* c */ ", "/* */ x", "/*/"),
)
TOP_LEVEL = ("null", "[]", '["a",{"k":1},null]', '"text"', '""', "12", "1.50", "-0.0", "true", "{}", '{"":{"":1}}')


class Grammar(Commands):
    """Makes templates from a generator of random numbers. `left` and `right` are the delimiters of all of them."""

    def __init__(self, chance: random.Random, left: str = "{{", right: str = "}}") -> None:
        super().__init__(chance)
        self.left, self.right = left, right
        self.loops = 0
        self.defined: list[str] = []

    def template(self) -> str:
        """One template: some of everything, and sometimes a character wrong."""
        self.variables, self.loops, self.inside = [], 0, None
        self.defined, self.moved = [name for name in NAMES if self.chance.random() < 0.02], 0
        defined = [self.definition(name) for name in NAMES if self.chance.random() < 0.15]
        text = "".join(defined) + self.body(self.chance.choice([3, 3, 3, 4, 5]))
        while self.chance.random() < 0.03:
            text = self.spoil(text)
        return text

    def spoil(self, text: str) -> str:
        at = self.chance.randrange(len(text) + 1)
        return text[:at] + self.chance.choice([*SPOILERS, self.left, self.right]) + text[at + 1 :]

    def definition(self, name: str) -> str:
        self.defined.append(name)
        outer = self.variables, self.inside
        self.variables, self.inside = [], name
        self.moved += 1
        text = self.action(f"define {self.quote(name)}") + self.body(1) + self.action("end")
        self.variables, self.inside = outer
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
        before = self.chance.choice(["- ", "- ", "-\n ", " ", "\t", "-"]) if self.chance.random() < 0.06 else ""
        behind = self.chance.choice([" -", " -", "\n\t-", " ", "\n", "-"]) if self.chance.random() < 0.06 else ""
        return f"{self.left}{before}{text}{behind}{self.right}"

    def text(self, _depth: int) -> str:
        return self.chance.choice(["", " ", "\n", "text", " a b ", "ünï", "x=", "%d", "\t\n "])

    def output(self, _depth: int) -> str:
        if self.chance.random() < 0.03:
            return self.left + self.chance.choice(COMMENTS) + self.right
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
            [
                ".l",
                ".ls",
                ".m",
                ".ln",
                "$.deep",
                "3",
                "(until 3)",
                "(list 1 2)",
                ".nil",
                ".s",
                "`é`",
                "2.0",
                ".n",
                *[self.pipeline(2)] * 2,
            ]
        )
        heads = [*HEADS]
        if self.variables:
            heads.append(f"{self.chance.choice(self.variables)} = ")
        head = self.chance.choice(heads)
        self.variables += [name for name in ("$i", "$e", "$é") if f"{name}" in head and ":=" in head]
        outer, self.loops = self.loops, self.loops + 1
        self.moved += 1
        text = self.action(f"range {head}{over}") + self.body(depth - 1)
        self.moved -= 1
        if self.chance.random() < 0.3:
            self.loops -= self.chance.random() < 0.9  # a jump there belongs to the loop around, or to none
            text += self.action("else") + self.body(depth - 1)
        self.loops = outer
        del self.variables[mark:]
        return text + self.action("end")

    def jump(self, _depth: int) -> str:
        word = self.action(self.chance.choice(["break", "continue"]))
        if self.chance.random() < 0.1:
            return word
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
        names = [name for name in self.defined if self.is_behind(name)]
        if not names:
            return self.definition(self.chance.choice(NAMES)) if self.chance.random() < 0.02 else ""
        data = self.chance.choice(["", self.pipeline(1), self.pipeline(1), self.pipeline(1)])
        return self.action(f"template {self.quote(self.chance.choice(names))} {data}")

    def is_behind(self, name: str) -> bool:
        return self.inside is None or name > self.inside

    def block(self, depth: int) -> str:
        names = [
            name for name in NAMES if self.is_behind(name) and (name not in self.defined or self.chance.random() < 0.1)
        ]
        if not names:
            return ""
        outer = self.variables, self.inside, self.loops
        self.variables, self.inside, self.loops = [], self.chance.choice(names), 0
        name = self.inside
        self.defined.append(name)
        self.moved += 1
        text = self.action(f"block {self.quote(name)} {self.chance.choice(['.', *FIELDS])}") + self.body(depth - 1)
        self.variables, self.inside, self.loops = outer
        self.moved -= 1
        return text + self.action("end")

    def data(self) -> str:
        """The data of a template, as JSON text."""
        pick = self.chance.choice
        if self.chance.random() < 0.06:
            return pick(TOP_LEVEL)
        text = {name: pick(DATA_STRINGS) for name in ("s", "u", "a")}
        number = [pick(["0", "1", "15", "-7", "1.5", "1e3", "12345678901234567890", "0.10"]) for _ in range(4)]
        strings = json.dumps([pick(DATA_STRINGS) for _ in range(self.chance.randrange(4))])
        mixed = f'["a",{number[0]},null,true,{json.dumps(text["a"])},[1],{{"k":"v"}}]'
        return (
            f'{{"s":{json.dumps(text["s"])},"e":"","u":{json.dumps(text["u"])},"n":{number[0]},"big":1500000,"f":{number[1]},'
            f'"t":true,"no":false,"nil":null,"l":{mixed},"ls":{strings},"ln":[3,1,{number[2]}],'
            f'"é":{json.dumps(text["a"])},"日本":{{"é":{number[3]}}},"a-b":1,"":{number[2]},"a_b":[],"x9":false,'
            f'"m":{{"é":1.5,"a":{json.dumps(text["a"])},"b":{number[3]},"c":null}},"deep":{{"a":{{"b":[1,2]}},"x":{{}}}}}}'
        )
