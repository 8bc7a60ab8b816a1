"""Images and animations that a command makes, written to the files that the user named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seodang.core.errors import MachineError, SettingsError
from seodang.core.values import Image, Video

if TYPE_CHECKING:
    from collections.abc import Mapping

OUT = "out"
FILM = ".mp4"
SUFFIXES: Mapping[type, tuple[str, ...]] = {Image: (".png",), Video: (".gif", FILM)}
"""Of the files that each may be written to; the first is that of files in a folder."""


def check_target(target: str | None, suffixes: Sequence[str] = ()) -> Path:
    """Where something goes, before it is made.

    Args:
        target: As the user named it.
        suffixes: Which it may have; none where that depends on what is made.

    Raises:
        SettingsError: No place is named, its folder is not there, or it has another suffix.
        MissingExtraError: It is a film, and what writes films is not installed.
    """
    if target is None:
        raise SettingsError("{out} is missing: name the file that the picture is written to.", settings=(OUT,))
    if not Path(target).parent.is_dir():
        raise SettingsError(f"{{out}}: there is no folder {Path(target).parent}; make it first.", settings=(OUT,))
    path = Path(target)
    if suffixes and (path.suffix.lower() not in suffixes or path.is_dir()):
        raise SettingsError(f"{{out}} must be a file that ends in {' or '.join(suffixes)}, got {target}.", settings=(OUT,))
    if path.suffix.lower() == FILM:
        from seodang.draw.animation import check_mp4

        check_mp4()
    return path


def write_made(made: Any, target: Path, names: Sequence[str] = ()) -> list[Path]:
    """Write an image or an animation into a file, several into a folder; whole or not at all.

    Args:
        made: An `Image`, a `Video`, or a list of such.
        target: A file with the suffix of what is written, or a folder.
        names: Of the files in a folder; numbers without.

    Returns: The files.
    Raises:
        SettingsError: The suffix is another one, or a file is in the way of a folder.
        MachineError: The place cannot be written to.
    """
    if not isinstance(made, list):
        suffixes = SUFFIXES[type(made)]
        if target.suffix.lower() not in suffixes or target.is_dir():
            kind = "an animation" if isinstance(made, Video) else "an image"
            wanted = " or ".join(suffixes)
            raise SettingsError(f"{{out}} must be a file that ends in {wanted}, for {kind}, got {target}.", settings=(OUT,))
        _write(made, target)
        return [target]
    if target.suffix or (target.exists() and not target.is_dir()):
        raise SettingsError(f"{{out}} must be a folder, as there are {len(made):,} images, got {target}.", settings=(OUT,))
    try:
        target.mkdir(exist_ok=True)
    except OSError as error:
        raise MachineError(f"{target} cannot be made: {error.strerror}.") from error
    width = max(4, len(str(len(made))))
    called = names or [f"{number:0{width}}" for number in range(1, len(made) + 1)]
    files = [target / f"{name}{SUFFIXES[type(one)][0]}" for name, one in zip(called, made, strict=True)]
    for one, file in zip(made, files, strict=True):
        _write(one, file)
    return files


def _write(made: Image | Video, file: Path) -> None:
    from seodang.core.files import write_bytes
    from seodang.data.images import write_png
    from seodang.draw.animation import gif, mp4

    if isinstance(made, Video):
        encode = mp4 if file.suffix.lower() == FILM else gif
        write_bytes(file, encode(made.frames, made.seconds_a_frame))
    else:
        write_png(file, made.pictures[OUT]())
