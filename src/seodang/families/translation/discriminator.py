"""The discriminator: which pieces of an image look real?"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from seodang.families.translation.layers import InstanceNorm, draw_weights

SLOPE = 0.2
MOST_CHANNELS = 8  # times those of the first layer


class PatchDiscriminator(nn.Module):
    """Strided convolutions whose every answer sees a piece of the image; 70 x 70 pixels with three halvings.

    Isola et al. 2017, arXiv:1611.07004: what is real of an image as a whole the L1 loss tells already.

    Args:
        in_channels: Of what is judged: source and target together, or a target alone.
        base_channels: Of the first layer; doubled at every layer, up to eight times.
        halvings: Convolutions of stride 2.
    """

    def __init__(self, in_channels: int, base_channels: int, halvings: int) -> None:
        super().__init__()
        counts = [base_channels * min(2**layer, MOST_CHANNELS) for layer in range(halvings + 1)]
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, 4, stride=2 if layer < halvings else 1, padding=1, bias=layer == 0)
            for layer, (before, after) in enumerate(zip([in_channels, *counts], counts, strict=False))
        )
        self.normalise = InstanceNorm()
        self.judge = nn.Conv2d(counts[-1], 1, 4, padding=1)
        draw_weights(self)

    def forward(self, images: Tensor) -> Tensor:
        """How real each piece looks: the logit of its being real.

        Args:    images: (batch, in_channels, height, width), from -1 to 1.
        Returns: (batch, 1, rows, columns).
        """
        for number, layer in enumerate(self.layers):
            images = layer(images)
            images = functional.leaky_relu(self.normalise(images) if number else images, SLOPE, inplace=True)
        judged: Tensor = self.judge(images)
        return judged
