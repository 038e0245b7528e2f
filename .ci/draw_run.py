"""Draw the picture of the README, `.github/run.svg`, of what a real ``make demo`` prints.

Run it with ``.venv/bin/python .ci/draw_run.py`` when that has changed.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
from pathlib import Path
from typing import Final

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

ROOT: Final = Path(__file__).parents[1]
WIDTH: Final = 84
COLOURED: Final = {"FORCE_COLOR": "1", "TTY_INTERACTIVE": "0", "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}

# Where READMEs are shown, pictures may load no fonts from elsewhere.
FORMAT: Final = re.sub(r"@font-face \{\{.*?\}\}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL).replace(
    "Fira Code, monospace", "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
)


def main() -> None:
    """Run the demo and draw it."""
    command = ["make", "--no-print-directory", "demo"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | COLOURED, stdout=subprocess.PIPE, check=True, text=True)
    # The throw-away password; scanners take it for a real one.
    output = re.sub(r"(?<=//postgres:)[^@]+(?=@)", "…", done.stdout)
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print("[bold]$ make demo[/]", highlight=False)
    console.print(Text.from_ansi(output.rstrip()))
    picture = ROOT / ".github" / "run.svg"
    picture.parent.mkdir(exist_ok=True)
    console.save_svg(str(picture), title="make demo", code_format=FORMAT, unique_id="run")


if __name__ == "__main__":
    main()
