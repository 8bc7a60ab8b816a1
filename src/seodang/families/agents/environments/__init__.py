"""Environments: found by name, checked, stepped many at once, and put back where they were. Nothing here needs PyTorch."""
