"""Signatures of AWS, against its published test vectors.

Vectors: directory `v4` of AWS's signing test suite (awslabs/aws-c-auth), by their names there, as far as their URLs are
valid ones; `documentation` is the example of the AWS General Reference.
"""

from __future__ import annotations

from calendar import timegm
from typing import TYPE_CHECKING, NamedTuple

import pytest

from vault_secrets_webhook.webhook.registry.cloud.sigv4 import Keys, sign_request
from vault_secrets_webhook.wire.message import Request

if TYPE_CHECKING:
    from collections.abc import Mapping

ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = timegm((2015, 8, 30, 12, 36, 0))
TOKEN = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"
FORM = {
    "Content-Type": "application/x-www-form-urlencoded",
    "Content-Length": "13",
    "x-amz-content-sha256": "9095672bbd1f56dfc5b65f3e153adc8731a4a654192329106275f4c7b24d0b6e",
}


class Vector(NamedTuple):
    signature: str
    signed: str = "host;x-amz-date"
    path: str = "/"
    headers: Mapping[str, str] = {}
    method: str = "GET"
    body: bytes = b""
    token: str = ""


VECTORS = {
    "get-vanilla": Vector("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    "get-vanilla-with-session-token": Vector(
        "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
        "host;x-amz-date;x-amz-security-token",
        token=TOKEN,
    ),
    "get-header-value-trim": Vector(
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        "host;my-header1;my-header2;x-amz-date",
        headers={"My-Header2": ' "a   b   c"  ', "My-Header1": " value1"},
    ),
    "get-vanilla-query-order-encoded": Vector(
        "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        path="/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
    ),
    "get-vanilla-query-order-key-case": Vector(
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500", path="/?Param2=value2&Param1=value1"
    ),
    "get-vanilla-empty-query-key": Vector(
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb", path="/?Param1=value1"
    ),
    "get-slash-pointless-dot-normalized": Vector(
        "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5", path="/./example"
    ),
    "get-relative-relative-normalized": Vector(
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31", path="/example1/example2/../.."
    ),
    "post-x-www-form-urlencoded": Vector(
        "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b",
        "content-length;content-type;host;x-amz-content-sha256;x-amz-date",
        headers=FORM,
        method="POST",
        body=b"Param1=value1",
    ),
}


@pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS)
def test_vector(vector: Vector) -> None:
    request = Request(vector.method, f"https://example.amazonaws.com{vector.path}", vector.headers, vector.body)
    signed = sign_request(request, Keys(ACCESS_KEY, SECRET_KEY, vector.token), "us-east-1", "service", NOW)
    assert signed.headers["Authorization"] == (
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={vector.signed}, Signature={vector.signature}"
    )
    assert signed.headers["X-Amz-Date"] == "20150830T123600Z"
    assert signed.headers.get("X-Amz-Security-Token", "") == vector.token
    assert (signed.method, signed.url, signed.body) == (request.method, request.url, request.body)
    assert request.headers == vector.headers  # the one that was given is as it was


def test_documentation() -> None:
    request = Request(
        "GET",
        "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
        {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
    )
    signed = sign_request(request, Keys(ACCESS_KEY, SECRET_KEY), "us-east-1", "iam", NOW)
    expected = "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    assert signed.headers["Authorization"].endswith(expected)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("/a//b/", "/a/b/", True),
        ("/a/b/", "/a/b", False),
        ("/..", "/", True),
        ("/a/..", "/", True),
        ("/?b=1&a", "/?a=&b=1", True),
        ("/?a=%2F", "/?a=/", True),
        ("/%2F", "/%252F", False),
    ],
)
def test_paths_that_mean_the_same(one: str, other: str, same: bool) -> None:
    keys = Keys(ACCESS_KEY, SECRET_KEY)
    signatures = {
        sign_request(Request("GET", f"https://a.example{path}"), keys, "r", "s", 0).headers["Authorization"]
        for path in (one, other)
    }
    assert (len(signatures) == 1) is same


def test_keys_show_nothing_secret() -> None:
    shown = repr(Keys(ACCESS_KEY, SECRET_KEY, TOKEN))
    assert SECRET_KEY not in shown
    assert TOKEN not in shown
    assert ACCESS_KEY in shown
