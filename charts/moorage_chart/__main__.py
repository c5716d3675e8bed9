"""Writes what is generated: ``python -m moorage_chart charts/moorage docs``."""

import sys
from pathlib import Path

from moorage_chart.files import write

if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
