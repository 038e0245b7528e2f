"""Read Kubernetes' quantities (``500m``, ``16374560Ki``, ``1e3``) as numbers in base units: cores, bytes, pieces.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import Final

_QUANTITY: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:([eE][+-]?\d{1,3})|([KMGTPE]i|[numkMGTPE]))?", re.ASCII)
_UNITS: Final = {
    **{prefix: Decimal(1000) ** power for power, prefix in enumerate(["n", "u", "m", "", *"kMGTPE"], -3)},
    **{f"{prefix}i": Decimal(1024) ** power for power, prefix in enumerate("KMGTPE", 1)},
}


# The same few quantities come again and again: a pod's are those of its deployment.
@lru_cache(maxsize=4096)
def quantity(written: str | None) -> Decimal | None:
    """Read a quantity.

    :returns: the number, exactly; None: there is none.
    :raises ValueError: when it is no quantity.
    """
    if written is None:
        return None
    found = _QUANTITY.fullmatch(written)
    if not found:
        raise ValueError(f"{written[:50]!r} is not a quantity")
    number, exponent, unit = found.groups()
    return Decimal(number + exponent) if exponent else Decimal(number) * _UNITS[unit or ""]
