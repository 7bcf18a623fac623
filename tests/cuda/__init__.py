"""The CUDA library: how it was built, and tests that need a GPU."""
