"""Draw the picture of the README, `.github/run.svg`, of what a real ``make demo`` prints.

Run it with ``.venv/bin/python .ci/draw_run.py`` when that has changed, in a checkout without `.demo`: a first run has
more to show.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

ROOT: Final = Path(__file__).parents[1]
PICTURE: Final = ROOT / ".github" / "run.svg"
WIDTH: Final = 84
COLOURED: Final = {"FORCE_COLOR": "1", "TTY_INTERACTIVE": "0", "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
FONTS: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace"


def main() -> None:
    """Run the demo and draw it."""
    command = ["make", "--no-print-directory", "demo"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | COLOURED, stdout=subprocess.PIPE, check=True, text=True)
    # The throw-away password: scanners take it for a real one.
    output = re.sub(r"(?<=//postgres:)[^@]+(?=@)", "…", done.stdout)
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print("[bold]$ make demo[/]", highlight=False)
    console.print(Text.from_ansi(output.rstrip()))
    svg = console.export_svg(title="make demo", unique_id="run")
    # Where READMEs are shown, pictures may load no fonts from elsewhere.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", FONTS)
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
