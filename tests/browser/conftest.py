"""The real app on a port of its own, with a home of its own, and a real browser in front of it."""

from __future__ import annotations

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT, missing
from tests.pages.conftest import kill_workers

FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    # Only WebGL needs the pretended GPU: all else on it costs a quarter of a page's processor time.
    "--disable-gpu-rasterization",
    "--disable-accelerated-2d-canvas",
    "--disable-gpu-compositing",
]
READY = "[data-testid=stApp][data-test-script-state=notRunning]"
ARTIFACTS = ROOT / "artifacts"
# On a deep link Streamlit first looks for itself below the page's own path; the browser logs its 404.
PROBES = ("/_stcore/health", "/_stcore/host-config")


def chromium() -> str | None:
    """The browser: CHROMIUM, or one that is installed."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)


class Server:
    """The app in a process group of its own."""

    def __init__(self, home: Path, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.home, self.url = home, f"http://127.0.0.1:{self.port}"
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers; no page is asked for."""
        log = open(self.home / "server.log", "ab")  # noqa: SIM115
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "streamlit",
                "run",
                "app.py",
                "--server.port",
                str(self.port),
                "--server.address",
                "127.0.0.1",
            ],
            cwd=ROOT,
            env=os.environ | {"NPF_HOME": str(self.home)} | self.environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        deadline = time.monotonic() + 240  # on a machine that does much else
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return
            except OSError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    pytest.fail(f"the app did not start: {(self.home / 'server.log').read_text()[-2000:]}")
                time.sleep(0.2)

    def stop(self) -> None:
        """End the app; trainings that it started go on."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(20)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One app for the tests of a module."""
    if chromium() is None:
        missing("no chromium (Debian and Ubuntu: apt-get install chromium; or name one in CHROMIUM)")
    home = tmp_path_factory.mktemp("browser_home")
    found = Server(home)
    try:
        found.start()
        yield found
    finally:  # one that was too slow to answer is not left behind either
        found.stop()
        kill_workers(home)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless chromium with WebGL in software."""
    path = chromium()
    if path is None:
        missing("no chromium (Debian and Ubuntu: apt-get install chromium; or name one in CHROMIUM)")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed (pip install -r requirements-dev.txt)")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


class Visitor:
    """A page in the browser that remembers every complaint of its console."""

    def __init__(self, browser: Any, url: str, width: int = 1440, theme: str = "light") -> None:
        self.url, self.size = url, {"width": width, "height": 1000}
        self.context = browser.new_context(
            viewport=self.size,
            color_scheme=theme,
            accept_downloads=True,
            reduced_motion="reduce",
        )
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        self.page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        place = str((message.location or {}).get("url", ""))
        if message.type == "error" and not place.endswith(PROBES):
            self.complaints.append(f"console: {message.text} ({place})")

    def go(self, path: str) -> None:
        """Open an address of the app and wait until its page is complete."""
        if self.page.viewport_size != self.size:
            self.page.goto("about:blank")  # no plot draws itself anew to be left
            self.page.set_viewport_size(self.size)
        self.page.goto(self.url + path)
        self.settled()

    def settled(self) -> None:
        """Wait until the script has run and nothing says that it runs again."""
        self.page.wait_for_selector(READY)
        self.page.wait_for_timeout(600)
        self.page.wait_for_selector(READY)

    @property
    def main(self) -> Any:
        """The page without the sidebar."""
        return self.page.get_by_test_id("stMain")

    def text(self) -> str:
        """All words of the page."""
        return str(self.main.inner_text())

    def close(self) -> None:
        """Close the page, as a visitor does."""
        self.context.close()

    def screenshot(self, name: str) -> Path:
        """The whole page as PNG under artifacts/. The window stays as high as the page until the next ``go``."""
        ARTIFACTS.mkdir(exist_ok=True)
        height = self.page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        self.page.set_viewport_size(self.size | {"height": min(max(1000, int(height) + 20), 8000)})
        self.page.wait_for_timeout(1000)  # plots draw themselves anew, WebGL in software takes its time
        deadline = time.monotonic() + 15
        while self.blank() and time.monotonic() < deadline:
            self.page.wait_for_timeout(300)
        path = ARTIFACTS / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    def blank(self, plots: list[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
        """Those of the plots (default: all of the page) that show nothing (yet)."""
        empty = [
            plot for plot in (self.plots() if plots is None else plots) if plot["marks"] == 0 and plot["pixels"] < 50
        ]
        return [plot for plot in empty if not self._coloured(plot["index"])]

    def _coloured(self, index: int) -> bool:
        """Whether a picture of the plot, as it is on the screen, has colours: a 3-d scene's canvas cannot be read."""
        taken = self.page.locator(".js-plotly-plot").nth(index).screenshot()
        pixels = np.asarray(Image.open(io.BytesIO(taken)).convert("RGB")).astype(int)
        return int((np.ptp(pixels, axis=2) > 60).sum()) > 50

    def plots(self) -> list[dict[str, Any]]:
        """What each plot of the page shows: marks in its SVG, and coloured pixels on its canvases."""
        return list(self.page.evaluate(PLOTS))


def axe(page: Any) -> dict[str, Any]:
    """What axe says of the page as it is now, findings of every level."""
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        missing("axe-playwright-python is not installed (pip install -r requirements-dev.txt)")
    return dict(Axe().run(page, options={"resultTypes": ["violations"]}).response)


# Pixels are read from a picture of each canvas: a WebGL context may have dropped its own after drawing.
PLOTS = """
() => [...document.querySelectorAll('.js-plotly-plot')].map((plot, index) => {
  const marks = plot.querySelectorAll('.trace path, .heatmaplayer image, .imagelayer image, .contourlayer path').length;
  let pixels = 0;
  for (const canvas of plot.querySelectorAll('canvas')) {
    const copy = document.createElement('canvas');
    copy.width = canvas.width; copy.height = canvas.height;
    if (!copy.width || !copy.height) continue;
    const context = copy.getContext('2d');
    context.drawImage(canvas, 0, 0);
    const data = context.getImageData(0, 0, copy.width, copy.height).data;
    for (let i = 3; i < data.length; i += 4) if (data[i] > 0) pixels += 1;
  }
  const box = plot.getBoundingClientRect();
  return {index, marks, pixels, width: box.width, height: box.height,
          name: plot.closest('[class*=st-key-]')?.className.match(/st-key-(\\S+)/)?.[1] ?? ''};
})
"""


@pytest.fixture
def visitor(browser: Any, server: Server) -> Iterator[Visitor]:
    """A visitor with a wide, light screen."""
    found = Visitor(browser, server.url)
    yield found
    found.close()
