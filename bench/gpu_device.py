"""Whether this machine has an NVIDIA GPU: asked of the driver, before anything is built. Needs nothing but Python."""

from __future__ import annotations

import ctypes
import sys


def why_no_gpu() -> str | None:
    """One sentence, or None if there is a GPU."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no NVIDIA driver was found (libcuda.so.1)"
    if error := driver.cuInit(0):
        return f"NVIDIA's driver does not start (error {error} of cuInit); see nvidia-smi"
    count = ctypes.c_int()
    driver.cuDeviceGetCount(ctypes.byref(count))
    return None if count.value else "NVIDIA's driver sees no GPU; see nvidia-smi and CUDA_VISIBLE_DEVICES"


def stop_without_gpu() -> None:
    """Ends the program with exit code 2 and that sentence."""
    if why := why_no_gpu():
        print(f"fastlm: make gpu is for a machine with a GPU: {why}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    stop_without_gpu()
