"""The kubectl of this machine reads odd YAML as our table says that it does."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.kit import go_programs
from tests.kit.kubeconfigs.yaml import REFUSED, TOKENS, USERS, token

KUBECTL = go_programs.kubectl()
pytestmark = pytest.mark.skipif(KUBECTL is None, reason="no kubectl")


def users(path: Path, content: str | bytes) -> Any:
    """The users that kubectl finds in a file."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    command = [str(KUBECTL), "--kubeconfig", str(path), "config", "view", "--raw", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return REFUSED
    return {user["name"]: user["user"] for user in json.loads(done.stdout)["users"] or ()}


def test_tokens_that_are_read(tmp_path: Path) -> None:
    taken = {text: expected for text, expected in TOKENS.items() if expected is not REFUSED}
    entries = [token(text, name=f"u{number}").removeprefix("users:\n") for number, text in enumerate(taken)]
    found = users(tmp_path / "config", "users:\n" + "".join(entries))
    assert [found[f"u{number}"].get("token", "") for number in range(len(taken))] == list(taken.values())


def test_tokens_that_are_refused(tmp_path: Path) -> None:
    refused = [text for text, expected in TOKENS.items() if expected is REFUSED]
    assert [text for text in refused if users(tmp_path / "config", token(text)) is REFUSED] == refused


def test_users(tmp_path: Path) -> None:
    found = {name: users(tmp_path / "config", content) for name, (content, _) in USERS.items()}
    assert found == {name: expected for name, (_, expected) in USERS.items()}
