"""`seodang faces cluster` and what follows: an unsorted album becomes a folder of faces a person, to be put right by hand.

The folders are all there is: files may as well be moved, and folders renamed, by any other program.
"""

from __future__ import annotations

import secrets
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from seodang.core.errors import DataError, SettingsError
from seodang.core.files import PART_SUFFIX, machine_errors, write_bytes, write_json
from seodang.core.values import Table, Text
from seodang.data.images import is_image, png_bytes
from seodang.data.records import counted
from seodang.families.faces.actions.quality import eyes_and_nose
from seodang.families.faces.engine.alignment import cut_out
from seodang.families.faces.engine.boxes import Faces, Floats
from seodang.families.faces.engine.embedders import EMBEDDERS
from seodang.families.faces.engine.engine import Engine, open_engine
from seodang.families.faces.first_stage import main_face
from seodang.families.faces.options import ClusterOptions, SplitOptions
from seodang.families.faces.photos import RGB, find_photos, read_photo
from seodang.families.faces.scores import clustering
from seodang.families.faces.scores.calibration import shipped_calibration
from seodang.families.faces.scores.clustering import GROUPING_RATE, Groups
from seodang.families.faces.two_stages import Seen, look_at

PERSON, FEW = "person", "seen rarely"
MARK = "album.json"  # tells a sorted album from any other folder of folders
KEPT_SIDE = 224  # pixels of a kept face
KEPT_CHIP = 0.75  # part of it that the networks see; the rest is for people to look at


class Found(NamedTuple):
    """The faces of an album."""

    seen: tuple[Seen, ...]
    """Photos with faces."""
    photos: tuple[int, ...]
    """The photo of each face, as its place in `seen`."""
    embeddings: Floats
    unread: tuple[str, ...]
    """Why photos were left out."""


def cluster(options: ClusterOptions) -> Table:
    """Sort the faces of an album into a folder a person.

    Returns: A row a person: name, faces, photos.
    Raises:
        SettingsError: No album or place is named, or something is there already.
        DataError: There is no face in the album. MachineError: The folder cannot be written.
    """
    if not options.album:
        raise SettingsError("PHOTO is missing: name the photos, or the folder, that shall be sorted.", settings=("album",))
    if options.out is None:
        raise SettingsError("{out} is missing: name the folder that is made.", settings=("out",))
    out = Path(options.out)
    if out.exists():
        raise SettingsError(f"{{out}}: {out} is there already; choose another place.", settings=("out",))
    engine = open_engine(options.computing)
    found = _look(find_photos(options.album), engine)
    least = shipped_calibration(engine.name).threshold(GROUPING_RATE) if options.likeness is None else options.likeness
    groups = _named(clustering.groups_of(clustering.cluster(found.embeddings, least, found.photos)), options.least_faces)
    _write_album(out, found, groups, engine.name)
    rows = tuple((name, len(faces), len({found.photos[face] for face in faces})) for name, faces in groups.faces.items())
    notes = (f"sorted: {out}, the faces cut out of the photos", *(f"left out: {reason}" for reason in found.unread))
    return Table(("person", "faces", "photos"), rows, notes)


def _named(groups: Groups, least_faces: int) -> Groups:
    """The same groups with names that sort as they count; those of too few faces together in one."""
    large = [faces for faces in groups.faces.values() if len(faces) >= least_faces]
    rest = tuple(face for faces in groups.faces.values() if len(faces) < least_faces for face in faces)
    width = len(str(len(large)))
    named = {f"{PERSON} {number:0{width}}": faces for number, faces in enumerate(large, 1)}
    return Groups({**named, **({FEW: rest} if rest else {})})


def merge(words: Sequence[str]) -> Text:
    """The faces of the second person become the first's.

    Raises: SettingsError: Not a folder and two names. DataError: There is no such folder, or nobody of a name in it.
    """
    folder, one, other = _folder_and_names(words, 3)
    groups, files = _read_album(folder)
    _move(folder, files, clustering.merge(groups, one, other))
    return Text(f"{one} has the faces of {other} too")


def rename(words: Sequence[str]) -> Text:
    """Call a person otherwise. Raises as `merge` does, or: SettingsError: The name cannot be that of a folder."""
    folder, old, new = _folder_and_names(words, 3)
    if not new.strip() or Path(new).name != new or new.startswith("."):
        raise SettingsError(f"A name is expected that a folder can have, got {new!r}.", settings=("words",))
    groups, files = _read_album(folder)
    _move(folder, files, clustering.rename(groups, old, new))
    return Text(f"{old} is now {new}")


def split(options: SplitOptions) -> Text:
    """Make several people of one, as unlike as can be. Raises as `merge` does."""
    folder, name = _folder_and_names(options.words, 2)
    groups, files = _read_album(folder)
    embeddings = np.zeros((len(files), 0), np.float32)
    if name in groups.faces:  # if not, the pure function says what there is
        mine = groups.faces[name]
        own = _embedded([files[face] for face in mine], open_engine(options.computing))
        embeddings = np.zeros((len(files), own.shape[1]), np.float32)
        embeddings[list(mine)] = own
    divided = clustering.split(groups, name, embeddings, options.parts)
    _move(folder, files, divided)
    return Text(f"{name} is now {', '.join(new for new in divided.faces if new not in groups.faces or new == name)}")


def _look(photos: Sequence[Path], engine: Engine) -> Found:
    """All faces of an album. Raises: DataError: There is none."""
    seen, unread = [], []
    for one in look_at(photos, engine.find, engine.cut, engine.embed, engine.threads):
        if one.error:
            unread.append(one.error)
        elif len(one.answers):
            seen.append(one)
    if not seen:
        raise DataError(f"No face was found in {counted(len(photos), 'photo')}." + (f" {unread[0]}" if unread else ""))
    numbers = tuple(number for number, one in enumerate(seen) for _ in one.answers)
    return Found(tuple(seen), numbers, np.concatenate([one.answers for one in seen]), tuple(unread))


def _write_album(out: Path, found: Found, groups: Groups, engine: str) -> None:
    """The whole folder or nothing: made beside its place, then renamed."""
    part = out.with_name(f".{out.name}.{secrets.token_hex(4)}{PART_SUFFIX}")
    with machine_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir()
    person_of = {face: name for name, faces in groups.faces.items() for face in faces}
    stems = Counter[str]()
    face = 0
    try:
        for one in found.seen:
            pixels = read_photo(one.photo)
            for row in range(len(one.answers)):
                stems[one.photo.stem] += 1
                target = part / person_of[face] / f"{one.photo.stem}-{stems[one.photo.stem]}.png"
                with machine_errors(target):
                    target.parent.mkdir(exist_ok=True)
                write_bytes(target, png_bytes(_kept(pixels, one.faces, row, engine)))
                face += 1
        write_json(part / MARK, {"engine": engine, "photos": [str(one.photo) for one in found.seen]})
        with machine_errors(out):
            part.rename(out)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _kept(pixels: RGB, faces: Faces, row: int, engine: str) -> RGB:
    """A face upright, with more around it than the networks see."""
    embedder = EMBEDDERS["sface"]
    places = np.asarray(((embedder.places[:3] / embedder.side - 0.5) * KEPT_CHIP + 0.5) * KEPT_SIDE, np.float32)
    one = faces.chosen(np.array([row]))
    points = eyes_and_nose(one.landmarks[0], engine)
    return np.asarray(cut_out(pixels, one._replace(landmarks=points[None]), places, KEPT_SIDE)[0])


def _embedded(files: Sequence[Path], engine: Engine) -> Floats:
    """Kept faces as embeddings. Raises: DataError: One cannot be read, or shows no face."""
    found = []
    for one in look_at(files, engine.find, engine.cut, engine.embed, engine.threads):
        main = None if one.error else main_face(one.faces, one.size)
        if main is None:
            raise DataError(one.error or f"{one.photo}: no face is clearly meant; move the file out of the folder")
        found.append(one.answers[main])
    return np.stack(found)


def _folder_and_names(words: Sequence[str], count: int) -> tuple[str, ...]:
    if len(words) != count:
        names = "a name" if count == 2 else "two names; or {gallery} and two names"
        expected = f"the sorted folder and {names}"
        raise SettingsError(f"Expected {expected}, got {counted(len(words), 'word')}.", settings=("gallery",))
    if not Path(words[0]).is_dir():
        raise DataError(f"{words[0]}: there is no such folder; `seodang faces cluster` makes one.")
    if not (Path(words[0]) / MARK).is_file():
        raise DataError(f"{words[0]}: no album that `seodang faces cluster` sorted (it has no {MARK}); nothing is moved there.")
    return tuple(words)


def _read_album(folder: str) -> tuple[Groups, list[Path]]:
    """The people of a sorted album, and the files that their numbers speak of."""
    files: list[Path] = []
    people: dict[str, tuple[int, ...]] = {}
    for inside in sorted(path for path in Path(folder).iterdir() if path.is_dir() and not path.name.startswith(".")):
        own = sorted(path for path in inside.iterdir() if is_image(path))
        if own:
            people[inside.name] = tuple(range(len(files), len(files) + len(own)))
            files += own
    if not people:
        raise DataError(f"{folder}: expected a folder a person with faces in it, found none.")
    return Groups(people), files


def _move(folder: str, files: Sequence[Path], groups: Groups) -> None:
    """Put every file into the folder of its person, and take folders away that are empty then."""
    left = set()
    for name, faces in groups.faces.items():
        for face in faces:
            file, place = files[face], Path(folder) / name / files[face].name
            if file == place:
                continue
            with machine_errors(place):
                place.parent.mkdir(exist_ok=True)
                file.rename(_free(place))
            left.add(file.parent)
    for empty in left:
        if not any(empty.iterdir()):
            empty.rmdir()


def _free(place: Path) -> Path:
    """The place, or one beside it where a file of that name lies there: nothing is written over."""
    number, free = 1, place
    while free.exists():
        number += 1
        free = place.with_stem(f"{place.stem}-{number}")
    return free
