"""Write what is generated anew: JSON Schemas, the command reference, pages and parts of pages, the shipped worlds.

Tests compare the committed files with what this writes, so that none goes stale.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from clusterproof.cli.reference import reference as commands
from clusterproof.config import schema as config
from clusterproof.profiles import docs as profiles
from clusterproof.reports import schema as reports
from clusterproof.reports.encoding import encode
from clusterproof.sources import manual as inputs

ROOT = Path(__file__).resolve().parent.parent
_DUMP = re.compile(r"```sh\nset -u\n.*?```\n\n\| kind \|.*?\n(?=\n|\Z)", re.DOTALL)


def generated() -> dict[str, str]:
    """Text by path below the checkout."""
    page = (ROOT / "docs" / "inputs.md").read_text("utf-8")
    part = f"```sh\n{inputs.script()}```\n\n{inputs.table()}"
    keys = (ROOT / "docs" / "profiles.md").read_text("utf-8")
    configuration = (ROOT / "docs" / "config.md").read_text("utf-8")
    return {
        **profiles.generated(),
        "docs/profiles.md": profiles.with_keys(keys),
        "docs/inputs.md": _DUMP.sub(lambda _: part, page),
        "docs/config.md": config.with_keys(configuration),
        f"src/clusterproof/config/{config.FILE}": config.text(),
        "docs/cli.md": commands(),
        "docs/report.md": reports.reference(),
        "docs/diff.md": reports.with_comparison((ROOT / "docs" / "diff.md").read_text("utf-8")),
        "docs/place.md": reports.with_placement((ROOT / "docs" / "place.md").read_text("utf-8")),
        f"src/clusterproof/reports/{reports.REPORT}": encode(reports.schema()),
        f"src/clusterproof/reports/{reports.COMPARISON}": encode(reports.comparison()),
        f"src/clusterproof/reports/{reports.PLACEMENT}": encode(reports.placement()),
    }


def main() -> None:
    """Write every file that differs, and say which."""
    for path, text in generated().items():
        target = ROOT / path
        if not target.exists() or target.read_text("utf-8") != text:
            target.write_text(text, "utf-8")
            print(path, file=sys.stderr)
    subprocess.run([sys.executable, str(ROOT / "scripts" / "worlds.py")], check=True)


if __name__ == "__main__":
    main()
