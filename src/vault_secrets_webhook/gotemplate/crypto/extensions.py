"""The extensions of a certificate that is read: each is checked as Go does, and the subject's key id is kept.

Source: package crypto/x509, `processExtensions`.
"""

from __future__ import annotations

from vault_secrets_webhook.errors import FunctionError
from vault_secrets_webhook.gotemplate.crypto.addresses import parse_address
from vault_secrets_webhook.gotemplate.crypto.der import (
    BOOLEAN,
    CONSTRUCTED,
    CONTEXT,
    INTEGER,
    OBJECT_IDENTIFIER,
    OCTET_STRING,
    SEQUENCE,
)
from vault_secrets_webhook.gotemplate.crypto.mailbox import is_mailbox
from vault_secrets_webhook.gotemplate.crypto.reader import Reader
from vault_secrets_webhook.gotemplate.values import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

EMAIL, DNS, URI, IP = CONTEXT | 1, CONTEXT | 2, CONTEXT | 6, CONTEXT | 7
INT64 = range(-(1 << 63), 1 << 63)
COUNT = range(1 << 63)
IP_SIZES = {4, 16}
NO_DIGIT = 0x80  # a number that starts with it has a zero in front
TEXTS = {
    EMAIL: "x509: SAN rfc822Name is malformed",
    DNS: "x509: SAN dNSName is malformed",
    URI: "x509: SAN uniformResourceIdentifier is malformed",
}


def check_extension(identifier: str, value: bytes, *, is_critical: bool) -> bytes | None:
    """Check an extension. Gives the key's id if it is that of the subject; raises FunctionError with Go's text."""
    if identifier in NEVER_CRITICAL and is_critical:
        raise FunctionError(f"x509: {NEVER_CRITICAL[identifier]} incorrectly marked critical", is_constant=True)
    if identifier == SUBJECT_KEY_ID:
        return Reader(value).read(OCTET_STRING, "x509: invalid subject key identifier")
    if identifier in CHECKS:
        CHECKS[identifier](Reader(value))
    return None


def check_key_usage(reader: Reader) -> None:
    reader.read_bits("x509: invalid key usage")


def check_basic_constraints(reader: Reader) -> None:
    problem = "x509: invalid basic constraints"
    reader = Reader(reader.read(SEQUENCE, problem))
    if reader.starts_with(BOOLEAN):
        reader.read_boolean(problem)
    if reader.starts_with(INTEGER):
        reader.read_integer(problem, COUNT)


def check_subject_names(reader: Reader) -> None:
    reader = Reader(reader.read(SEQUENCE, "x509: invalid subject alternative names"))
    while reader.has_more():
        tag, content, _ = reader.read_any("x509: invalid subject alternative name")
        if tag in TEXTS and not content.isascii():
            raise FunctionError(TEXTS[tag], is_constant=True)
        if tag == IP and len(content) not in IP_SIZES:
            raise FunctionError(f"x509: cannot parse IP address of length {len(content)}")
        if tag == URI:
            check_uri(content)


def check_uri(content: bytes) -> None:
    from vault_secrets_webhook.gotemplate.quote import quote
    from vault_secrets_webhook.gotemplate.sprig.urlparts import parse_url

    try:
        host = parse_url(content).host
    except FunctionError as problem:
        raise FunctionError(f"x509: cannot parse URI {decode(quote(content))}: {problem}") from None
    if (host and not all(host.split(b"."))) or not is_visible(host):
        raise FunctionError(f"x509: cannot parse URI {decode(quote(content))}: invalid domain")


def check_name_constraints(reader: Reader) -> None:
    problem = "x509: invalid NameConstraints extension"
    top = Reader(reader.read(SEQUENCE, problem))
    permitted = top.read_optional(CONTEXT | CONSTRUCTED, problem)
    excluded = top.read_optional(CONTEXT | CONSTRUCTED | 1, problem)
    if reader.has_more() or top.has_more():
        raise FunctionError(problem, is_constant=True)
    if not permitted and not excluded:
        raise FunctionError("x509: empty name constraints extension", is_constant=True)
    for subtrees in (Reader(permitted or b""), Reader(excluded or b"")):
        while subtrees.has_more():
            tag, content, _ = Reader(subtrees.read(SEQUENCE, problem)).read_any(problem)
            check_constraint(tag, content)


def check_constraint(tag: int, content: bytes) -> None:
    if tag == IP:
        check_network(content)
        return
    if tag not in KINDS:
        return
    from vault_secrets_webhook.gotemplate.quote import quote

    quoted = decode(quote(content))
    if not content.isascii():
        raise FunctionError(f"x509: invalid constraint value: x509: {quoted} cannot be encoded as an IA5String")
    if tag == URI and parse_address(content) is not None:
        raise FunctionError(f"x509: failed to parse URI constraint {quoted}: cannot be IP address")
    is_valid = is_mailbox if tag == EMAIL and b"@" in content else is_domain
    if not is_valid(content):
        raise FunctionError(f"x509: failed to parse {KINDS[tag]} constraint {quoted}")


KINDS = {DNS: "dnsName", EMAIL: "rfc822Name", URI: "URI"}


def check_network(content: bytes) -> None:
    half = len(content) // 2
    if len(content) != 2 * half or half not in IP_SIZES:
        raise FunctionError(f"x509: IP constraint contained value of length {len(content)}")
    bits = f"{int.from_bytes(content[half:], 'big'):b}"
    if b"\0" * half != content[half:] and ("01" in bits or len(bits) != half * 8):
        raise FunctionError(f"x509: IP constraint contained invalid mask {content[half:].hex()}")


def is_domain(name: bytes) -> bool:
    """Tell whether it is a domain, or, with a dot in front, what is below one."""
    if not name:
        return True
    return all(name.removeprefix(b".").split(b".")) and is_visible(name)


def is_visible(name: bytes) -> bool:
    return all(33 <= byte <= 126 for byte in name)  # noqa: PLR2004 # of ASCII


def check_distribution_points(reader: Reader) -> None:
    points = Reader(reader.read(SEQUENCE, "x509: invalid CRL distribution points"))
    problem = "x509: invalid CRL distribution point"
    while points.has_more():
        name = Reader(points.read(SEQUENCE, problem)).read_optional(CONTEXT | CONSTRUCTED, problem)
        if name is None:
            continue
        names = Reader(Reader(name).read(CONTEXT | CONSTRUCTED, problem))
        while names.starts_with(URI):
            names.read(URI, problem)


def check_authority_key_id(reader: Reader) -> None:
    problem = "x509: invalid authority key identifier"
    Reader(reader.read(SEQUENCE, problem)).read_optional(CONTEXT, problem)


def check_policy_constraints(reader: Reader) -> None:
    problem = "x509: invalid policy constraints extension"
    reader = Reader(reader.read(SEQUENCE, problem))
    for tag in (CONTEXT, CONTEXT | 1):
        if reader.starts_with(tag):
            reader.read_integer(problem, INT64, tag)


def check_extended_key_usage(reader: Reader) -> None:
    problem = "x509: invalid extended key usages"
    reader = Reader(reader.read(SEQUENCE, problem))
    while reader.has_more():
        reader.read_identifier(problem)


def check_policies(reader: Reader) -> None:
    problem = "x509: invalid certificate policies"
    reader, seen = Reader(reader.read(SEQUENCE, problem)), set()
    while reader.has_more():
        policy = Reader(reader.read(SEQUENCE, problem)).read(OBJECT_IDENTIFIER, problem)
        # Numbers may be of any size here: only where they start and end is checked.
        starts = b"\0" + bytes(byte & 0x80 for byte in policy[:-1])
        is_padded = any(byte == NO_DIGIT and not before for byte, before in zip(policy, starts, strict=False))
        if policy in seen or not policy or policy[-1] & 0x80 or is_padded:
            raise FunctionError(problem, is_constant=True)
        seen.add(policy)


def check_policy_mappings(reader: Reader) -> None:
    problem = "x509: invalid policy mappings extension"
    reader = Reader(reader.read(SEQUENCE, problem))
    while reader.has_more():
        mapping = Reader(reader.read(SEQUENCE, problem))
        mapping.read(OBJECT_IDENTIFIER, problem)
        mapping.read(OBJECT_IDENTIFIER, problem)


def check_inhibited_policy(reader: Reader) -> None:
    reader.read_integer("x509: invalid inhibit any policy extension", INT64)


def check_authority_access(reader: Reader) -> None:
    problem = "x509: invalid authority info access"
    reader = Reader(reader.read(SEQUENCE, problem))
    while reader.has_more():
        access = Reader(reader.read(SEQUENCE, problem))
        access.read_identifier(problem)
        access.read_optional(URI, problem)


SUBJECT_KEY_ID = "2.5.29.14"
NEVER_CRITICAL = {
    SUBJECT_KEY_ID: "subject key identifier",
    "2.5.29.35": "authority key identifier",
    "1.3.6.1.5.5.7.1.1": "authority info access",
}
CHECKS: dict[str, Callable[[Reader], None]] = {
    "2.5.29.15": check_key_usage,
    "2.5.29.17": check_subject_names,
    "2.5.29.19": check_basic_constraints,
    "2.5.29.30": check_name_constraints,
    "2.5.29.31": check_distribution_points,
    "2.5.29.32": check_policies,
    "2.5.29.33": check_policy_mappings,
    "2.5.29.35": check_authority_key_id,
    "2.5.29.36": check_policy_constraints,
    "2.5.29.37": check_extended_key_usage,
    "2.5.29.54": check_inhibited_policy,
    "1.3.6.1.5.5.7.1.1": check_authority_access,
}
