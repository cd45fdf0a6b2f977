"""Writes the worlds that ship with clusterproof; ``--check`` only tells whether they are as this script makes them.

python scripts/worlds.py            # write src/clusterproof/worlds/*/{kubernetes,aws}/*.json
python scripts/worlds.py --check    # exit 1 and name the files that differ
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from worldgen.asya_letter import to_the_letter
from worldgen.custom_networking import custom_networking
from worldgen.files import Files
from worldgen.gpu_cluster import demo
from worldgen.inference_at_zero import inference_at_zero

WORLDS = Path(__file__).resolve().parent.parent / "src" / "clusterproof" / "worlds"
MAKERS = {
    "demo": demo,
    "custom-networking": custom_networking,
    "inference-at-zero": inference_at_zero,
    "asya": to_the_letter,
}


def files() -> Files:
    """Path below the worlds' directory → content, for all worlds."""
    return {f"{world}/{path}": text for world, make in MAKERS.items() for path, text in make().items()}


def drift(root: Path = WORLDS) -> list[str]:
    """Files that are missing, different, or that no world has."""
    wanted = files()
    found = {str(path.relative_to(root)) for path in root.rglob("*.json")}
    differing = {name for name, text in wanted.items() if name in found and (root / name).read_text() != text}
    return sorted((wanted.keys() ^ found) | differing)


def write(root: Path = WORLDS) -> None:
    """Write all files and remove JSON files that no world has."""
    wanted = files()
    for path in sorted(root.rglob("*.json")):
        if str(path.relative_to(root)) not in wanted:
            path.unlink()
    for name, text in wanted.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def main() -> int:
    """0: written, or all as made; 1: something differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, name what differs")
    if parser.parse_args().check:
        differing = drift()
        for name in differing:
            print(f"differs: {name}", file=sys.stderr)
        return 1 if differing else 0
    write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
