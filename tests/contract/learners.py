"""A stand-in of each kind of family, cut down to what it asks of the core: small, quick, and learning something."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, one_hot, relu
from torch.optim import AdamW, Optimizer

from seodang.core.device import Device
from seodang.core.learner import BatchSource, Budget, Learner, Validation, Work
from seodang.core.run import RunFolder
from seodang.core.seeds import mix
from seodang.core.step import Stepper
from seodang.core.trainer import Event, fit

CPU = Device("cpu", "f32", 1, "for tests")
SEED = 7


class Rows(NamedTuple):
    """Numbers and a class for each row."""

    features: Tensor  # (batch, 4), float32
    labels: Tensor  # (batch,), int64


def adam(module: nn.Module) -> AdamW:
    """Fused, because other variants round the first step of a process differently."""
    return AdamW(module.parameters(), lr=0.01, fused=True)


def blobs(count: int) -> Rows:
    """Two clouds of points, one a class."""
    made = torch.Generator().manual_seed(1)
    labels = torch.arange(count) % 2
    return Rows(torch.randn(count, 4, generator=made) + 2.0 * labels[:, None], labels)


class RowSource(BatchSource):
    """Rows of a table in an order of each epoch's own."""

    def __init__(self, table: Rows, batch_size: int) -> None:
        self.table, self.batch_size = table, batch_size

    def plan(self, seed: int, epoch: int) -> Sequence[Any]:
        """Shuffled row numbers."""
        order = torch.randperm(len(self.table.labels), generator=torch.Generator().manual_seed(mix(seed, epoch)))
        return order.split(self.batch_size)

    def batch(self, work: Tensor) -> Rows:
        """The rows."""
        return Rows(self.table.features[work], self.table.labels[work])

    def rows(self, work: Tensor) -> int:
        """How many."""
        return len(work)


class Accuracy(Validation):
    """Share of rows that a module puts into the right class."""

    monitor = "accuracy"

    def __init__(self, module: nn.Module, table: Rows) -> None:
        self.module, self.table = module, table

    def measure(self) -> dict[str, float]:
        """The share."""
        self.module.eval()
        with torch.no_grad():
            right = self.module(self.table.features).argmax(1) == self.table.labels
        return {"accuracy": float(right.float().mean())}


class Classifier(Learner):
    """An ordinary classifier with dropout; its batches may be split."""

    def __init__(self) -> None:
        self.network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2))
        self.optimizer = adam(self.network)
        self.stepper = Stepper(CPU, clip_norm=1.0, parts=2)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"adam": self.optimizer}

    def update(self, batch: Rows) -> dict[str, Tensor]:
        self.network.train()
        return {"loss": self.stepper.descend(batch, self._loss, self.network, self.optimizer)}

    def _loss(self, batch: Rows) -> Tensor:
        return cross_entropy(self.network(batch.features), batch.labels)


class Gan(Learner):
    """Two networks, two optimizer steps an update, the other network frozen in each, and an averaged generator."""

    def __init__(self) -> None:
        self.generator = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 4))
        self.discriminator = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(), nn.Linear(8, 1))
        self.averaged = {f"averaged/{name}": p.detach().clone() for name, p in self.generator.named_parameters()}
        self.moves = {"generator": adam(self.generator), "discriminator": adam(self.discriminator)}
        self.stepper = Stepper(CPU, splittable=False)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator, "discriminator": self.discriminator}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return self.moves

    def tensors(self) -> dict[str, Tensor]:
        return self.averaged

    def update(self, batch: Rows) -> dict[str, Tensor]:
        self._freeze(self.generator, self.discriminator)
        discriminator = self.stepper.descend(batch, self._tell_apart, self.discriminator, self.moves["discriminator"])
        self._freeze(self.discriminator, self.generator)
        generator = self.stepper.descend(batch, self._deceive, self.generator, self.moves["generator"])
        for name, parameter in self.generator.named_parameters():
            self.averaged[f"averaged/{name}"].lerp_(parameter.detach(), 0.05)
        return {"discriminator_loss": discriminator, "generator_loss": generator}

    @staticmethod
    def _freeze(frozen: nn.Module, free: nn.Module) -> None:
        frozen.requires_grad_(False)
        free.requires_grad_(True)

    def _tell_apart(self, batch: Rows) -> Tensor:
        fakes = self.generator(torch.randn(len(batch.labels), 3))
        scores = self.discriminator(torch.cat([batch.features, fakes])).squeeze(1)
        truth = torch.cat([torch.ones(len(fakes)), torch.zeros(len(fakes))])
        return binary_cross_entropy_with_logits(scores, truth)

    def _deceive(self, batch: Rows) -> Tensor:
        scores = self.discriminator(self.generator(torch.randn(len(batch.labels), 3))).squeeze(1)
        return binary_cross_entropy_with_logits(scores, torch.ones_like(scores))


class Rollout(NamedTuple):
    """Steps of several environments, one after another."""

    observations: Tensor  # (steps * environments, 2)
    actions: Tensor  # (steps * environments,), int64
    returns: Tensor  # (steps * environments,)


class Corridor(BatchSource):
    """Environments with a state of their own: walkers who are paid for standing near the middle."""

    def __init__(self, policy: nn.Module) -> None:
        self.policy = policy
        self.positions = torch.zeros(4)
        self.velocities = torch.zeros(4)
        self.mean_reward = torch.zeros(())
        self.episodes = 0

    def plan(self, seed: int, epoch: int) -> Sequence[Any]:
        """Lengths of rollouts."""
        return [8] * 15

    def batch(self, work: int) -> Rollout:
        """Walk, asking the policy as it is now."""
        seen, done, paid = [], [], []
        for _ in range(work):
            observation = torch.stack([self.positions, self.velocities], dim=1)
            with torch.no_grad():
                action = torch.multinomial(self.policy(observation).softmax(1), 1).squeeze(1)
            self.velocities += 0.1 * (2.0 * action - 1.0)
            self.positions += self.velocities
            lost = self.positions.abs() > 1
            self.episodes += int(lost.sum())
            self.positions[lost] = 0.2 * torch.randn(int(lost.sum()))
            self.velocities[lost] = 0.0
            seen.append(observation)
            done.append(action)
            paid.append(1.0 - self.positions.abs() - lost.float())
        rewards = torch.stack(paid)
        self.mean_reward.lerp_(rewards.mean(), 0.1)
        returns = (rewards - self.mean_reward).flip(0).cumsum(0).flip(0)
        return Rollout(torch.cat(seen), torch.cat(done), returns.flatten())

    def rows(self, work: int) -> int:
        """Steps of all environments."""
        return work * len(self.positions)

    def tensors(self) -> dict[str, Tensor]:
        return {"positions": self.positions, "velocities": self.velocities, "mean_reward": self.mean_reward}

    def state(self) -> dict[str, Any]:
        return {"episodes": self.episodes}

    def load_state(self, state: dict[str, Any]) -> None:
        self.episodes = state["episodes"]


class Agent(Learner):
    """A policy that passes twice over each rollout."""

    def __init__(self) -> None:
        self.policy = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
        self.optimizer = adam(self.policy)
        self.stepper = Stepper(CPU, clip_norm=0.5, splittable=False)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"policy": self.policy}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"adam": self.optimizer}

    def update(self, batch: Rollout) -> dict[str, Tensor]:
        losses = [self.stepper.descend(batch, self._loss, self.policy, self.optimizer) for _ in range(2)]
        return {"policy_loss": torch.stack(losses).mean(), "return": batch.returns.mean()}

    def _loss(self, batch: Rollout) -> Tensor:
        chosen = self.policy(batch.observations).log_softmax(1).gather(1, batch.actions[:, None]).squeeze(1)
        return -(chosen * batch.returns).mean()


class Chunk(NamedTuple):
    """The next few numbers of several streams."""

    tokens: Tensor  # (streams, time), int64
    targets: Tensor  # (streams, time), int64
    first: bool


class StreamSource(BatchSource):
    """Chunks of parallel streams, always in the same order."""

    def __init__(self) -> None:
        self.streams = (torch.arange(4)[:, None] + torch.arange(121).square()) % 5

    def plan(self, seed: int, epoch: int) -> Sequence[Any]:
        """Where each chunk begins."""
        return range(0, 120, 6)

    def batch(self, work: int) -> Chunk:
        """Six numbers and the six that follow them."""
        return Chunk(self.streams[:, work : work + 6], self.streams[:, work + 1 : work + 7], work == 0)

    def rows(self, work: int) -> int:
        """Numbers read."""
        return 6 * len(self.streams)


class StreamReader(Learner):
    """A recurrent network whose hidden state is carried from chunk to chunk."""

    def __init__(self) -> None:
        self.network = nn.ModuleDict({"rnn": nn.GRU(5, 8, batch_first=True), "head": nn.Linear(8, 5)})
        self.optimizer = adam(self.network)
        self.stepper = Stepper(CPU, clip_norm=1.0, splittable=False)
        self.hidden = torch.zeros(1, 4, 8)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"adam": self.optimizer}

    def tensors(self) -> dict[str, Tensor]:
        return {"hidden": self.hidden}

    def update(self, batch: Chunk) -> dict[str, Tensor]:
        if batch.first:
            self.hidden.zero_()
        return {"loss": self.stepper.descend(batch, self._loss, self.network, self.optimizer)}

    def _loss(self, batch: Chunk) -> Tensor:
        outputs, hidden = self.network["rnn"](one_hot(batch.tokens, 5).float(), self.hidden.clone())
        self.hidden.copy_(hidden.detach())
        return cross_entropy(self.network["head"](outputs).flatten(0, 1), batch.targets.flatten())


class Pairs(NamedTuple):
    """A block of words and their neighbours."""

    centers: Tensor
    contexts: Tensor


class PairSource(BatchSource):
    """Blocks of a text in which words of one half of the vocabulary keep to themselves."""

    def plan(self, seed: int, epoch: int) -> Sequence[Any]:
        """Block numbers."""
        return range(30)

    def batch(self, work: int) -> Pairs:
        """Random pairs of the block's half."""
        start = 5 * (work % 2)
        return Pairs(torch.randint(start, start + 5, (16,)), torch.randint(start, start + 5, (16,)))

    def rows(self, work: int) -> int:
        """Pairs of a block."""
        return 16


class WordTables(Learner):
    """Two NumPy tables written in place, without modules, autograd or optimizers; it reads `rate`."""

    def __init__(self) -> None:
        self.centers = torch.randn(10, 6).numpy() / 6
        self.contexts = np.zeros((10, 6), dtype=np.float32)

    def modules(self) -> Mapping[str, nn.Module]:
        return {}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {}

    def tensors(self) -> dict[str, Tensor]:
        return {"centers": torch.from_numpy(self.centers), "contexts": torch.from_numpy(self.contexts)}

    def update(self, batch: Pairs) -> dict[str, Tensor]:
        negatives = torch.randint(0, 10, (len(batch.centers),)).numpy()
        loss = 0.0
        for center, context, negative in zip(batch.centers.numpy(), batch.contexts.numpy(), negatives, strict=True):
            for other, label in ((context, 1.0), (negative, 0.0)):
                score = 1 / (1 + np.exp(-self.centers[center] @ self.contexts[other]))
                push = 0.2 * self.rate * (label - score)
                moved = push * self.contexts[other]
                self.contexts[other] += push * self.centers[center]
                self.centers[center] += moved
                loss -= float(np.log(score if label else 1 - score))
        return {"loss": torch.tensor(loss / len(batch.centers))}


class Graph(NamedTuple):
    """A whole graph."""

    features: Tensor  # (nodes, 4)
    adjacency: Tensor  # (nodes, nodes), rows add up to 1
    labels: Tensor  # (nodes,)
    known: Tensor  # (nodes,), bool


def ring() -> Graph:
    """Two rings of nodes, one a class; every third label is known."""
    table = blobs(24)
    nodes = torch.arange(24)
    adjacency = torch.eye(24) + torch.eye(24).roll(2, 1) + torch.eye(24).roll(-2, 1)
    return Graph(table.features, adjacency / 3, table.labels, nodes % 3 == 0)


class GraphSource(BatchSource):
    """The graph is the one batch of every epoch."""

    def plan(self, seed: int, epoch: int) -> Sequence[Any]:
        """One step."""
        return [None]

    def batch(self, work: None) -> Graph:
        """All of it."""
        return ring()

    def rows(self, work: None) -> int:
        """Nodes."""
        return 24


class GraphNetwork(nn.Module):
    """Two graph convolutions with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.dropout = nn.Linear(4, 8), nn.Linear(8, 2), nn.Dropout(0.2)

    def forward(self, features: Tensor, adjacency: Tensor) -> Tensor:
        """Class scores, (nodes, 2)."""
        scores: Tensor = self.second(adjacency @ self.dropout(relu(self.first(adjacency @ features))))
        return scores


class GraphLearner(Learner):
    """Learns from the labels that are known."""

    def __init__(self) -> None:
        self.network = GraphNetwork()
        self.optimizer = adam(self.network)
        self.stepper = Stepper(CPU, splittable=False)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {"adam": self.optimizer}

    def update(self, batch: Graph) -> dict[str, Tensor]:
        self.network.train()
        return {"loss": self.stepper.descend(batch, self._loss, self.network, self.optimizer)}

    def _loss(self, batch: Graph) -> Tensor:
        return cross_entropy(self.network(batch.features, batch.adjacency)[batch.known], batch.labels[batch.known])


class NodeAccuracy(Validation):
    """Share of the other nodes put into the right class."""

    monitor = "accuracy"

    def __init__(self, network: GraphNetwork) -> None:
        self.network = network

    def measure(self) -> dict[str, float]:
        """The share."""
        graph = ring()
        self.network.eval()
        with torch.no_grad():
            right = self.network(graph.features, graph.adjacency).argmax(1) == graph.labels
        return {"accuracy": float(right[~graph.known].float().mean())}


class LeastSquares(Learner):
    """Solved at once: one update is the whole training."""

    def __init__(self) -> None:
        self.network = nn.Linear(4, 2)

    def modules(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def optimizers(self) -> Mapping[str, Optimizer]:
        return {}

    def update(self, batch: Rows) -> dict[str, Tensor]:
        inputs = torch.cat([batch.features, torch.ones(len(batch.labels), 1)], dim=1)
        wanted = one_hot(batch.labels, 2).float()
        solution = torch.linalg.solve(inputs.T @ inputs + torch.eye(5), inputs.T @ wanted)
        with torch.no_grad():
            self.network.weight.copy_(solution[:4].T)
            self.network.bias.copy_(solution[4])
        return {"loss": (inputs @ solution - wanted).square().mean()}


def classifier() -> Work:
    """120 steps in 10 epochs, validated."""
    learner = Classifier()
    budget = Budget(epochs=10, seed=SEED, warmup_fraction=0.1)
    return Work(learner, RowSource(blobs(96), 8), budget, Accuracy(learner.network, blobs(40)))


def gan() -> Work:
    """120 steps in 10 epochs."""
    return Work(Gan(), RowSource(blobs(96), 8), Budget(epochs=10, seed=SEED, schedule="constant"))


def agent() -> Work:
    """60 rollouts in 4 epochs."""
    learner = Agent()
    return Work(learner, Corridor(learner.policy), Budget(epochs=4, seed=SEED))


def stream() -> Work:
    """120 chunks in 6 epochs."""
    return Work(StreamReader(), StreamSource(), Budget(epochs=6, seed=SEED))


def words() -> Work:
    """60 blocks in 2 epochs."""
    return Work(WordTables(), PairSource(), Budget(epochs=2, seed=SEED, schedule="cosine"))


def graph() -> Work:
    """120 epochs of one step."""
    learner = GraphLearner()
    return Work(learner, GraphSource(), Budget(epochs=120, seed=SEED), NodeAccuracy(learner.network))


def one_shot() -> Work:
    """One step."""
    learner = LeastSquares()
    return Work(learner, RowSource(blobs(96), 96), Budget(epochs=1, seed=SEED), Accuracy(learner.network, blobs(40)))


STAND_INS: dict[str, Callable[[], Work]] = {
    made.__name__: made for made in (classifier, gan, agent, stream, words, graph, one_shot)
}


def build(kind: str) -> Work:
    """A stand-in with fresh objects and the starting weights of its seed."""
    torch.manual_seed(mix(SEED, kind))
    return STAND_INS[kind]()


def train(kind: str, run: RunFolder, *, stop_at: int | None = None, checkpoint_seconds: float = 0.0) -> list[Event]:
    """Train a stand-in from where the run stands, to its end or until `stop_at` updates were made."""
    calls = iter(range(1, 10**6))
    with run.locked():
        return list(
            fit("only", build(kind), run, checkpoint_seconds=checkpoint_seconds, should_stop=lambda: next(calls) == stop_at)
        )


def train_slowly(kind: str, folder: str, began: Any) -> None:
    """What a child process does until it is killed: train from where the run stands, with time to be killed in."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    run = RunFolder(Path(folder))
    with run.locked():
        began.set()
        for _ in fit("only", build(kind), run, checkpoint_seconds=0.0, should_stop=_linger):
            pass


def _linger() -> bool:
    torch.rand(200, 200) @ torch.rand(200, 200)
    return False
