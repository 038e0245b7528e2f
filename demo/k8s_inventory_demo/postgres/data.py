"""One PostgreSQL data folder of ours: where it lies, how it is made, what its server says about itself.

`server` starts and stops that server.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airflow_provider_k8s_inventory.exceptions import DatabaseError
from k8s_inventory_demo.postgres import programs as postgres_programs
from k8s_inventory_demo.postgres.programs import Programs
from k8s_inventory_demo.processes import tail

# It never waits for the disk: all of it can be read from the clusters again.
SETTINGS: Final = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
synchronous_commit = off
full_page_writes = off
"""


@dataclass(frozen=True, slots=True)
class Postmaster:
    """The content of a running server's ``postmaster.pid``."""

    pid: int
    port: int
    ready: bool


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A folder that holds a database cluster in ``data``, with its password, port and log beside it."""

    base: Path
    account: pwd.struct_passwd | None
    """The account that owns it and runs its server; None: ours."""

    @property
    def data(self) -> Path:
        """The folder that PostgreSQL calls PGDATA."""
        return self.base / "data"

    @property
    def log(self) -> Path:
        """The file that the output of its programs goes to."""
        return self.base / "log"

    @property
    def password_file(self) -> Path:
        """The superuser's password, made with the folder."""
        return self.base / "password"

    @property
    def port_file(self) -> Path:
        """The port its server had last."""
        return self.base / "port"

    def create(self, programs: Programs) -> None:
        """Make the database cluster, unless it is there.

        :raises DatabaseError: initdb fails; with the end of what it said.
        """
        if self.data.exists():
            return
        # Whoever connects as superuser runs programs as its account (COPY … PROGRAM), and every account of the machine
        # reaches 127.0.0.1: hence a password, even for a demo (compare CVE-2014-0067).
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(secrets.token_urlsafe(16))
        if self.account:
            os.chown(self.password_file, self.account.pw_uid, self.account.pw_gid)
        # An initdb that was interrupted must not look like a database: it moves to its place when it is whole.
        unfinished = self.base / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self.run([programs.folder / "initdb", "-D", unfinished, "--pwfile", self.password_file, *_options(programs)])
        with (unfinished / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        unfinished.rename(self.data)

    def run(self, command: Sequence[str | Path]) -> None:
        """Run one of PostgreSQL's programs to its end, as the account.

        :raises DatabaseError: it fails; with the end of the log.
        """
        if self.spawn(command).wait():
            raise DatabaseError(f"PostgreSQL's {Path(command[0]).name} failed; its log ends with:\n{tail(self.log)}")

    def spawn(
        self, command: Sequence[str | Path], before: Callable[[], object] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start one of PostgreSQL's programs as the account, in a session of its own: Ctrl-C is not meant for it.

        :param before: what the new process calls before it becomes the program.
        """
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.base,
                env=environment(),
                start_new_session=True,
                preexec_fn=before,
                **postgres_programs.run_as(self.account),
            )

    def postmaster(self) -> Postmaster | None:
        """Read which server runs on the folder, or did until it was killed; None: there is none."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        # https://www.postgresql.org/docs/18/storage-file-layout.html: the lines, added one after another.
        if len(lines) < 4:
            return None
        return Postmaster(int(lines[0]), int(lines[3]), ready=len(lines) > 7 and lines[7].strip() == "ready")


def at(folder: Path) -> DataFolder:
    """Keep the data in this folder; or, where the account cannot reach it, in one elsewhere that it then links to."""
    account = postgres_programs.unprivileged()
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not folder.exists():
        folder.unlink(missing_ok=True)  # a link whose target was tidied away
        if account and not postgres_programs.open_to_others(folder.parent):
            folder.symlink_to(_private_folder(account))
        else:
            folder.mkdir()
    return _owned(folder.resolve(), account)


def throw_away(place: Path | None = None) -> DataFolder:
    """Make a new folder that the account may enter.

    :param place: the folder it is made in; None: where temporary files go.
    """
    account = postgres_programs.unprivileged()
    return _owned(_private_folder(account, place), account)


def environment() -> dict[str, str]:
    """Return the environment of PostgreSQL's programs: English messages, UTC, no settings of the user's."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}


def _private_folder(account: pwd.struct_passwd | None, wanted: Path | None = None) -> Path:
    places = [Path(place) for place in (wanted or tempfile.gettempdir(), "/tmp", "/var/tmp")]  # noqa: S108 - mkdtemp makes it safe
    for place in places:
        if account is None or postgres_programs.open_to_others(place):
            return Path(tempfile.mkdtemp(prefix="k8s-inventory-postgres-", dir=place))
    raise DatabaseError(f"PostgreSQL's account {account and account.pw_name!r} may enter none of {places}; set TMPDIR")


def _owned(base: Path, account: pwd.struct_passwd | None) -> DataFolder:
    base.chmod(0o700)
    if account:
        os.chown(base, account.pw_uid, account.pw_gid)
    return DataFolder(base, account)


def _options(programs: Programs) -> list[str]:
    options = ["-U", "postgres", "-A", "scram-sha-256", "-E", "UTF8", "--no-sync", "--no-instructions"]
    if programs.major < 17:
        return [*options, "--locale=C"]
    # PostgreSQL's own UTF-8 rules: they need no locale of the machine, and macOS has no C.UTF-8.
    return [*options, "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
