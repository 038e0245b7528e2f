"""Notice a list that does not end: a server might send pages for ever."""

from __future__ import annotations

import time
from collections.abc import Hashable
from typing import Final

from airflow_provider_k8s_inventory.exceptions import ResponseError
from airflow_provider_k8s_inventory.model import MetadataPage, Page


class Progress:
    """The progress of one list.

    The list must end before its snapshot is forgotten, in 5 to 10 minutes where etcd is compacted by default; the
    bounds are far beyond what any server with objects in it needs.
    """

    SECONDS: Final = 3600
    """Seconds for the whole list."""
    OBJECTS: Final = 10_000_000
    """etcd should hold no more than 8 GB, and an object takes it about 1 kB."""
    BARREN: Final = 10
    """Pages in a row without an object that is new."""
    SMALL: Final = 10
    """Objects below which a page counts as small."""
    SMALL_PAGES: Final = 200
    """Pages of fewer than `SMALL` objects, though more were asked for and more are to come. kube-apiserver fills its
    pages; servers that do not still fill them to tens."""

    def __init__(self, path: str, where: str) -> None:
        """Begin.

        :param path: the path that is listed.
        :param where: the context, for messages.
        """
        self._what, self._request = f"{where}: GET {path}", f"GET {path}"
        self._until = time.monotonic() + self.SECONDS
        self._tokens: set[str] = set()
        self._first: set[Hashable] = set()
        self._objects = self._barren = self._small = 0

    def check(self, page: Page | MetadataPage, asked: int) -> None:
        """Check that a page brings the list forward.

        :raises ResponseError: when it cannot go on like this.
        """
        if page.token is None:
            return
        if page.token in self._tokens:
            raise ResponseError(f"{self._what} gave the same continue token twice", request=self._request)
        self._tokens.add(page.token)
        # Lists are in the order of their keys, so one that starts again where it was has come no further.
        new = page.count > 0 and (page.first is None or page.first not in self._first)
        self._first.add(page.first)
        self._barren = 0 if new else self._barren + 1
        self._small += page.count < min(asked, self.SMALL)
        self._objects += page.count
        if why := self._endless():
            raise ResponseError(
                f"{self._what} does not end: {why}, and the server says that more is to come",
                advice="look at what serves this list",
                request=self._request,
            )

    def _endless(self) -> str | None:
        if self._barren >= self.BARREN:
            return f"{self._barren} pages in a row brought nothing new"
        if self._small >= self.SMALL_PAGES:
            return f"{self._small} pages had fewer than {self.SMALL} objects each"
        if self._objects >= self.OBJECTS:
            return f"there were {self._objects} objects"
        return f"it took more than {self.SECONDS} s" if time.monotonic() > self._until else None
