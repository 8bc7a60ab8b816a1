"""The main job of a family, from nothing to a report: `python examples/demo.py text`. Real data, but for drawn cells."""

from __future__ import annotations

import sys
from pathlib import Path

from seodang.cli.main import main
from seodang.core.run import list_runs
from seodang.data.named import load_named

TRAINING = {
    "text": ["rotten-tomatoes"],
    "language": ["tiny-shakespeare", "--minutes", "3", "--chunk-length", "100"],
    "words": ["wikipedia-sample"],
    "segmentation": ["drawn-cells", "--minutes", "2"],
    "gan": ["mnist-5k", "--minutes", "3"],
}
EXAMPLES = {
    "text": ["A quiet, lovely film that stays with you.", "Loud, clumsy and far too long."],
    "language": ["To be, or not to b", "What light through yonder window break"],
    "words": ["king", "river"],
    "gan": ["3:7", "--out", "runs/seven.png"],
}
OVERLAYS = "runs/overlays"
VERBS = {
    "language": [["generate", "--prompt", "ROMEO:", "--length", "500", "--seed", "7", "--stream"]],
    "words": [["neighbours", "king"], ["analogy", "man", "king", "woman"]],
    "gan": [["generate", "--count", "64", "--out", "runs/digits.png"], ["generate", "--walk", "6", "--out", "runs/walk.gif"]],
}


def demo(family: str) -> int:
    """Train on the family's demo data, predict, do what the family alone can, explain, export; returns the exit code."""
    code = main(["train", family, *TRAINING[family]])
    if code != 0:
        return code
    newest = str(max((folder.path for folder in list_runs(Path("runs"))), key=lambda path: path.stat().st_mtime))
    main(["predict", newest, *examples(family)])
    for verb, *options in VERBS.get(family, []):
        main([verb, newest, *options])
    main(["explain", newest])
    return main(["export", newest])


def examples(family: str) -> list[str]:
    """What is predicted: texts and words as they stand here, or images of the test part with a folder for their overlays."""
    if family != "segmentation":
        return EXAMPLES[family]
    pairs = load_named(TRAINING[family][0]).parts["test"].pairs
    return [*(str(image) for _, image, _ in pairs[:3]), "--overlay", OVERLAYS]


if __name__ == "__main__":
    sys.exit(demo(sys.argv[1] if len(sys.argv) > 1 else "text"))
