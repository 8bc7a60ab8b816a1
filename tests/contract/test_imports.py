"""The architecture, held by a test: imports point one way, and nothing in the package can run code out of a file."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import seodang

ROOT = Path(seodang.__file__).parent
SHARED = {"core", "data", "nn", "metrics", "draw"}
FRONT_DOORS = {"cli", "server", "studio", "sklearn"}
MAY_IMPORT = {
    "core": {"core"},
    "data": {"core", "data"},
    "nn": {"core", "nn"},
    "metrics": {"core", "metrics"},
    "draw": {"core", "draw"},
    "families": {"core", "families"},  # the package itself; a family in it: see `part`
    "family": SHARED,
    "api": {*SHARED, "families", "api"},
    "front door": {*SHARED, "families", "api", "seodang"},
    "seodang": {"api", "core", "cli", "seodang"},  # __init__ and __main__
}
RUNS_CODE = {"pickle", "cPickle", "_pickle", "joblib", "shelve", "marshal", "dill", "cloudpickle"}
FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


def part(module: tuple[str, ...]) -> str:
    """The part of the package that a module (its name without `seodang`) belongs to."""
    if not module or module[0] in ("__init__", "__main__"):
        return "seodang"
    if module[0] == "families" and len(module) > 1 and module[1] != "__init__":
        return "family"
    return module[0]


def imported(tree: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every module that a file imports anywhere in it, as parts of its name; `from a import b` gives a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else ()
            base = (*above, *(node.module.split(".") if node.module else ()))
            yield from ((*base, alias.name) for alias in node.names)


def complaints(file: str, source: str) -> list[str]:
    """What a file imports against the rules."""
    here = Path(file).with_suffix("").parts
    mine = part(here)
    allowed = MAY_IMPORT["front door" if mine in FRONT_DOORS else mine]
    found = []
    for name in imported(ast.parse(source), ("seodang", *here[:-1])):
        if name[0] in RUNS_CODE:
            found.append(f"{name[0]} can run code out of a file")
        if name[0] != "seodang":
            continue
        target = part(name[1:]) if is_module(name[1:]) else part(name[1:-1])
        same_family = mine == target == "family" and name[2] == here[1]
        same_door = mine in FRONT_DOORS and target == mine
        if target not in allowed and not same_family and not same_door:
            found.append(f"{mine} imports {'.'.join(name)}")
    return found


def is_module(name: tuple[str, ...]) -> bool:
    """Whether a name is a module or package of Seodang, not something in one."""
    path = ROOT.joinpath(*name)
    return path.is_dir() or path.with_suffix(".py").is_file()


@pytest.mark.parametrize("file", FILES)
def test_imports_point_one_way(file: str) -> None:
    assert not complaints(file, (ROOT / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize("file", FILES)
def test_nothing_unpickles(file: str) -> None:
    for node in ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call):
            continue
        assert ast.unparse(node.func) not in ("torch.load", "torch.jit.load", "torch.hub.load"), f"{file}:{node.lineno}"
        for keyword in node.keywords:
            refused = keyword.arg == "allow_pickle" and ast.unparse(keyword.value) != "False"
            assert not refused, f"{file}:{node.lineno}"


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("core/a.py", "from seodang.data import tables", "core imports seodang.data.tables"),
        ("core/a.py", "def f():\n    import seodang.families", "core imports seodang.families"),
        ("core/a.py", "from ..draw import charts", "core imports seodang.draw.charts"),
        ("core/a.py", "from seodang import api", "core imports seodang.api"),
        ("data/a.py", "import seodang.draw.style", "data imports seodang.draw.style"),
        ("families/text/a.py", "from seodang.families.graphs import x", "family imports seodang.families.graphs.x"),
        ("families/text/a.py", "from seodang.api import train", "family imports seodang.api.train"),
        ("families/__init__.py", "import seodang.families.text", "families imports seodang.families.text"),
        ("api.py", "from seodang.families.text.family import FAMILY", "api imports seodang.families.text.family.FAMILY"),
        ("cli/a.py", "from seodang.server import app", "cli imports seodang.server.app"),
        ("nn/a.py", "from pickle import loads", "pickle can run code out of a file"),
    ],
)
def test_the_rules_find_what_breaks_them(file: str, source: str, complaint: str) -> None:
    assert complaints(file, source) == [complaint]


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("families/text/a.py", "from seodang.families.text import cnn\nfrom .cnn import Cnn\nimport seodang.nn.layers"),
        ("families/text/a.py", "from seodang.core.step import Stepper\nfrom seodang.draw import charts"),
        ("api.py", "from seodang import families\nfrom seodang.core.run import RunFolder"),
        ("cli/a.py", "from seodang import api, families\nfrom seodang.cli.flags import spell"),
    ],
)
def test_the_rules_allow_what_is_allowed(file: str, source: str) -> None:
    assert not complaints(file, source)


def test_settings_and_families_are_listed_without_torch() -> None:
    """`seodang --help` must be there at once."""
    code = (
        "import sys, seodang, seodang.core.errors, seodang.core.settings, seodang.core.files, seodang.families as families\n"
        "[families.settings_type(name).leaves() and families.summary(name) for name in families.names()]\n"
        "print([name for name in ('torch', 'numpy', 'sklearn', 'matplotlib', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
