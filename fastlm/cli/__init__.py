"""The command line: ``fastlm ngram|bench|doctor``."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line; without its optional packages, says how to get them."""
    try:
        from fastlm.cli.app import app
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit(f"fastlm: the command line needs the package {error.name}; pip install 'fastlm[cli]'")
    app(prog_name="fastlm")
