"""An environment by its name: any that Gymnasium knows, or `package.module:EnvironmentClass` of the user's own."""

from __future__ import annotations

import difflib
import importlib
import inspect
import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium import error, logger
from gymnasium.wrappers import TimeLimit

from seodang.core.errors import DataError, MissingExtraError, SettingsError

EXTRAS = {"Box2D": "box2d", "pygame": "video", "mujoco": "mujoco", "ale_py": "atari", "jax": ""}
"""Modules that environments are made with, and which of our extras brings them."""
ATARI = "ALE/"
PREPARED = (
    *("img_height", "img_width", "grayscale", "stack_num", "maxpool"),
    *("noop_max", "episodic_life", "reward_clipping", "use_fire_reset"),
)
"""How many games at once are prepared; a single one, which names its actions, knows nothing of it."""
ATARI_LICENCE = "Atari games run in ale-py, whose licence is the GPL, version 2: what links it and is passed on must follow it"
PREFERRED_SUFFIX = "-v"
MUJOCO = "gymnasium.envs.mujoco"
TIME_LIMIT = "max_episode_steps"  # an option of everything that Gymnasium makes, and so of a user's own
LONGEST_REASON = 400  # characters; longer ones list every argument that a function knows
QUIET = {"SDL_VIDEODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}  # draws without a screen, and advertises nothing


@dataclass(frozen=True)
class Opened:
    """An environment that is known by its name, ready to be made any number of times, in other processes too."""

    name: str
    """As the user gave it."""
    options: Mapping[str, Any]
    """What it is made with beside its name."""
    entry: str = ""
    """module:Class of the user's own; "" where Gymnasium knows it."""
    folder: str = ""
    """Where a module of the user's own is looked for first."""

    def make(self, render: bool = False) -> gymnasium.Env[Any, Any]:
        """One of it, with its time limit.

        Args: render: Whether pictures of it will be asked for.
        Raises: DataError: It cannot be made with these options. MissingExtraError: A package is missing.
        """
        options = {**self.options, **({"render_mode": "rgb_array"} if render else {})}
        with _told(self.name, self.options), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Gymnasium's own checks warn in many lines of what is checked here
            if self.entry:
                return _own(self, options)
            _register(self.name)
            _prepare_mujoco(gymnasium.spec(self.full_name).entry_point)
            kept = {name: value for name, value in options.items() if not (self.is_atari and name in PREPARED)}
            return gymnasium.make(self.name, disable_env_checker=True, **kept)

    def make_many(self, count: int) -> gymnasium.vector.VectorEnv[Any, Any, Any]:
        """Many that are stepped by one call, of an environment with `is_vectorised`."""
        with _told(self.name, self.options), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _register(self.name)
            options = {**(_atari_options() if self.is_atari else {}), **self.options}
            return gymnasium.make_vec(self.name, num_envs=count, vectorization_mode="vector_entry_point", **options)

    @property
    def is_vectorised(self) -> bool:
        """Whether Gymnasium, or the package it comes from, steps many of it by one call."""
        if self.entry:
            return False
        _register(self.name)
        specification = gymnasium.registry[_full_name(self.name)]
        return specification.vector_entry_point is not None and specification.entry_point is not None

    @property
    def time_limit(self) -> int | None:
        """Steps after which an episode is over, as Gymnasium's registry has it or as was asked for."""
        registered = None if self.entry else gymnasium.registry[_full_name(self.name)].max_episode_steps
        limit = self.options.get("max_episode_steps", registered)
        return None if limit is None else int(limit)

    @property
    def module(self) -> str:
        """That holds an environment of the user's own."""
        return self.entry.partition(":")[0]

    @property
    def is_atari(self) -> bool:
        """Whether it is an Atari game, which ale-py steps and prepares as in Mnih et al. 2015."""
        return not self.entry and self.name.startswith(ATARI)

    @property
    def full_name(self) -> str:
        """With the version that is made."""
        return self.name if self.entry else _full_name(self.name)


def open_environment(name: str, options: Sequence[str] = ()) -> Opened:
    """Find an environment and see that it can be made.

    Args:
        name: A Gymnasium id, or package.module:EnvironmentClass.
        options: What it is made with, each "name=value", the value as JSON or a text.

    Raises:
        DataError: There is no such environment; says which names are near. Or it cannot be made.
        MissingExtraError: A package that it needs is missing.
    """
    given = dict(_option(one) for one in options)
    if ":" in name and not name.startswith(ATARI):
        opened = Opened(name, given, entry=name, folder=str(Path.cwd()))
    else:
        _known(name)
        opened = Opened(name, given)
    (opened.make_many(1) if opened.is_vectorised else opened.make()).close()
    return opened


def _atari_options() -> dict[str, Any]:
    # Points as they are, and a whole game as an episode: what is measured must not be what was bent for training.
    return {"reward_clipping": False}


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier():
        raise SettingsError(
            f"{{environment_options}} must be written name=value, e.g. is_slippery=false, got {text!r}.",
            settings=("environment_options",),
            value=text,
        )
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _full_name(name: str) -> str:
    """The id with its version, as Gymnasium would choose it."""
    if name in gymnasium.registry:
        return name
    versions = [one for one in gymnasium.registry if one.rpartition(PREFERRED_SUFFIX)[0] == name]
    return max(versions, key=lambda one: int(one.rpartition(PREFERRED_SUFFIX)[2]), default=name)


def _quiet() -> None:
    """Let nobody open a window, advertise, or warn in colours of what is checked here."""
    os.environ.update({key: value for key, value in QUIET.items() if key not in os.environ})
    logger.min_level = logger.ERROR


def _register(name: str) -> None:
    """Tell Gymnasium of games that come in a package of their own."""
    if name.startswith(ATARI) and _full_name(name) not in gymnasium.registry:
        try:
            import ale_py
        except ImportError as missing:
            raise _missing(name, "ale_py") from missing
        ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        gymnasium.register_envs(ale_py)


def _prepare_mujoco(entry: Any) -> None:
    """Let MuJoCo tell what it warns of, and write neither lines of its own nor a file into the current folder."""
    if not str(entry).startswith(MUJOCO):
        return
    try:
        import mujoco  # type: ignore[import-untyped]
    except ImportError:  # Gymnasium says so, and how old an environment is that wants another package
        return
    mujoco.set_mju_user_warning(_mujoco_warns)


def _mujoco_warns(message: str) -> None:
    if "is deprecated" not in message:  # models that come with Gymnasium, which nobody here can change
        logging.getLogger(__name__).warning("MuJoCo: %s", message)


def _known(name: str) -> None:
    _register(name)
    if _full_name(name) in gymnasium.registry:
        return
    known = [one for one in gymnasium.registry if not one.startswith("phys2d/") and not one.startswith("tabular/")]
    by_letters = {one.lower(): one for one in known}
    near = [by_letters[one] for one in difflib.get_close_matches(name.lower(), by_letters, n=3, cutoff=0.5)]
    same = [one for one in known if one.lower().rpartition("-v")[0] == name.lower().rpartition("-v")[0]]
    found = list(dict.fromkeys([*reversed(same), *near]))[:3]
    hint = f"did you mean {' or '.join(found)}?" if found else "the documentation of Gymnasium lists what there is."
    own = f"{Path(name).stem}:EnvironmentClass" if name.endswith(".py") else "package.module:EnvironmentClass"
    raise DataError(f"There is no environment {name!r}: {hint} One of your own is named {own}.")


def _own(opened: Opened, options: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    module_name, class_name = opened.module, opened.entry.partition(":")[2]
    if opened.folder not in sys.path:
        sys.path.insert(0, opened.folder)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as missing:
        if missing.name is not None and f"{module_name}.".startswith(f"{missing.name}."):
            dotted = module_name.removesuffix(".py").replace("/", ".")
            hint = f"; write {dotted}:{class_name}" if dotted != module_name else ""
            raise DataError(
                f"{opened.entry}: there is no module {missing.name!r}, neither installed nor in {opened.folder}{hint}."
            ) from missing
        raise DataError(f"{opened.entry}: importing {module_name} failed: {missing}.") from missing
    if "mujoco" in sys.modules:
        _prepare_mujoco(MUJOCO)
    found = getattr(module, class_name, None)
    if found is None:
        near = difflib.get_close_matches(class_name, dir(module), n=1)
        hint = f"; did you mean {module_name}:{near[0]}?" if near else ""
        raise DataError(f"{opened.entry}: {module_name} has no {class_name!r}{hint or '.'}")
    given = dict(options)
    limit = None if TIME_LIMIT in inspect.signature(found).parameters else given.pop(TIME_LIMIT, None)
    made = found(**given)
    if not isinstance(made, gymnasium.Env):
        raise DataError(f"{opened.entry}: expected a gymnasium.Env, got {type(made).__name__}.")
    return made if limit is None else TimeLimit(made, limit)


@contextmanager
def _told(name: str, options: Mapping[str, Any]) -> Iterator[None]:
    """Whatever goes wrong while an environment is made, in one line with its name, and nothing beside it."""
    _quiet()
    try:
        yield
    except (DataError, MissingExtraError):
        raise
    except Exception as problem:
        module = next((one for one in EXTRAS if one.lower() in str(problem).lower()), None)
        if isinstance(problem, error.DependencyNotInstalled | ImportError) and module and not find_spec(module):
            raise _missing(name, module) from problem
        # What Gymnasium adds is what it was made with, which the user gave.
        reason = " ".join(str(problem).split()).partition(" was raised from the environment creator")[0]
        if len(reason) > LONGEST_REASON:
            given = " and ".join(f"{key}={value}" for key, value in options.items())
            reason = reason.partition(". ")[0] + (f"; look at {given}" if given else "")
        raise DataError(f"{name} cannot be made: {type(problem).__name__}: {reason.rstrip('.')}.") from problem


def _missing(name: str, module: str) -> MissingExtraError:
    extra = EXTRAS[module]
    how = f"pip install 'seodang[{extra}]'" if extra else f"pip install {module}"
    licence = f" {ATARI_LICENCE}." if module == "ale_py" else ""
    return MissingExtraError(f"{name} needs {module}, which is not installed: {how}.{licence}")
