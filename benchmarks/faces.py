"""Faces beside face_recognition (dlib), on two cores, nothing else running.

    make benchmark-faces                         # everything, half an hour
    python benchmarks/faces.py quality           # LFW people: verification, closed set, open set
    python benchmarks/faces.py detection         # the 43 annotated boxes of dlib's example photos
    python benchmarks/faces.py speed             # photos a second, from file to embedding
    python benchmarks/faces.py search            # 100,000 embeddings
    python benchmarks/faces.py albums            # how well an album is sorted by people
    python benchmarks/faces.py same              # dlib's ResNet here and in dlib, on the same chips
    python benchmarks/faces.py calibrate         # write the calibrations that the package ships

Every part prints a table and writes its figures to benchmarks/results/faces-<part>.json with the machine they were measured
on. They need `lfw/images` and `faces/dlib-faces` in SEODANG_MIRROR.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from figures import save, table
from seodang.families.faces.engine import weights
from seodang.families.faces.engine.boxes import overlaps
from seodang.families.faces.engine.embedders import EMBEDDERS
from seodang.families.faces.engine.engine import Engine, open_engine
from seodang.families.faces.gallery.search import Index
from seodang.families.faces.options import EngineOptions
from seodang.families.faces.photos import read_photo
from seodang.families.faces.scores.calibration import SHIPPED, calibration_of, shipped_calibration
from seodang.families.faces.scores.clustering import GROUPING_RATE, cluster, clustering_scores
from seodang.families.faces.scores.measures import cumulative_match, draw_pairs, fold_accuracy, open_set, score_pairs
from seodang.families.faces.two_stages import look_at

MIRROR = Path(os.environ.get("SEODANG_MIRROR", ""))
LFW, ANNOTATED = MIRROR / "lfw" / "images", MIRROR / "faces" / "dlib-faces"
PAIRS = 3_000
ENROLLED = 5
SPLITS = 10
FALSE_ACCEPTS = 0.01
OVERLAP = 0.3  # with an annotated box, of a face that is found: dlib's squares and YuNet's upright boxes overlap by 0.5 to 0.8
SPEED_PHOTOS = 400
PEER_PHOTOS = 60
RUNS = 3
MISNAMED = ("Recep_Tayyip_Erdogan_0004.jpg", "Michael_Schumacher_0008.jpg", "Mahmoud_Abbas_0012.jpg")  # others are seen there
PEER = "face_recognition 1.3.0 (dlib 20)"


class Embedded(NamedTuple):
    """Faces of LFW by one engine."""

    embeddings: NDArray[np.float32]
    labels: NDArray[np.str_]
    missed: NDArray[np.bool_]
    """In which photos no face was found."""


def main() -> None:
    """Run one part, or all but the writing of calibrations."""
    parts: dict[str, Callable[[argparse.Namespace], Any]] = {
        "same": same,
        "detection": detection,
        "search": search,
        "speed": speed,
        "albums": albums,
        "quality": quality,
        "calibrate": calibrate,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=[*parts, "all"])
    parser.add_argument("--precision", choices=["f32", "bf16"], help="of quality; as shipped when left out")
    options = parser.parse_args()
    for name, part in parts.items():
        if options.part == name or (options.part == "all" and name != "calibrate"):
            result = part(options)
            if result is not None:
                save(f"faces-{name}", result)


def photos_of_lfw() -> list[Path]:
    """All 2,245, in the order of their names."""
    found = sorted(LFW.glob("*/*.jpg"))
    if not found:
        raise SystemExit("benchmarks/faces.py needs lfw/images in the folder that SEODANG_MIRROR names")
    return found


def engine(name: str, **options: Any) -> Engine:
    """An engine with all processors."""
    return open_engine(EngineOptions(engine=name, **options))


def embed_lfw(one: Engine) -> Embedded:
    """The face in the middle of every photo; all zeros but one number where none was found."""
    embeddings, labels, missed = [], [], []
    for seen in look_at(photos_of_lfw(), one.find, one.cut, one.embed, one.threads):
        labels.append(seen.photo.parent.name)
        missed.append(not len(seen.faces.boxes))
        if missed[-1]:
            embeddings.append(nobody(len(missed)))
            continue
        embeddings.append(seen.answers[middle(seen.faces.boxes, seen.size)])
    return Embedded(np.stack(embeddings), np.array(labels), np.array(missed))


def embed_lfw_by_peer() -> Embedded:
    """The same by face_recognition, with its own defaults."""
    import face_recognition

    embeddings, labels, missed = [], [], []
    for photo in photos_of_lfw():
        pixels = face_recognition.load_image_file(photo)
        places = face_recognition.face_locations(pixels)
        labels.append(photo.parent.name)
        missed.append(not places)
        if missed[-1]:
            embeddings.append(nobody(len(missed)))
            continue
        boxes = np.array([(left, top, right, bottom) for top, right, bottom, left in places], np.float32)
        chosen = middle(boxes, pixels.shape[:2])
        vector = face_recognition.face_encodings(pixels, [places[chosen]])[0].astype(np.float32)
        embeddings.append(vector / np.linalg.norm(vector))
    return Embedded(np.stack(embeddings), np.array(labels), np.array(missed))


def nobody(number: int) -> NDArray[np.float32]:
    """A direction that is like no face's and like that of no other missed face: a missed face is recognised by nobody."""
    found = np.random.default_rng(number).standard_normal(128).astype(np.float32)
    return found / np.linalg.norm(found)


def middle(boxes: NDArray[np.float32], size: tuple[int, int]) -> int:
    """The face that the photo is centred on."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    return int(np.hypot(*(centres - np.array(size[::-1]) / 2).T).argmin())


def quality(options: argparse.Namespace) -> Any:
    """Verification, closed-set and open-set identification on the people of LFW."""
    chosen = {"precision": options.precision} if options.precision else {}
    sides: dict[str, Callable[[], Embedded]] = {
        "sface, the default": lambda: embed_lfw(engine("sface", **chosen)),
        "resnet": lambda: embed_lfw(engine("resnet", **chosen)),
        PEER: embed_lfw_by_peer,
    }
    result = {name: measured(embed()) for name, embed in sides.items()}
    rows = [
        (
            name,
            told(one["verification"]),
            told(one["closed_set"]),
            f"{one['open_set']:.4f} ({one['open_set_least']:.4f} to {one['open_set_most']:.4f})",
            f"{one['as_shipped_false']:.4f}, {one['as_shipped_true']:.4f}",
            one["no_face"],
        )
        for name, one in result.items()
    ]
    heads = (
        "engine",
        f"accuracy of {PAIRS:,} + {PAIRS:,} pairs, ten folds",
        f"closed set, {ENROLLED} enrolled photos each: rank 1",
        f"open set: true accepts at {FALSE_ACCEPTS:.0%} false accepts of strangers, mean of {SPLITS} splits (range)",
        "at the calibrated threshold for 1 %: strangers accepted, true accepts",
        "photos without a face",
    )
    table(heads, rows)
    return result


def told(estimate: Sequence[float]) -> str:
    """A value with its interval."""
    value, low, high = estimate
    return f"{value:.4f} ({low:.4f} to {high:.4f})"


def measured(faces: Embedded) -> dict[str, Any]:
    """All figures of one engine."""
    pairs = score_pairs(faces.embeddings, faces.labels, draw_pairs(faces.labels, PAIRS, 0))
    accuracy = fold_accuracy(pairs).accuracy
    enrolled = enrolled_rows(faces.labels, 0)
    curve = cumulative_match(
        faces.embeddings[enrolled], faces.labels[enrolled], faces.embeddings[~enrolled], faces.labels[~enrolled]
    )
    splits = [open_split(faces, seed) for seed in range(SPLITS)]
    return {
        "no_face": int(faces.missed.sum()),
        "verification": [accuracy.value, accuracy.lower, accuracy.upper],
        "closed_set": [float(curve.y[0]), float(curve.lower[0]), float(curve.upper[0])],
        "open_set": statistics.mean(one[0] for one in splits),
        "open_set_least": min(one[0] for one in splits),
        "open_set_most": max(one[0] for one in splits),
        "as_shipped_false": statistics.mean(one[1] for one in splits),
        "as_shipped_true": statistics.mean(one[2] for one in splits),
    }


def enrolled_rows(labels: NDArray[np.str_], seed: int) -> NDArray[np.bool_]:
    """Five photos of each person, by chance."""
    random = np.random.default_rng(seed)
    chosen = np.zeros(len(labels), bool)
    for name in np.unique(labels):
        chosen[random.permutation(np.flatnonzero(labels == name))[:ENROLLED]] = True
    return chosen


def open_split(faces: Embedded, seed: int) -> tuple[float, float, float]:
    """A quarter of the people enrolled, a quarter strangers; the threshold comes from the other half of the people.

    Returns: True accepts where exactly 1 % of strangers are accepted; and strangers and true accepts at the threshold that is
        calibrated on other people.
    """
    random = np.random.default_rng(seed)
    people = random.permutation(np.unique(faces.labels))
    half, quarter = len(people) // 2, 3 * len(people) // 4
    known, strangers = np.isin(faces.labels, people[:half]), np.isin(faces.labels, people[half:])
    enrolled = enrolled_rows(faces.labels, seed) & known
    probes = (known & ~enrolled) | strangers
    curve = open_set(
        faces.embeddings[enrolled], faces.labels[enrolled], faces.embeddings[probes], faces.labels[probes], resamples=0
    )
    true = float(np.interp(FALSE_ACCEPTS, curve.x, curve.y))
    return true, *at_calibrated(faces, people[:half], people[half:quarter], people[quarter:], seed)


def at_calibrated(
    faces: Embedded, others: NDArray[np.str_], known: NDArray[np.str_], strangers: NDArray[np.str_], seed: int
) -> tuple[float, float]:
    """Strangers accepted, and true accepts, at the threshold that other people give for a gallery of this size."""
    rows = np.isin(faces.labels, others)
    calibration = calibration_of(faces.embeddings[rows], faces.labels[rows])
    enrolled = enrolled_rows(faces.labels, seed) & np.isin(faces.labels, known)
    threshold = calibration.threshold(FALSE_ACCEPTS, int(enrolled.sum()), len(known))
    gallery, names = faces.embeddings[enrolled], faces.labels[enrolled]
    probes = np.isin(faces.labels, known) & ~enrolled
    scores = faces.embeddings[probes] @ gallery.T
    right = (names[scores.argmax(1)] == faces.labels[probes]) & (scores.max(1) >= threshold)
    taken = (faces.embeddings[np.isin(faces.labels, strangers)] @ gallery.T).max(1) >= threshold
    return float(taken.mean()), float(right.mean())


def detection(options: argparse.Namespace) -> Any:
    """Recall and false boxes on the 43 boxes that came with dlib."""
    photos = annotated_photos()
    sides = {
        "YuNet, the default": engine("sface").find,
        "dlib HOG": engine("dlib").find,
        "dlib MMOD": engine("dlib", detector="mmod").find,
    }
    rows, result = [], {}
    for name, find in sides.items():
        found = false = 0
        start = time.perf_counter()
        for photo, boxes in photos.items():
            hits, extra = matched(find(read_photo(photo)).boxes, boxes)
            found, false = found + hits, false + extra
        seconds = time.perf_counter() - start
        total = sum(map(len, photos.values()))
        rows.append((name, f"{found} of {total}", false, f"{1000 * seconds / len(photos):.0f}"))
        result[name] = {"found": found, "annotated": total, "not_annotated": false, "ms_a_photo": 1000 * seconds / len(photos)}
    table(("detector", "annotated faces found", "boxes that nobody annotated", "ms a photo, reading it included"), rows)
    return result


def annotated_photos() -> dict[Path, NDArray[np.float32]]:
    """The boxes of each photo, (boxes, 4)."""
    found = {}
    for file in ("training_with_face_landmarks.xml", "testing_with_face_landmarks.xml"):
        for image in ElementTree.parse(ANNOTATED / file).getroot().iter("image"):
            edges = [[int(box.get(side, 0)) for side in ("left", "top", "width", "height")] for box in image.iter("box")]
            boxes = np.array(edges, np.float32)
            boxes[:, 2:] += boxes[:, :2]
            found[ANNOTATED / image.get("file", "")] = boxes
    return found


def matched(boxes: NDArray[np.float32], annotated: NDArray[np.float32]) -> tuple[int, int]:
    """Annotated boxes that are found, each by a box of its own, and boxes left over."""
    shared = overlaps(boxes, annotated)
    hits = 0
    while shared.size and shared.max() >= OVERLAP:
        row, column = np.unravel_index(shared.argmax(), shared.shape)
        shared[row], shared[:, column] = 0, 0
        hits += 1
    return hits, len(boxes) - hits


def speed(options: argparse.Namespace) -> Any:
    """Photos a second from file to embedding: every face of each."""
    chosen = np.random.default_rng(0).permutation(photos_of_lfw())[:SPEED_PHOTOS]
    photos, few = list(chosen), list(chosen[:PEER_PHOTOS])
    sides: dict[str, Callable[[], float]] = {
        f"{PEER}, one process": lambda: rate(len(few), lambda: [peer_faces(photo) for photo in few]),
        f"{PEER}, two processes": lambda: peer_processes(few),
    }
    for name in ("sface", "resnet"):
        for precision in ("f32", "bf16"):
            one = engine(name, precision=precision)
            sides[f"{name}, {one.computed_by}"] = lambda one=one: rate(len(photos), lambda: our_faces(photos, one))
        one = engine(name, runtime="onnx")
        sides[f"{name}, {one.computed_by}"] = lambda one=one: rate(len(photos), lambda: our_faces(photos, one))
    rates = {name: [] for name in sides}
    for _ in range(RUNS):  # in turn, so that a busy minute of the machine hits all alike
        for name, side in sides.items():
            rates[name].append(side())
    middle_rates = {name: statistics.median(some) for name, some in rates.items()}
    single, double = (middle_rates[name] for name in list(sides)[:2])
    rows = [
        (name, f"{one:.1f} ({min(rates[name]):.1f} to {max(rates[name]):.1f})", f"{one / single:.1f}", f"{one / double:.1f}")
        for name, one in middle_rates.items()
    ]
    table(("from file to embeddings, LFW photos of 250 x 250", "photos a second", "beside one process", "beside two"), rows)
    return {"rates": rates, "photos": len(photos), "peer_photos": len(few)}


def rate(count: int, work: Callable[[], Any]) -> float:
    """Photos a second."""
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def our_faces(photos: Sequence[Path], one: Engine) -> int:
    """How many faces were embedded."""
    return sum(len(seen.answers) for seen in look_at(photos, one.find, one.cut, one.embed, one.threads))


def peer_faces(photo: Path) -> int:
    """The same by face_recognition, with its own defaults."""
    import face_recognition

    return len(face_recognition.face_encodings(face_recognition.load_image_file(photo)))


def peer_processes(photos: Sequence[Path]) -> float:
    """Two processes, started and warm before the clock runs."""
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        list(pool.map(peer_faces, list(photos[:4])))
        return rate(len(photos), lambda: list(pool.map(peer_faces, photos)))


def search(options: argparse.Namespace) -> Any:
    """One probe among 100,000 embeddings of 10,000 people, and 64 at once."""
    random = np.random.default_rng(0)
    embeddings = random.standard_normal((100_000, 128)).astype(np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    index = Index([f"{row // 10}" for row in range(len(embeddings))], embeddings)
    result = {}
    for count in (1, 64):
        probes = embeddings[random.integers(len(embeddings), size=(200, count))].reshape(200, count, 128)
        index.nearest(probes[0], 1)
        times = []
        for some in probes:
            start = time.perf_counter()
            index.nearest(some, 1)
            times.append(1000 * (time.perf_counter() - start))
        result[str(count)] = {"median_ms": statistics.median(times), "worst_of_100_ms": float(np.percentile(times, 99))}
    rows = [(f"{count}", f"{one['median_ms']:.2f}", f"{one['worst_of_100_ms']:.2f}") for count, one in result.items()]
    table(("probes at once among 100,000 embeddings, exact", "ms, median of 200", "ms, 99th percentile"), rows)
    return result


def albums(options: argparse.Namespace) -> Any:
    """All photos of LFW as one album, sorted without a name."""
    result, rows = {}, []
    for name in ("sface", "resnet"):
        faces = embed_lfw(engine(name))
        start = time.perf_counter()
        groups = cluster(faces.embeddings, shipped_calibration(name).threshold(GROUPING_RATE))
        seconds = time.perf_counter() - start
        scores = clustering_scores(groups, faces.labels)
        result[name] = {**asdict(scores), "groups": len(np.unique(groups)), "seconds": seconds}
        measures = (scores.precision, scores.recall, scores.b_cubed, scores.adjusted_rand)
        rows.append((name, *(f"{one:.4f}" for one in measures), result[name]["groups"], f"{seconds:.1f}"))
    table(
        ("engine", "precision of pairs", "recall", "B-cubed", "adjusted Rand", "groups (96 people)", "seconds of sorting"), rows
    )
    return result


def same(options: argparse.Namespace) -> Any:
    """The largest difference between dlib's ResNet in dlib and here, over chips that dlib cut out."""
    import torch

    reference = engine("dlib")
    dlib_network = __import__("dlib").face_recognition_model_v1(str(weights.fetch(weights.RESNET)))
    module = EMBEDDERS["resnet"].module(weights.fetch(weights.RESNET)).eval()
    from seodang.families.faces.engine.runtimes import as_onnx, open_network

    model = as_onnx(EMBEDDERS["resnet"].weights, EMBEDDERS["resnet"].onnx)
    networks = {
        "PyTorch": lambda batch: module(torch.from_numpy(batch)).detach().numpy(),
        "ONNX Runtime": lambda batch: open_network(model, "onnx", "f32", 1)(batch)[0],
        "OpenVINO, f32": lambda batch: open_network(model, "openvino", "f32", 1)(batch)[0],
        "OpenVINO, bf16": lambda batch: open_network(model, "openvino", "bf16", 1)(batch)[0],
    }
    chips = []
    for photo in photos_of_lfw()[::56]:
        pixels = read_photo(photo)
        chips += list(reference.cut(pixels, reference.find(pixels)))
    expected = np.stack([np.asarray(dlib_network.compute_face_descriptor(chip)) for chip in chips])
    batch = np.ascontiguousarray(np.stack(chips).transpose(0, 3, 1, 2), np.float32)
    result = {name: float(np.abs(network(batch) - expected).max()) for name, network in networks.items()}
    table(
        ("dlib's ResNet in", f"largest difference to dlib over {len(chips)} chips"),
        [(n, f"{d:.1e}") for n, d in result.items()],
    )
    return {"chips": len(chips), **result}


def calibrate(options: argparse.Namespace) -> None:
    """Write the calibrations of all engines from all people of LFW."""
    for name, title in (("sface", "SFace"), ("resnet", "ResNet"), ("dlib", "dlib")):
        chosen = {} if name == "dlib" else {"precision": "f32"}
        faces = embed_lfw(engine(name, **chosen))
        used = np.array([photo.name not in MISNAMED for photo in photos_of_lfw()]) & ~faces.missed
        source = (
            f"{title} embeddings of {used.sum():,} photographs of 96 public people, 15 to 30 of each, from Labeled Faces in "
            "the Wild (Huang, Ramesh, Berg & Learned-Miller 2007, UMass 07-49); three photographs that show other people "
            "than their names say are left out"
        )
        calibration = calibration_of(faces.embeddings[used], faces.labels[used], source)
        (SHIPPED / f"{name}.json").write_text(json.dumps(calibration.to_json()) + "\n", encoding="utf-8")
        print(f"{name}: {calibration.threshold(0.001):.3f} at 0.1 % of pairs; {faces.missed.sum()} photos without a face")


if __name__ == "__main__":
    main()
