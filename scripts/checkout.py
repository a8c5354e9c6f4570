"""Importing this lets a script of a clone find the package, which lies beside the scripts, without an installation."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
