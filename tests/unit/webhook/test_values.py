from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vault_secrets_webhook.webhook import values

if TYPE_CHECKING:
    from collections.abc import Callable

ACCEPTED: list[tuple[str, Callable[[str], Any], str, Any]] = [
    ("policy", values.parse_pull_policy, "Never", "Never"),
    ("policy-lower", values.parse_pull_policy, "ifnotpresent", "IfNotPresent"),
    ("medium", values.parse_medium, "Memory", "Memory"),
    ("medium-disk", values.parse_medium, "disk", ""),
    ("medium-image", values.parse_medium, "Image", "Image"),
    ("medium-image-lower", values.parse_medium, "image", "Image"),
    ("medium-auto", values.parse_medium, "Auto", "Auto"),
    ("medium-auto-lower", values.parse_medium, "auto", "Auto"),
    ("check-off", values.parse_check_level, "off", "off"),
    ("check-warn", values.parse_check_level, "warn", "warn"),
    ("check-enforce", values.parse_check_level, "enforce", "enforce"),
    ("copying", values.parse_copying, "shell", "shell"),
    ("copying-itself", values.parse_copying, "self", "self"),
    ("auth-method", values.parse_auth_method, "kubernetes", "kubernetes"),
    ("auth-method-of-another-vault-env", values.parse_auth_method, "aws-iam", "aws-iam"),
    ("log-level", values.parse_log_level, "WARN", "WARN"),
    ("quantity-milli", values.parse_quantity, "100m", "100m"),
    ("quantity-binary", values.parse_quantity, "64Mi", "64Mi"),
    ("quantity-exponent", values.parse_quantity, "1e3", "1e3"),
    ("quantity-fraction", values.parse_quantity, "1.5Gi", "1.5Gi"),
    ("quantity-point-first", values.parse_quantity, ".5", ".5"),
    ("quantity-zero", values.parse_quantity, "0", "0"),
    ("id-none", values.parse_id, "0", 0),
    ("id-largest", values.parse_id, "2147483647", 2147483647),
    ("image", values.parse_image, "registry.example:5000/a/b@sha256:0", "registry.example:5000/a/b@sha256:0"),
    ("object-name", values.parse_object_name, "a.b-c", "a.b-c"),
    ("object-name-none", values.parse_object_name, "", ""),
    ("role", values.parse_role, "shop-reader", "shop-reader"),
    ("role-template", values.parse_role, "{{ .name | lower }}", "{{ .name | lower }}"),
    ("mount", values.parse_mount, "token:vault.token", ("token", "vault.token")),
    ("mount-odd-file", values.parse_mount, "token:$(id);a b:c", ("token", "$(id);a b:c")),
    ("mount-none", values.parse_mount, "", None),
]

REFUSED: list[tuple[str, Callable[[str], Any], str]] = [
    ("policy-case", values.parse_pull_policy, "ALWAYS"),
    ("policy-empty", values.parse_pull_policy, ""),
    ("medium-case", values.parse_medium, "IMAGE"),
    ("medium-empty", values.parse_medium, ""),
    ("check-case", values.parse_check_level, "Warn"),
    ("check-empty", values.parse_check_level, ""),
    ("copying-case", values.parse_copying, "Self"),
    ("copying-other", values.parse_copying, "cp"),
    ("auth-method", values.parse_auth_method, "kubernets"),
    ("log-level", values.parse_log_level, "loud"),
    ("quantity-negative", values.parse_quantity, "-1"),
    ("quantity-unit", values.parse_quantity, "1Zi"),
    ("quantity-lower-case-binary", values.parse_quantity, "1mi"),
    ("quantity-space", values.parse_quantity, "1 Gi"),
    ("quantity-newline", values.parse_quantity, "1Gi\n"),
    ("quantity-other-digits", values.parse_quantity, "\N{ARABIC-INDIC DIGIT ONE}"),
    ("quantity-empty", values.parse_quantity, ""),
    ("quantity-long", values.parse_quantity, "1" * 33),
    ("id-negative", values.parse_id, "-1"),
    ("id-too-large", values.parse_id, "2147483648"),
    ("id-very-long", values.parse_id, "1" * 5000),
    ("id-hexadecimal", values.parse_id, "0x10"),
    ("id-other-digits", values.parse_id, "\N{ARABIC-INDIC DIGIT ONE}"),
    ("image-empty", values.parse_image, ""),
    ("image-space", values.parse_image, "a b"),
    ("image-newline", values.parse_image, "a\nb"),
    ("object-name-upper", values.parse_object_name, "Secret"),
    ("object-name-path", values.parse_object_name, "../a"),
    ("object-name-newline", values.parse_object_name, "a\n"),
    ("object-name-long", values.parse_object_name, "a" * 254),
    ("role-template", values.parse_role, "{{ .name "),
    ("role-template-function", values.parse_role, "{{ env `HOME` }}"),
    ("role-template-long", values.parse_role, "{{ .name }}" * 1000),
    ("mount-no-colon", values.parse_mount, "token"),
    ("mount-no-file", values.parse_mount, "token:"),
    ("mount-no-volume", values.parse_mount, ":file"),
    ("mount-parent", values.parse_mount, "token:.."),
    ("mount-folder", values.parse_mount, "token:a/b"),
    ("mount-newline", values.parse_mount, "token:a\nb"),
    ("mount-volume", values.parse_mount, "To_ken:file"),
    ("mount-long-volume", values.parse_mount, "a" * 64 + ":file"),
]


@pytest.mark.parametrize(("parse", "text", "expected"), [row[1:] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_accepted(parse: Callable[[str], Any], text: str, expected: Any) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(("parse", "text"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(parse: Callable[[str], Any], text: str) -> None:
    with pytest.raises(ValueError, match=r"write|needed|allowed|^template: vault-role:1: |too long|not VOLUME:FILE"):
        parse(text)
