#!/usr/bin/env bash
# tyro 1.0.17: the examples in a command's description.
#
# --help takes a fenced block of a description (``` … ```) for running text: it joins its lines into one, the fence's
# first line with them, so that two commands become one that can't be copied. A block that is indented by four spaces
# keeps its lines.
#
# Seen: "``` cmd one cmd two" on one line, "```" on the next; indented, "cmd one" and "cmd two" on lines of their own.
# It hurts whoever documents a command by its module's docstring, in Markdown. Instead: indent examples.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/environment"
"$work/environment/bin/pip" install --quiet "tyro==1.0.17"
cat >"$work/command.py" <<'PYTHON'
import dataclasses

import tyro


@dataclasses.dataclass
class Flags:
    number: int = 1


fenced = "Counts.\n\n```\ncmd one\ncmd two\n```"
indented = "Counts.\n\n    cmd one\n    cmd two"
for description in (fenced, indented):
    try:
        tyro.cli(Flags, description=description, args=["--help"])
    except SystemExit:
        pass
PYTHON
"$work/environment/bin/python" "$work/command.py" >"$work/help.txt"
grep -n "cmd" "$work/help.txt"
grep -qx '``` cmd one cmd two *' "$work/help.txt"
grep -qx ' *cmd one *' "$work/help.txt"
