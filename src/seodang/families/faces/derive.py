"""What is left open in the settings, derived from the data, each with its reason; and what is fitted to the data."""

from __future__ import annotations

from typing import Any

from seodang.core.errors import SettingsError
from seodang.core.family import Prepared
from seodang.core.settings import alternatives
from seodang.families.faces.data import FacesData
from seodang.families.faces.first_stage import model_of
from seodang.families.faces.settings import FacesSettings

HEAD: dict[str, tuple[Any, str]] = {
    "epochs": (20, "each takes a moment: embeddings are computed once"),
    "batch_size": (64, "many small steps"),
    "learning_rate": (3e-3, "directions begin as means, which are nearly right"),
}
CNN: dict[str, tuple[Any, str]] = {
    "epochs": (40, "enough for a few thousand faces"),
    "batch_size": (32, "many small steps learn more from an epoch than few large ones"),
    "learning_rate": (2e-3, "falls to 0 along a cosine, so it may start high"),
}


def prepare(data: FacesData, settings: FacesSettings) -> Prepared[FacesSettings]:
    """Resolve settings, and keep what prediction needs again: who is who.

    Raises: SettingsError: A setting was given that the model, which was derived, does not read.
    """
    flat, model = settings.to_flat(), model_of(settings)
    _refuse_unread(flat, model)
    why = "weights of networks that know faces are at hand" if settings.data.cut else "without cutting no weights are needed"
    derived = {"model": (model, why), **(HEAD if model == "head" else CNN)}
    values = {name: value for name, (value, _) in derived.items() if flat[name] is None}
    reasons = {name: derived[name][1] for name in values}
    learned_from = sorted({one.digest for part in ("train", "validation") for one in data.parts[part].portraits})
    preprocessing = {"people": list(data.people), "learned_from": learned_from}
    return Prepared(settings.replaced(**values), reasons, preprocessing)


def _refuse_unread(flat: dict[str, Any], model: str) -> None:
    """What `Settings` refuses where the model is given, when it is derived: then a change from the default shows it."""
    for leaf in FacesSettings.leaves():
        readers = leaf.read_by.get("model", (model,))
        if model not in readers and flat[leaf.name] != leaf.default:
            raise SettingsError(
                f"{{{leaf.name}}} is read only when {{model}} is {alternatives(readers)}, and {{model}} is {model} here; leave "
                f"{{{leaf.name}}} out, or give {{model}} too.",
                settings=(leaf.name, "model"),
                value=flat[leaf.name],
            )
