"""The one part of the build that pyproject.toml cannot say: a C library that is left out where it cannot be compiled."""

from __future__ import annotations

from pathlib import Path

from setuptools import Extension, setup

KERNELS = Path("src/seodang/families/text/kernels")

setup(
    ext_modules=[
        Extension(
            "seodang.families.text.kernels._library",
            sources=[str(KERNELS / "kernels.c")],
            depends=sorted(map(str, KERNELS.glob("*.h"))),
            # -ffast-math would let the compiler assume that there are no NaNs, which training looks for.
            extra_compile_args=["-O3", "-std=gnu11", "-ffp-contract=fast"],
            extra_link_args=["-pthread"],
            optional=True,  # without it PyTorch's own layers are used
        )
    ]
)
