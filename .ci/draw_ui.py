"""Take the picture of Airflow in the README, `.github/airflow.png`: a run in which one of two clusters is down.

It needs Chromium, and libraries that are in no environment of this project; run it in a checkout without `.demo`:
``$(.ci/find-uv) run --no-project --with playwright,pillow .ci/draw_ui.py``
"""

from __future__ import annotations

import io
import json
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / ".github" / "airflow.png"
DEMO = (ROOT / ".venv" / "bin" / "k8s-inventory-demo",)
DAG = "k8s_inventory"


def main() -> None:
    """Break a cluster of the demo, let Airflow run the DAG, and look."""
    subprocess.run([*DEMO], cwd=ROOT, check=True)
    subprocess.run([*DEMO, "--break", "prod"], cwd=ROOT, check=True)
    with subprocess.Popen([*DEMO, "--ui"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as ui:
        try:
            line = next(line for line in ui.stdout or () if "Airflow is at" in line)
            (url,) = re.findall(r"http://[\d.:]+", line)
            shoot(url, f"/dags/{DAG}/runs/{failed_run(url)}/tasks/sync/mapped")
        finally:
            ui.send_signal(signal.SIGINT)
            subprocess.run([*DEMO, "--heal", "prod"], cwd=ROOT, check=True)


def failed_run(url: str) -> str:
    """Wait for the end of the run; its id."""
    token = ask(f"{url}/auth/token")["access_token"]
    while True:
        (run, *_) = ask(f"{url}/api/v2/dags/{DAG}/dagRuns?order_by=-run_after", token)["dag_runs"]
        if run["state"] in ("failed", "success"):
            return str(run["dag_run_id"])
        time.sleep(1)


def ask(url: str, token: str | None = None) -> Any:
    """GET a JSON document."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as response:  # noqa: S310 (our own URL)
        return json.load(response)


def shoot(url: str, path: str) -> None:
    """Take the picture of a page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1050}, color_scheme="light")
        page.goto(url)  # the first page signs in
        page.wait_for_load_state("networkidle")
        page.goto(url + path)
        page.get_by_text("dev · pods").first.wait_for()
        picture = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    picture.quantize(128).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
