"""The server under test: the real app with its own home, a file it must not read, a place it must not call."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 90
MB = 2**20


@dataclass
class Answer:
    """What a plain HTTP request got."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: dict[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Listener:
    """A loopback HTTP server that nobody should call: counts its callers."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.calls: list[str] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            line, _ = self._socket.accept()
            with line:
                line.settimeout(2)
                try:
                    self.calls.append(line.recv(200).decode("latin-1").partition("\r\n")[0])
                    line.sendall(b"HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                except OSError:
                    self.calls.append("a connection")


class AppServer:
    """The app on a free port of 127.0.0.1. ``canary`` lies beside its home and holds ``secret``."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.home, self.canary = folder / "home", folder / "canary.txt"
        self.secret = f"canary{secrets.token_hex(16)}"
        self.home.mkdir(parents=True, exist_ok=True)
        self.canary.write_text(self.secret * 200, encoding="ascii")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._environment = environment | {"NPF_HOME": str(self.home), "OMP_NUM_THREADS": "1"}
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, address: str = "127.0.0.1") -> None:
        """Start, and wait for health. Raises RuntimeError where it ends or does not come up."""
        command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.address", address]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--server.port", str(self.port)],
                cwd=ROOT,
                env=os.environ | self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until = time.monotonic() + START_SECONDS
        while not self.alive():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the server did not start (exit code {self._process.poll()}): {self.log()[-300:]}")
            time.sleep(0.2)

    def stop(self) -> None:
        """End the server."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait(10)

    def log(self) -> str:
        """All that the server wrote."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def alive(self, seconds: float = 10) -> bool:
        """Whether it answers its health check in time."""
        try:
            return self.ask("/_stcore/health", seconds=seconds).status == 200
        except OSError:
            return False

    def ask(self, path: str, method: str = "GET", body: Any = None, seconds: float = 60, **headers: str) -> Answer:
        """One request; underscores in the names of headers stand for dashes."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            with contextlib.suppress(BrokenPipeError):  # refused on its way: the answer is there to be read
                line.request(method, path, body, named)
            got = line.getresponse()
            pairs = got.getheaders()
            cookies = dict(v.partition(";")[0].split("=", 1) for k, v in pairs if k.lower() == "set-cookie")
            return Answer(got.status, {k.lower(): v for k, v in pairs}, got.read(), cookies)
        finally:
            line.close()

    def guess(self, password: str) -> Answer:
        """One attempt at the sign-in form."""
        form = urlencode({"password": password, "next": "/"})
        return self.ask("/sign-in", "POST", form, content_type="application/x-www-form-urlencoded")

    # --- memory, from /proc (elsewhere than on Linux it is not known: 0) ---

    def forget_peak(self) -> None:
        """Let the peak begin at what is in memory now."""
        if self._process is not None:
            _quietly_write(Path(f"/proc/{self._process.pid}/clear_refs"), "5")

    def peak(self) -> int:
        """Bytes: the most that the server process (not its children) had since forget_peak."""
        return self._status("VmHWM")

    def resident(self) -> int:
        """Bytes in memory now."""
        return self._status("VmRSS")

    def _status(self, name: str) -> int:
        try:
            text = Path(f"/proc/{self._process.pid}/status").read_text() if self._process else ""
        except OSError:
            return 0
        found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
        return int(found[1]) * 1024 if found else 0


def _quietly_write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError:
        return
