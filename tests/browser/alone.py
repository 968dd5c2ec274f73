"""A page of the tests' own, served alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import ROOT


@contextmanager
def page_alone(script: str, folder: Path) -> Iterator[str]:
    """The address of tests/browser/``script`` while it is served, its home and its log in ``folder``."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", f"tests/browser/{script}", "--server.port", str(port)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NPF_HOME": str(folder / "home")}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            deadline = time.monotonic() + 60
            while True:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                        break
                except OSError:
                    assert time.monotonic() < deadline and process.poll() is None, "the page did not start"
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/"
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(20)
