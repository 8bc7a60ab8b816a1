"""The main job of a family, from nothing to a report: `python examples/demo.py text`. Real data, but for drawn cells."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from seodang.cli.main import main
from seodang.core.run import list_runs
from seodang.data.cache import mirror_folder
from seodang.data.image_strips import halves
from seodang.data.images import read_image, write_png
from seodang.data.named import load_named

TRAINING = {
    "text": ["rotten-tomatoes"],
    "language": ["tiny-shakespeare", "--minutes", "3", "--chunk-length", "100"],
    "words": ["wikipedia-sample"],
    "segmentation": ["drawn-cells", "--minutes", "2"],
    "gan": ["mnist-5k", "--minutes", "3"],
    "agents": ["CartPole-v1"],
    "faces": ["runs/people", "--skip-bad-photos"],
    "translation": ["facades", "--direction", "b-to-a", "--resize", "64", "--minutes", "4"],
}
EXAMPLES = {
    "text": ["A quiet, lovely film that stays with you.", "Loud, clumsy and far too long."],
    "language": ["To be, or not to b", "What light through yonder window break"],
    "words": ["king", "river"],
    "gan": ["3:7", "--out", "runs/seven.png"],
    "agents": ["[0.0, 0.5, 0.05, -0.2]"],
}
OVERLAYS, SKETCHES, PHOTOS = "runs/overlays", "runs/sketches", "runs/photos"
PEOPLE, ALBUM, NAMED, SORTED = "runs/people", "runs/album", "runs/named", "runs/sorted"
KEY = ["--gallery", "runs/gallery", "--passphrase-file", "runs/passphrase"]
VERBS = {
    "language": [["generate", "--prompt", "ROMEO:", "--length", "500", "--seed", "7", "--stream"]],
    "words": [["neighbours", "king"], ["analogy", "man", "king", "woman"]],
    "agents": [["watch", "--out", "runs/episode.mp4"], ["watch", "--sampled", "--out", "runs/episode.gif"]],
    "gan": [["generate", "--count", "64", "--out", "runs/digits.png"], ["generate", "--walk", "6", "--out", "runs/walk.gif"]],
}


def demo(family: str) -> int:
    """Train on the family's demo data, predict, do what the family alone can, explain, export; returns the exit code."""
    if family == "faces" and not gather_faces():
        return 2
    code = main(["train", family, *TRAINING[family]])
    if code != 0:
        return code
    newest = str(max((folder.path for folder in list_runs(Path("runs"))), key=lambda path: path.stat().st_mtime))
    main(["predict", newest, *examples(family)])
    for verb, *options in VERBS.get(family, []):
        main([verb, newest, *options])
    main(["explain", newest])
    if family == "faces":
        use_gallery()
    return main(["export", newest])


def examples(family: str) -> list[str]:
    """What is predicted: texts and words as they stand here, or images of the test part with a folder for what is drawn."""
    if family == "faces":
        return [ALBUM, "--out", NAMED]
    if family == "translation":
        return [*sketches(), "--out", PHOTOS]
    if family != "segmentation":
        return EXAMPLES[family]
    pairs = load_named(TRAINING[family][0]).parts["test"].pairs
    return [*(str(image) for _, image, _ in pairs[:3]), "--overlay", OVERLAYS]


def sketches() -> list[str]:
    """Label maps of three test facades as files of their own."""
    Path(SKETCHES).mkdir(parents=True, exist_ok=True)
    places = []
    for name, strip in load_named("facades").parts["test"].strips[:3]:
        places.append(f"{SKETCHES}/{name}.png")
        write_png(Path(places[-1]), halves(read_image(strip), name)[1])
    return places


def gather_faces() -> bool:
    """Twenty people of LFW, a folder each, and an album of their other photos and of strangers; whether LFW is there."""
    found = mirror_folder()
    if found is None or not (found / "lfw" / "images").is_dir():
        print("The demo of faces needs lfw/images in the folder that SEODANG_MIRROR names.", file=sys.stderr)
        return False
    everybody = sorted((found / "lfw" / "images").iterdir())
    for folder in (PEOPLE, ALBUM, SORTED):
        shutil.rmtree(folder, ignore_errors=True)
    Path(ALBUM).mkdir(parents=True)
    for number, person in enumerate(everybody[:25]):
        photos = sorted(person.glob("*.jpg"))
        if number < 20:
            shutil.copytree(person, Path(PEOPLE) / person.name, ignore=lambda _, names: sorted(names)[12:])
        for photo in photos[12:15]:
            shutil.copy(photo, ALBUM)
    return True


def use_gallery() -> None:
    """The same people without training: enroll, identify, verify, sort, report."""
    shutil.rmtree("runs/gallery", ignore_errors=True)
    Path("runs/passphrase").write_text("a passphrase for a demonstration\n", encoding="utf-8")
    Path("runs/passphrase").chmod(0o600)
    consent = ["--consent", "public figures, photos of the press, for research", "--retain-until", "never"]
    main(["faces", "enroll", PEOPLE, *KEY, *consent, "--skip-bad-photos"])
    main(["faces", "identify", ALBUM, *KEY, "--out", f"{NAMED}-by-gallery"])
    main(["faces", "cluster", ALBUM, "--out", SORTED])
    main(["faces", "report", *KEY])


if __name__ == "__main__":
    sys.exit(demo(sys.argv[1] if len(sys.argv) > 1 else "text"))
