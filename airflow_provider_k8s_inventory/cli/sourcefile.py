"""The file of ``--config``: the YAML of a source of the CloudQuery plugin that this package replaces.

Variables are expanded as CloudQuery does it: ``${NAME}`` is an environment variable, ``${file:./path}`` the content of
a file, comments are left alone, and a variable that is not set is an error.
https://docs.cloudquery.io/docs/managing-cloudquery/environment-variables

CloudQuery pastes the values into the text and parses it then, so a value may add keys or break the YAML
(https://github.com/cloudquery/plugin-sdk/issues/480). Here they are filled in after parsing: a value stays one value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from airflow_provider_k8s_inventory.exceptions import UsageError
from airflow_provider_k8s_inventory.kube.sources import documents

_VARIABLE: Final = re.compile(rb"\$\{([^}\n]+)\}")
_PLACEHOLDER: Final = "k8s-inventory-variable-{}-"
"""A word that YAML takes for text wherever it stands; ``${NAME}`` would be a mapping within brackets."""


class SourceFile:
    """The settings under ``spec.spec``; variables are expanded when a setting is asked for.

    :param path: the file; None: no settings.
    :raises UsageError: when it cannot be read, or is no such file.
    """

    def __init__(self, path: Path | None) -> None:
        self._where = f"--config {path}"
        self._variables: list[str] = []
        self._settings = self._read(path) if path else {}

    def text(self, key: str) -> str | None:
        """Read one setting; None: it is not there.

        :raises UsageError: when a variable cannot be expanded, or nothing is left.
        """
        value = self._settings.get(key)
        if value is None:
            return None
        expanded = self._expand(str(value))
        if not expanded:
            raise UsageError(f"{self._where}: spec.spec.{key} is empty; give it a value, or leave it out")
        return expanded

    def names(self, key: str) -> Sequence[str]:
        """Read a list of names; empty: it is not there. One variable may hold the whole list: ``[dev, prod]``.

        :raises UsageError: when it is no list of names, or a variable cannot be expanded.
        """
        value = self._settings.get(key) or []
        if isinstance(value, str) and (expanded := self._expand(value)).startswith("["):
            value = documents.decode(expanded, f"{self._where}: spec.spec.{key}")
        elif isinstance(value, list) and all(isinstance(name, str) for name in value):
            value = [self._expand(name) for name in value]
        if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
            raise UsageError(f"{self._where}: spec.spec.{key} must be a list of names")
        return value

    def _read(self, path: Path) -> dict[str, Any]:
        """Read spec.spec of the first document that has one; that of a destination means other things."""
        try:
            text = _VARIABLE.sub(self._keep, path.read_bytes())
        except OSError as error:
            raise UsageError(f"{self._where}: {error.strerror}") from error
        for document in documents.decode_all(text, self._where):
            with suppress(KeyError, TypeError):
                inner = document["spec"]["spec"]
                if document.get("kind") == "destination":
                    continue
                if not isinstance(inner, dict):
                    raise UsageError(f"{self._where}: spec.spec is not a mapping")
                return inner
        raise UsageError(f"{self._where}: there is no spec.spec of a source in it")

    def _keep(self, match: re.Match[bytes]) -> bytes:
        self._variables.append(match[1].decode(errors="surrogateescape"))
        return _PLACEHOLDER.format(len(self._variables) - 1).encode()

    def _expand(self, text: str) -> str:
        """Fill in the variables; white space around the whole is dropped, as YAML does, and a file's last line end."""
        filled = re.sub(_PLACEHOLDER.format(r"(\d+)"), lambda match: self._value(self._variables[int(match[1])]), text)
        return filled if filled == text else filled.strip()

    def _value(self, variable: str) -> str:
        if variable.startswith("file:"):
            return self._content(Path(variable.removeprefix("file:")))
        if variable not in os.environ:
            raise UsageError(
                f"{self._where}: the environment variable {variable} is not set; set it: export {variable}=…"
            )
        return os.environ[variable]

    def _content(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{self._where}: the file {path} of a variable cannot be read: {error.strerror}"
            ) from error
        except UnicodeDecodeError:
            raise UsageError(f"{self._where}: the file {path} of a variable is not UTF-8") from None
