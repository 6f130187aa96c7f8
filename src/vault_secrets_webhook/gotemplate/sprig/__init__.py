"""Sprig v3's functions for text/template, by name; each module is imported when a template first names one of its own.

Source: Sprig v3.3.0, `TxtFuncMap` and the groups of its documentation.
"""

from __future__ import annotations

from vault_secrets_webhook.gotemplate.functions import Function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    # What each module's FUNCTIONS says of a name: signature, implementation and, if it is not 1, cost.
    Entry: TypeAlias = tuple[str, Callable[..., object]] | tuple[str, Callable[..., object], int]

MODULES = {
    "strings": (
        "cat contains hasPrefix hasSuffix hello nospace plural quote repeat replace squote substr toString trim trimAll "
        "trimPrefix trimSuffix trimall trunc"
    ),
    "casing": "initials lower swapcase title untitle upper",
    "identifiers": "camelcase kebabcase snakecase",
    "wrapping": "abbrev abbrevboth indent nindent wrap wrapWith",
    "stringlists": "join sortAlpha split splitList splitn toStrings",
    "regex": (
        "mustRegexFind mustRegexFindAll mustRegexMatch mustRegexReplaceAll mustRegexReplaceAllLiteral mustRegexSplit "
        "regexFind regexFindAll regexMatch regexQuoteMeta regexReplaceAll regexReplaceAllLiteral regexSplit"
    ),
    "encoding": "b32dec b32enc b64dec b64enc",
    "paths": "base clean dir ext isAbs osBase osClean osDir osExt osIsAbs",
    "url": "urlJoin urlParse",
    "defaults": "all any coalesce default empty fail ternary",
    "math": (
        "add add1 add1f addf biggest ceil div divf floor max maxf min minf mod mul mulf round seq sub subf until untilStep"
    ),
    "conversion": "atoi float64 int int64 toDecimal",
    "lists": (
        "append chunk compact concat first has initial last list mustAppend mustChunk mustCompact mustFirst mustHas "
        "mustInitial mustLast mustPrepend mustPush mustRest mustReverse mustSlice mustUniq mustWithout prepend push rest "
        "reverse slice tuple uniq without"
    ),
    "dicts": (
        "deepCopy dict dig get hasKey keys merge mergeOverwrite mustDeepCopy mustMerge mustMergeOverwrite omit pick pluck "
        "set unset values"
    ),
    "json": "fromJson mustFromJson mustToJson mustToPrettyJson mustToRawJson toJson toPrettyJson toRawJson",
    "reflection": "deepEqual kindIs kindOf typeIs typeIsLike typeOf",
    "versions": "semver semverCompare",
    "dates": (
        "ago date dateInZone dateModify date_in_zone date_modify duration durationRound htmlDate htmlDateInZone "
        "mustDateModify mustToDate must_date_modify now toDate unixEpoch"
    ),
    "random": "randAlpha randAlphaNum randAscii randBytes randInt randNumeric shuffle uuidv4",
    "digests": "adler32sum sha1sum sha256sum sha512sum",
    "passwords": "bcrypt decryptAES derivePassword encryptAES htpasswd",
    "certificates": (
        "buildCustomCert genCA genCAWithKey genPrivateKey genSelfSignedCert genSelfSignedCertWithKey genSignedCert "
        "genSignedCertWithKey"
    ),
    "environment": "env expandenv",
    "network": "getHostByName",
}
MODULE_OF = {name: module for module, names in MODULES.items() for name in names.split()}


class Sprig:
    """All of Sprig, looked up by name: a `FunctionSet`."""

    __slots__ = ("found",)

    def __init__(self) -> None:
        self.found: dict[str, Function] = {}

    def __contains__(self, name: object) -> bool:
        """Tell whether there is such a function, which imports nothing."""
        return name in MODULE_OF

    def get(self, name: str) -> Function | None:
        """Give the function of that name, or None."""
        if name not in self.found and name in MODULE_OF:
            # `__import__`, for the package importlib would be one import more.
            functions: dict[str, Entry] = __import__(f"{__name__}.{MODULE_OF[name]}", fromlist=["FUNCTIONS"]).FUNCTIONS
            self.found[name] = Function(name, *functions[name])
        return self.found.get(name)


SPRIG = Sprig()
