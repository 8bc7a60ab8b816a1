"""Agents beside stable-baselines3 with the settings of its zoo, in the same run, on two cores, nothing else running.

    make benchmark-agents                                 # everything, an hour
    python benchmarks/agents.py cartpole --seeds 10       # seconds until a mean of 475 over 100 episodes
    python benchmarks/agents.py lunarlander --seeds 3     # seconds until a mean of 200
    python benchmarks/agents.py pendulum --seeds 3        # sac beside SAC: 20,000 steps each, seconds and returns
    python benchmarks/agents.py presets --seeds 3         # every tuned preset: what it reaches, and how long that takes

Both sides are measured by the same 100 episodes, doing what they hold for best, after every so many steps in the environment;
the first measurement above the mark counts. Seconds are those of making environments and networks, acting and learning. Left
out are imports and first calls (a short training of each goes before), and the time of the measurements. PyTorch has all
threads for either side unless --peer-threads says otherwise for the peer. Every part prints a table and writes its figures to
benchmarks/results/agents-<part>.json with the machine they were measured on.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import gymnasium
import torch

import seodang
from figures import save, table
from seodang.core.processors import usable_threads
from seodang.core.trainer import Evaluated
from seodang.families.agents.data import read_environment
from seodang.families.agents.evaluation import play
from seodang.families.agents.settings import AgentsSettings
from seodang.families.agents.tuned import ENVIRONMENTS

EPISODES = 100
MARKS = {"cartpole": ("CartPole-v1", 475.0, 5000), "lunarlander": ("LunarLander-v3", 200.0, 25_000)}
MOST_STEPS = {"cartpole": 100_000, "lunarlander": 1_000_000}
PENDULUM_STEPS = 20_000

# github.com/DLR-RM/rl-baselines3-zoo, hyperparams/ppo.yml and sac.yml, 2.9
ZOO: dict[str, dict[str, Any]] = {
    "cartpole": {
        "environments": 8, "n_steps": 32, "batch_size": 256, "gae_lambda": 0.8, "gamma": 0.98, "n_epochs": 20, "ent_coef": 0.0,
        "learning_rate": lambda left: 0.001 * left, "clip_range": lambda left: 0.2 * left,
    },
    "lunarlander": {
        "environments": 16, "n_steps": 1024, "batch_size": 64, "gae_lambda": 0.98, "gamma": 0.999, "n_epochs": 4,
        "ent_coef": 0.01,
    },
    "pendulum": {"environments": 1, "learning_rate": 1e-3},
}  # fmt: skip


@dataclass(frozen=True)
class Reached:
    """One training up to its mark."""

    seconds: float
    steps: int
    mean: float
    steps_a_second: float
    hit: bool


def main() -> None:
    """Run one part, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["cartpole", "lunarlander", "pendulum", "presets", "all"])
    parser.add_argument("--seeds", type=int, help="10 for cartpole, else 3")
    parser.add_argument("--only", nargs="+", default=[], help="`presets`: the environments")
    parser.add_argument("--peer-threads", type=int, default=usable_threads())
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # Gymnasium speaks of newer versions
    parts = {
        "cartpole": lambda: race("cartpole", options.seeds or 10, options.peer_threads),
        "lunarlander": lambda: race("lunarlander", options.seeds or 3, options.peer_threads),
        "pendulum": lambda: pendulum(options.seeds or 3, options.peer_threads),
        "presets": lambda: presets(options.seeds or 3, options.only),
    }
    for part in parts if options.part == "all" else [options.part]:
        parts[part]()


def race(name: str, seeds: int, peer_threads: int) -> None:
    """Both sides, seed after seed in turn, up to the mark."""
    environment, mark, every = MARKS[name]
    warm_up(environment)
    ours, peers = [], []
    for seed in range(seeds):
        ours.append(our_race(name, seed))
        peers.append(peer_race(name, seed, peer_threads))
        print(f"{environment}, seed {seed}: ours {ours[-1]}; peer {peers[-1]}", flush=True)
        sides = {"ours": list(map(asdict, ours)), "peer": list(map(asdict, peers))}
        save(f"agents-{name}{'-one-thread' if peer_threads == 1 else ''}", {**sides, "peer_threads": peer_threads})
    part = statistics.mean(one.seconds for one in ours) / statistics.mean(one.seconds for one in peers)
    rows = [
        row("Seodang", ours, mark),
        row(f"stable-baselines3, threads: {peer_threads}", peers, mark),
    ]
    table((f"{environment} to {mark:g}, measured every {every:,} steps", "reached", "seconds", "steps", "steps/s"), rows)
    print(f"\n{part:.3f} of the peer's time, {1 / part:.1f} times as fast\n")


def row(who: str, found: Sequence[Reached], mark: float) -> tuple[str, ...]:
    """One side in the table."""
    seconds, steps = [one.seconds for one in found], [one.steps for one in found]
    return (
        who,
        f"{sum(one.hit for one in found)} of {len(found)}",
        f"{statistics.mean(seconds):.2f} ({min(seconds):.2f} to {max(seconds):.2f})",
        f"{statistics.mean(steps):,.0f} ({min(steps):,} to {max(steps):,})",
        f"{statistics.mean(one.steps_a_second for one in found):,.0f}",
    )


def our_race(name: str, seed: int) -> Reached:
    """`seodang.train` with the tuned settings, stopped at the mark."""
    environment, mark, every = MARKS[name]
    stopped: list[tuple[float, int, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()

        def watch(event: Any) -> None:
            if isinstance(event, Evaluated) and not stopped and event.values["episode_return"] >= mark:
                stopped.append((time.perf_counter(), event.step, event.values["episode_return"]))

        run = seodang.train(
            "agents", environment, runs=folder, seed=seed, episodes=EPISODES, watched_episodes=EPISODES,
            epochs=MOST_STEPS[name] // every, steps=MOST_STEPS[name], observers=[watch], should_stop=lambda: bool(stopped),
        )  # fmt: skip
        training = run.settings.to_flat()
        ended, step, mean = stopped[0] if stopped else (time.perf_counter(), 0, float("nan"))
        rows = run.folder.rows("timings.jsonl")
        measuring = sum(row.get("evaluation_seconds", 0.0) for row in rows)
        seconds = ended - began - measuring
        steps = step * training["environments"] * training["horizon"]
    return Reached(seconds, steps, mean, steps / seconds, bool(stopped))


def peer_race(name: str, seed: int, threads: int) -> Reached:
    """The peer's PPO with the zoo's settings, stopped at the mark."""
    from stable_baselines3 import PPO
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_vec_env

    environment, mark, every = MARKS[name]
    measure = measured(environment, seed)

    class Watch(BaseCallback):
        """Measures every so many steps."""

        def __init__(self) -> None:
            super().__init__()
            self.next, self.measuring, self.mean = every, 0.0, 0.0

        def _on_step(self) -> bool:
            if self.num_timesteps < self.next:
                return True
            self.next += every
            began = time.perf_counter()
            self.mean = measure(lambda seen: self.model.predict(seen, deterministic=True)[0])
            self.measuring += time.perf_counter() - began
            return self.mean < mark

    torch.set_num_threads(threads)
    settings = dict(ZOO[name])
    watch, began = Watch(), time.perf_counter()
    environments = make_vec_env(environment, n_envs=settings.pop("environments"), seed=seed)
    model = PPO("MlpPolicy", environments, seed=seed, device="cpu", **settings)
    model.learn(MOST_STEPS[name], callback=watch)
    seconds = time.perf_counter() - began - watch.measuring
    environments.close()
    return Reached(seconds, model.num_timesteps, watch.mean, model.num_timesteps / seconds, watch.mean >= mark)


def pendulum(seeds: int, peer_threads: int) -> None:
    """Two trainings of as many steps."""
    from stable_baselines3 import SAC

    warm_up("Pendulum-v1")
    measure_settings = {"steps": PENDULUM_STEPS, "episodes": EPISODES}
    ours, peers = [], []
    for seed in range(seeds):
        with tempfile.TemporaryDirectory() as folder:
            run = seodang.train(
                "agents", "Pendulum-v1", runs=folder, seed=seed, epochs=1, watched_episodes=1, **measure_settings
            )
            told = run.folder.rows("timings.jsonl")
            seconds = sum(row.get("seconds", 0.0) for row in told)
            mean = run.evaluation["measures"]["episode_return"]["value"]
            ours.append(Reached(seconds, PENDULUM_STEPS, mean, PENDULUM_STEPS / seconds, True))
        torch.set_num_threads(peer_threads)
        began = time.perf_counter()
        environment = gymnasium.make("Pendulum-v1")
        model = SAC("MlpPolicy", environment, seed=seed, device="cpu", learning_rate=1e-3)
        model.learn(PENDULUM_STEPS)
        seconds = time.perf_counter() - began
        mean = measured("Pendulum-v1", seed)(lambda seen, model=model: model.predict(seen, deterministic=True)[0])
        peers.append(Reached(seconds, PENDULUM_STEPS, mean, PENDULUM_STEPS / seconds, True))
        print(f"Pendulum-v1, seed {seed}: ours {ours[-1]}; peer {peers[-1]}", flush=True)
    rows = [
        (who, f"{statistics.mean(one.mean for one in found):.1f} ({', '.join(f'{one.mean:.0f}' for one in found)})",
         f"{statistics.mean(one.seconds for one in found):.1f}", f"{statistics.mean(one.steps_a_second for one in found):,.0f}")
        for who, found in (("Seodang, sac", ours), (f"stable-baselines3, SAC, {peer_threads} threads", peers))
    ]  # fmt: skip
    table((f"Pendulum-v1, {PENDULUM_STEPS:,} steps", f"mean of {EPISODES} episodes", "seconds", "steps/s"), rows)
    save("agents-pendulum", {"ours": list(map(asdict, ours)), "peer": list(map(asdict, peers)), "peer_threads": peer_threads})


def presets(seeds: int, only: Sequence[str]) -> None:
    """Every environment with tuned settings, trained as a user would."""
    rows, kept = [], {}
    for environment in only or ENVIRONMENTS:
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            run = seodang.train("agents", environment, runs=folder, seeds=seeds)
            minutes = (time.perf_counter() - began) / 60
            evaluation, settings = run.evaluation, run.settings.to_flat()
        measure, random = evaluation["measures"]["episode_return"], evaluation["yardstick"]["episode_return"]
        means = [one[1] for one in evaluation["tables"]["seeds"]["rows"]] if seeds > 1 else [measure["value"]]
        spread = statistics.stdev(means) if seeds > 1 else 0.0
        sampled = evaluation["measures"]["sampled_return"]["value"]
        reached = f"{measure['value']:.1f} ± {spread:.1f}", f"{sampled:.1f}", f"{random['value']:.1f}"
        rows.append((environment, settings["model"], f"{settings['steps']:,}", *reached, f"{minutes / seeds:.1f}"))
        kept[environment] = {"means": means, "sampled": sampled, "random": random["value"], "minutes_a_seed": minutes / seeds,
                             "steps": settings["steps"], "model": settings["model"]}  # fmt: skip
        print(rows[-1], flush=True)
        save(f"agents-preset-{environment.replace('/', '-')}", kept[environment])
    headers = ("environment", "model", "steps", f"mean return, {seeds} seeds", "by chance", "at random", "minutes a seed")
    table(headers, rows)


def measured(environment: str, seed: int) -> Callable[[Callable[[Any], Any]], float]:
    """What plays the same 100 episodes with any function of observations, each time."""
    data = read_environment(environment, AgentsSettings())

    def measure(decide: Callable[[Any], Any]) -> float:
        environments = data.environments(20, seed, 1)
        actions = data.actions

        def act(seen: Any) -> Any:
            found = decide(seen.vectors)
            if actions.kind == "continuous":  # the peer acts in the environment's own bounds
                return found / actions.high[0]
            return found[:, None]

        try:
            return play(environments, act, EPISODES).mean
        finally:
            environments.close()

    return measure


def warm_up(environment: str) -> None:
    """Imports and first calls of both sides."""
    from stable_baselines3 import PPO, SAC

    with tempfile.TemporaryDirectory() as folder:
        seodang.train("agents", environment, runs=folder, steps=2000, epochs=1, episodes=2, watched_episodes=1)
    kind = SAC if environment == "Pendulum-v1" else PPO
    kind("MlpPolicy", gymnasium.make(environment), device="cpu").learn(200)


if __name__ == "__main__":
    main()
