"""The one part of the build that pyproject.toml cannot say: C libraries that are left out where they cannot be compiled."""

from __future__ import annotations

from pathlib import Path

from setuptools import Extension, setup

SHARED = Path("src/seodang/nn/kernels")
FAMILIES = Path("src/seodang/families")


def kernels(family: str) -> Extension:
    """The C library of one family."""
    folder = FAMILIES / family / "kernels"
    return Extension(
        f"seodang.families.{family}.kernels._library",
        sources=[str(folder / "kernels.c")],
        depends=sorted(map(str, [*folder.glob("*.h"), *SHARED.glob("*.h")])),
        include_dirs=[str(SHARED), str(folder)],  # a shared header includes the family's tasks
        # -ffast-math would let the compiler assume that there are no NaNs, which training looks for.
        extra_compile_args=["-O3", "-std=gnu11", "-ffp-contract=fast"],
        extra_link_args=["-pthread"],
        optional=True,  # without it PyTorch's own operations are used
    )


setup(ext_modules=[kernels("text"), kernels("words"), kernels("language"), kernels("segmentation")])
