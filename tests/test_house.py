"""The house's plan (DESIGN.md, Rooms): which room may lean on which, and what an import brings along."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[1]
PACKAGE = HOUSE / "strivelm"

# What each of the core's rooms may import of the project. A room that is not named here may import any of them.
CORE = {
    "cache": set(),
    "config": set(),
    "curve": set(),
    "events": set(),
    "fingerprint": set(),
    "decoder": set(),
    "generation": set(),
    "ngrams": set(),
    "randomness": set(),
    "tokenizer": set(),
    "checkpoint": {"config", "tokenizer"},
    "card": {"sources"},
    "sources": {"checkpoint"},
    "wire": {"cache", "checkpoint", "config"},
    "download": {"cache", "checkpoint", "config", "ngrams", "sources", "wire"},
    "sending": {"checkpoint", "wire"},
    "publish": {"cache", "card", "checkpoint", "sending", "wire"},
    "parcel": {"checkpoint"},
    "deploy": {"cache", "hub", "parcel", "sending", "wire"},
    "model": {"card", "checkpoint", "config", "decoder", "download", "generation", "publish", "tokenizer"},
    "hub": {"checkpoint", "download", "model", "ngrams", "wire"},
}
ROOMS = {
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if path != PACKAGE / "__init__.py"
}


def imports(path):
    """Every dotted name that a file imports, wherever in the file; `from strivelm import x` as strivelm.x."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively; write the whole name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def of_the_house(room):
    """The rooms that a room imports; "the face" where it takes something from strivelm/__init__.py."""
    for name in imports(ROOMS[room]):
        house, *parts = name.split(".")
        if house == "strivelm":
            prefixes = [".".join(parts[:n]) for n in range(len(parts), 0, -1)]
            yield next((prefix for prefix in prefixes if prefix in ROOMS), "the face")


def libraries(room):
    return {name.split(".")[0] for name in imports(ROOMS[room])} - {"strivelm"}


@pytest.mark.parametrize("room", sorted(CORE.keys() & ROOMS.keys()))
def test_a_room_of_the_core_leans_only_on_those_below(room):
    assert set(of_the_house(room)) <= CORE[room]


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_only_the_page_knows_the_page(room):
    if not room.startswith("ui"):
        assert not {name for name in of_the_house(room) if name.startswith(("ui", "the face"))}
        assert not libraries(room) & {"gradio", "spaces", "fastapi", "tyro", "tqdm", "transformers"}


def test_arrows_run_one_way():
    arrows, open_rooms = {room: set(of_the_house(room)) for room in ROOMS} | {"the face": set()}, []

    def walk(room):
        assert room not in open_rooms, f"a circle: {' → '.join([*open_rooms[open_rooms.index(room) :], room])}"
        open_rooms.append(room)
        for other in sorted(arrows[room]):
            walk(other)
        open_rooms.pop()

    assert arrows["model"] == CORE["model"]
    for room in ROOMS:
        walk(room)


def test_importing_strivelm_is_light_and_leaves_the_random_state():
    script = """
import sys, torch
before = torch.get_rng_state()
import strivelm
assert torch.equal(torch.get_rng_state(), before)
assert all(hasattr(strivelm, name) for name in strivelm.__all__)
print(*sorted({name.split(".")[0] for name in sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=HOUSE, capture_output=True, text=True, check=True)
    brought = set(done.stdout.split())
    assert {"strivelm", "torch", "huggingface_hub"} <= brought
    assert not brought & {"gradio", "transformers", "spaces", "tokenizers", "matplotlib", "pandas", "fastapi"}
