"""What can be done with faces without training: declared here, done in the files that are imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seodang.core.verb import Tool
from seodang.families.faces import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from seodang.core.values import Boxes, Table, Text, Unread


def _detect(chosen: options.DetectOptions) -> Iterator[Boxes | Unread]:
    from seodang.families.faces.actions.detecting import detect

    return detect(chosen)


def _enroll(chosen: options.EnrollOptions) -> Table:
    from seodang.families.faces.actions.enrolling import enroll

    return enroll(chosen)


def _identify(chosen: options.IdentifyOptions) -> Iterator[Boxes | Unread]:
    from seodang.families.faces.actions.identifying import identify

    return identify(chosen)


def _verify(chosen: options.VerifyOptions) -> Table:
    from seodang.families.faces.actions.identifying import verify

    return verify(chosen)


def _people(chosen: options.PeopleOptions) -> Table:
    from seodang.families.faces.actions.managing import list_people

    return list_people(chosen)


def _forget(chosen: options.ForgetOptions) -> Text:
    from seodang.families.faces.actions.managing import forget

    return forget(chosen)


def _expire(chosen: options.ReportOptions) -> Text:
    from seodang.families.faces.actions.managing import expire

    return expire(chosen)


def _log(chosen: options.ReportOptions) -> Table:
    from seodang.families.faces.actions.managing import read_log

    return read_log(chosen)


def _report(chosen: options.ReportOptions) -> Text:
    from seodang.families.faces.actions.managing import report

    return report(chosen)


def _cluster(chosen: options.ClusterOptions) -> Table:
    from seodang.families.faces.actions.albums import cluster

    return cluster(chosen)


def _rename(chosen: options.RenameOptions) -> Text:
    from seodang.families.faces.actions import albums, managing

    return managing.rename(chosen) if chosen.known.gallery else albums.rename(chosen.words)


def _merge(chosen: options.RenameOptions) -> Text:
    from seodang.families.faces.actions import albums, managing

    return managing.merge(chosen) if chosen.known.gallery else albums.merge(chosen.words)


def _split(chosen: options.SplitOptions) -> Text:
    from seodang.families.faces.actions.albums import split

    return split(chosen)


def _passphrase(chosen: options.PassphraseOptions) -> Text:
    from seodang.families.faces.actions.managing import draw_passphrase

    return draw_passphrase(chosen)


def _weights(chosen: options.NoOptions) -> list[Table]:
    from seodang.families.faces.actions.managing import list_weights

    return list_weights()


PICTURE = "PNG file of what was found in the photo; a folder for several"
TOOLS = (
    Tool(
        "detect", "find faces, each with a box and five landmarks", options.DetectOptions, _detect, "photos", "PHOTO", PICTURE
    ),
    Tool("enroll", "add people who agreed to a gallery", options.EnrollOptions, _enroll, "people", "FOLDER"),
    Tool("passphrase", "draw a passphrase for a gallery into a file", options.PassphraseOptions, _passphrase, "words", "FILE"),
    Tool("identify", "name every face, or call it unknown", options.IdentifyOptions, _identify, "photos", "PHOTO", PICTURE),
    Tool("verify", "tell whether two photos show one person", options.VerifyOptions, _verify, "photos", "PHOTO"),
    Tool("cluster", "sort the faces of an album by people", options.ClusterOptions, _cluster, "album", "PHOTO"),
    Tool("rename", "call a person of a sorted album or a gallery otherwise", options.RenameOptions, _rename, "words", "NAME"),
    Tool("merge", "make two people of a sorted album or a gallery one", options.RenameOptions, _merge, "words", "NAME"),
    Tool("split", "make a person of a sorted album several", options.SplitOptions, _split, "words", "NAME"),
    Tool("people", "list the people of a gallery", options.PeopleOptions, _people, "words", "NAME"),
    Tool("forget", "remove people from a gallery for good", options.ForgetOptions, _forget, "words", "NAME"),
    Tool("expire", "forget everybody whose last day is past", options.ReportOptions, _expire),
    Tool("log", "what was done with a gallery, without names", options.ReportOptions, _log),
    Tool("report", "how well a gallery tells its people apart, as a page", options.ReportOptions, _report),
    Tool("weights", "the weight files: licence, source, checksum", options.NoOptions, _weights),
)
