"""The gallery that a tool is told of: where it lies, its key, its engine, and the threshold that belongs to its size."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from seodang.core.errors import SettingsError
from seodang.families.faces.gallery.gallery import SERVERS, Gallery, open_gallery
from seodang.families.faces.gallery.records import NoGalleryError
from seodang.families.faces.gallery.sealing import master_key
from seodang.families.faces.options import GalleryOptions
from seodang.families.faces.scores.calibration import Calibration, own_calibration


def opened(options: GalleryOptions, engine: str | None, *, create: bool = False) -> Gallery:
    """The gallery that is asked for.

    Args:
        options: Where it is, and its passphrase.
        engine: Name of what makes the embeddings; None: whatever made those that are there.
        create: Make it if it is not there.

    Raises:
        SettingsError: No gallery is named. DataError: It is not there, damaged, of another engine, or the key is wrong.
        MachineError: It cannot be reached or written, or another process holds it.
    """
    if options.gallery is None:
        raise SettingsError("{gallery} is missing: name the gallery.", settings=("gallery",))
    passphrase = None if options.passphrase_file is None else Path(options.passphrase_file)
    place = place_of(options.gallery, options.galleries)
    return open_gallery(place, master_key(passphrase), engine, create=create)


def check(options: GalleryOptions, engine: str) -> None:
    """Find out before long work whether a gallery can be opened, if it is there already. Raises as `opened` does."""
    with suppress(NoGalleryError):
        opened(options, engine).close()


def place_of(gallery: str, galleries: str) -> str:
    """A server's address and a folder as they are; a bare name is a folder among the galleries."""
    name = gallery.rstrip("/")
    if gallery.startswith(SERVERS) or Path(name).name != name:
        return gallery
    return str(Path(galleries) / name)


def calibration(gallery: Gallery) -> Calibration:
    """What the scores of this gallery's own people say, where they are enough; otherwise those of many others."""
    people, embeddings = gallery.faces()
    return own_calibration(embeddings, people, gallery.engine)
