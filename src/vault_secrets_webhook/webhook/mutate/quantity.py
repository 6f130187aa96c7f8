"""Amounts of resources, as far as two of them have to be compared.

The notation is that of https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/; `values` has
checked it. Nothing is written here: amounts go into pods as they were given.
"""

from __future__ import annotations

import re
from decimal import Decimal

SPLIT = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+)|([KMGTPE]i|[numkMGTPE]|))")
SCALES = {
    "": Decimal(1),
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}
LARGEST_EXPONENT = 30  # far beyond what Kubernetes can count


def read_quantity(text: str) -> Decimal:
    """Read an amount. Raises ValueError for what is none."""
    found = SPLIT.fullmatch(text)
    if found is None:
        raise ValueError("not an amount of a resource")
    number, exponent, suffix = found.groups()
    if exponent is None:
        return Decimal(number) * SCALES[suffix]
    return Decimal(number).scaleb(max(-LARGEST_EXPONENT, min(int(exponent), LARGEST_EXPONENT)))


def fit_request(request: str, limit: str) -> str:
    """Give the request, or the limit where that is less: the API server takes no pod that requests more."""
    return limit if read_quantity(limit) < read_quantity(request) else request
