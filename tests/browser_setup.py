"""Finds a Chromium for the browser tests before they run, and says what happens without one.

Called by `make test`. Never fails: without a browser its tests are skipped with a reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
_PLACES = (
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/lib/chromium/chromium",
    "/snap/bin/chromium",
    "/opt/google/chrome/chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_APT_SECONDS = 420

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
"""What the tests start Chromium with: a browser that asks the network for nothing itself."""


def find_chromium() -> Path | None:
    """Return the Chromium of `PAYGO_CHROMIUM`, of PATH or of the usual places; None without."""
    named = os.environ.get("PAYGO_CHROMIUM")
    found = [named] if named else [*map(shutil.which, _NAMES), *_PLACES]
    for candidate in found:
        if candidate and os.access(candidate, os.X_OK) and Path(candidate).is_file():
            return Path(candidate)
    return None


def install_chromium() -> str:
    """Install Debian's package when root and apt allow it; returns why not, or nothing."""
    apt = shutil.which("apt-get")
    if apt is None:
        return "there is no apt-get here"
    if os.geteuid() != 0:
        return "installing needs root"
    print("Installing Chromium for the browser tests (once; about a minute) ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    steps = ([apt, "update", "-qq"], [apt, "install", "-y", "-qq", "chromium"])
    for step in steps:
        try:
            ran = subprocess.run(
                step,
                env=environment,
                capture_output=True,
                text=True,
                timeout=_APT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"`{' '.join(step)}` took longer than {_APT_SECONDS} s"
        # A mirror that is out of reach may still have left a usable package list.
        if ran.returncode and step[1] == "install":
            said = (ran.stderr.strip() or ran.stdout.strip()).splitlines()
            return f"`{' '.join(step)}` failed: {said[-1] if said else 'no message'}"
    return ""


def main() -> int:
    """Make a browser available if possible; prints what was found or what is skipped."""
    browser = find_chromium()
    why_not = ""
    if browser is None:
        why_not = install_chromium()
        browser = find_chromium()
    if browser is not None:
        print(f"Browser tests use {browser}.")
    else:
        print(
            f"No Chromium found: {why_not or 'the package brought none'}. "
            "SKIPPED: tests/browser (page in a real browser, network, console, accessibility, "
            "phone width). To run them: install chromium, or name one in PAYGO_CHROMIUM."
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
