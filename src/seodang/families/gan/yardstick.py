"""What a generator must beat to earn its time: a mixture of Gaussians over pixels, which knows nothing of shapes."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from torch import Tensor

from seodang.families.gan.training import chosen

COMPONENTS, GAUSSIANS = 50, 20
MOST_LEARNED = 10_000
"""Images that it is fitted to."""
ITERATIONS = 30


class PixelMixture:
    """A mixture of Gaussians over the main directions in which pixels vary, fitted to real images.

    Richardson & Weiss 2018, "On GANs and GMMs", arXiv:1805.12462, in a few dimensions.

    Args:
        images: (images, channels, height, width), uint8.
    """

    def __init__(self, images: Tensor) -> None:
        some = chosen(images, MOST_LEARNED, "yardstick")
        flat = some.flatten(1).numpy().astype(np.float32)
        self.shape = tuple(images.shape[1:])
        self.pca = PCA(min(COMPONENTS, len(flat) - 1, flat.shape[1]), random_state=0, svd_solver="randomized").fit(flat)
        found = self.pca.transform(flat).astype(np.float64)
        gaussians = max(1, min(GAUSSIANS, len(flat) // (2 * found.shape[1])))
        self.mixture = GaussianMixture(gaussians, random_state=0, max_iter=ITERATIONS, reg_covar=1.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # more iterations change the third digit of its distance
            self.mixture.fit(found)

    def draw(self, count: int) -> Tensor:
        """Images, (count, channels, height, width), uint8; the same at every call."""
        points, _ = self.mixture.sample(count)
        pixels: NDArray[np.float64] = self.pca.inverse_transform(points)
        return torch.from_numpy(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)).reshape(-1, *self.shape)
