"""Word vectors wherever a user has them: a run of the words family, or a file in word2vec's format."""

from __future__ import annotations

from pathlib import Path

from seodang.core.errors import DataError, RunError
from seodang.core.run import RunFolder
from seodang.data.word_vector_files import read_word_vectors
from seodang.data.word_vectors import WordVectors

FAMILY, STAGE, TABLE = "words", "train", "learner/inputs"
EXPORTED = Path("export") / "vectors.txt"


def open_word_vectors(source: str) -> WordVectors:
    """The vectors of a run folder or of a file.

    Raises:
        DataError: The file is missing or malformed.
        RunError: The run is of another family, unfinished, or must be exported first.
    """
    path = Path(source)
    if not path.is_dir():
        return read_word_vectors(path)
    run = RunFolder.open(path)
    record = run.settings()
    if record.get("family") != FAMILY:
        raise RunError(f"{path}: expected a run of {FAMILY}, got one of {record.get('family')}.")
    if not run.finished:
        raise RunError(f"{path} is unfinished; go on with `seodang resume {path}`.")
    if record["resolved"].get("ngrams"):
        if not (path / EXPORTED).is_file():
            raise RunError(f"{path}: its vectors are made of pieces of words; write them out: `seodang export {path}`.")
        return read_word_vectors(path / EXPORTED)
    words, table = run.read_json("preprocessing.json")["vocabulary"]["words"], run.stage_weights(STAGE).get(TABLE)
    if table is None or len(table) != len(words):
        raise DataError(f"{path}: its vectors do not fit its vocabulary; bring the original files back.")
    return WordVectors(tuple(words), table[:, : record["resolved"]["dimensions"]].contiguous().numpy())
