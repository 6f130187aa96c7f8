"""Words for random templates: what functions of text are at home with, and what lies at their edges."""

from __future__ import annotations

DATA_STRINGS = (
    "",
    "a",
    "hello world",
    "p@ss w0rd/+=&?#%",
    "Ünïcödé ß ﬁ",
    "日本語",
    "line one\nline two\n",
    "<a href='x'>\"q\"</a>",
    "a,b,,c",
    "12",
    "-3.50",
    "true",
    "x\u2028y\u0000z",
    "😀 e\u0301",
)
STRINGS = (
    *DATA_STRINGS,
    " ",
    ",",
    "-",
    "ab",
    "foo bar-baz_qux FooBar HTTPServer2",
    "snake_case_word",
    "/a/b/../c.tar.gz",
    "dGVzdA==",
    "dGVzdA",
    "ORSXG5A=",
    "0x1F",
    "010",
    "1_000",
    "1e3",
    "NaN",
    "9223372036854775808",
    "string",
    "map",
    "slice",
    "int64",
    "[]interface {}",
    "1h30m",
    "-1.5h",
    "2m",
    "10",
    "%",
    "%v",
    "a.b.c",
    "\t x \n",
    "İıŉǅ",
    "\u00a0nbsp\u2003",
)
NUMBERS = (
    "0",
    "1",
    "-1",
    "42",
    "1.5",
    "1e21",
    "0x10",
    "0b11",
    "1_000",
    "'x'",
    "1i",
    "9223372036854775807",
    "100000000.5",
)
FORMATS = (
    "%v", "%d", "%s", "%q", "%5.2f|", "%x", "%X", "%+v", "%#v", "%T", "%t", "%c", "%U", "%08.3f", "%-6s|", "%6s|", "%e",
    "%g", "%b", "%o", "%#x", "% x", "%+q", "%[2]d %[1]v", "%d%d", "%!", "%z", "%*d", "%.2s", "%%", "%v %v %v", "%.3v", "%5t",
)  # fmt: skip
PATTERNS = (
    "a", "[a-z]+", "(a|b)*c", "^h", "o$", r"\d+", r"\s*,\s*", "(?i)HELLO", "(?P<x>[a-c])(.)", "", "a*", "x?", "(", "[", "*",
    r"\pL", r"\p{Greek}", r"\bw", "(?s).*", "(?m)^.*$", "a{2,3}", "a{1001}", ".", "[^,]", r"\Q.*\E", r"(\w+) (\w+)", "l+?",
    "日|é", "[[:alpha:]]+", r"\z", "(a)(b)?", "a**", r"\8", "(?z)", "[b-a]",
)  # fmt: skip
VERSIONS = (
    "1.2.3", "v1.2", "1", "1.2.3-beta.1+build.5", "^1.2", "~1.2.0", ">=1.0, <2.0", "1.x", "*", "", "x.y", "1.2.3.4", "01.2.3",
    "=1.2.3", "!=1", "1.0 - 2.0", "^0.0.3", ">1 || <0.5", "1.2.3-", "~>2", "<1.2.3-alpha",
)  # fmt: skip
JSON_TEXTS = (
    "{}", "[]", "null", "1", "1.50", "1e400", '"x"', '{"a":[1,2,{"b":null}],"c":true}', "[1,", '{"a" 1}', "nul", '"\\ud800"',
    '{"a":1,"a":2}', " [ 1 ] ", "", "{'a':1}", "01", "-", '"\\x"', "[1] 2", '"tab\there"', "1e5", "-0", "12345678901234567890",
)  # fmt: skip
URLS = (
    "https://u:p@host.example:8443/a%20b/c?x=1&y=%zz#frag", "http://[::1]:80/", "//host/path", "/only/path?q", "mailto:a@b",
    "a:b:c", "http://host:port/", "%", "", "http://a b/", "x://u@h", "http://h/%2f", "?q=1", "#f", "1http://x", ":", "http://",
)  # fmt: skip
LAYOUTS = (
    "2006-01-02", "2006-01-02 15:04:05", "Mon Jan _2 15:04:05 2006", "02/01/06", "2024-02-29", "2023-02-29", "3:04PM",
    "2006-01-02T15:04:05Z07:00", "2024-02-29T13:14:15+05:30", "12:30AM", "", "Jan 2, 2006 at 3:04pm (MST)", "2006.002",
)  # fmt: skip
ZONES = ("UTC", "Local", "Europe/Paris", "Asia/Kathmandu", "America/Sao_Paulo", "Nowhere/None", "")
