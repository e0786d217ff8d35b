"""The local BigQuery emulator: its interpreter, its virtual environment, its process.

It needs Python 3.13, which the product does not; `MissingInterpreter` says so. Extensions of its
DuckDB come from the package index and are put under a home of its own.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

DUCKDB = "1.5.5"
EXTENSIONS = ("icu", "ducklake", "spatial")
REQUIREMENTS = Path(__file__).with_name("emulator.txt")
START_SECONDS = 600
HOME = Path(".paygo") / "bigquery-proof"
"""Where its environment is kept, made once."""


class MissingInterpreter(Exception):
    """There is no Python 3.13 on this machine."""


def interpreter() -> str:
    """Return a Python 3.13: PAYGO_PYTHON313, the path, or pyenv's folder."""
    named = os.environ.get("PAYGO_PYTHON313")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [str(p) for p in sorted(pyenv.glob("3.13*/bin/python3.13"))]
    for candidate in (named, shutil.which("python3.13"), *found):
        if candidate:
            ask = [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            done = subprocess.run(ask, capture_output=True, text=True, check=False)
            if done.stdout.strip() == "3.13":
                return candidate
    raise MissingInterpreter(
        "the emulator needs Python 3.13, and this machine has none. "
        "To do: install it (or name it with PAYGO_PYTHON313) and run make test-bigquery again."
    )


def prepare(folder: Path) -> Path:
    """Return the emulator's environment under `folder`, made once."""
    environment = folder / "venv"
    python = environment / "bin" / "python"
    stamp = environment / ".ready"
    if stamp.exists():
        return python
    subprocess.run([interpreter(), "-m", "venv", "--clear", str(environment)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True)
    # The emulator's own requirement names a later one, whose extensions are not in the index.
    pinned = [f"duckdb=={DUCKDB}", f"duckdb-extensions=={DUCKDB}"]
    pinned += [f"duckdb-extension-{name}=={DUCKDB}" for name in EXTENSIONS]
    subprocess.run([*pip, "--no-deps", *pinned], check=True)
    lines = "; ".join(f"d.import_extension({name!r})" for name in EXTENSIONS)
    home = folder / "home"
    home.mkdir(exist_ok=True)
    subprocess.run(
        [str(python), "-c", f"import duckdb_extensions as d; {lines}"],
        env={**os.environ, "HOME": str(home)},
        check=True,
    )
    stamp.touch()
    return python


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path, data: Path, *, as_it_is: bool = False) -> Iterator[str]:
    """Start the emulator on `data`; yield its address; end it. `as_it_is`: nothing repaired."""
    python = prepare(folder)
    port, grpc = _free_port(), _free_port()
    data.mkdir(parents=True, exist_ok=True)
    log = (data.parent / "emulator.log").open("w")
    process = subprocess.Popen(
        [str(python), str(Path(__file__).with_name("emulator_process.py"))],
        env={
            **{k: v for k, v in os.environ.items() if not k.startswith("PAYGO_")},
            "HOME": str(folder / "home"),
            "PYTHONPATH": "",
            "BIGQUERY_HOST": "127.0.0.1",
            "BIGQUERY_PORT": str(port),
            "GRPC_PORT": str(grpc),
            "DATA_DIR": str(data),
            "EMULATOR_AS_IT_IS": "1" if as_it_is else "",
        },
        stdout=log,
        stderr=subprocess.STDOUT,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(30)
        log.close()


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    until = monotonic() + START_SECONDS
    while monotonic() < until:
        if process.poll() is not None:
            sys.exit(f"the emulator ended with {process.returncode}; see emulator.log")
        try:
            urllib.request.urlopen(f"{address}/bigquery/v2/projects/x/datasets", timeout=5).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            continue
    sys.exit(f"the emulator did not answer within {START_SECONDS} s; see emulator.log")
