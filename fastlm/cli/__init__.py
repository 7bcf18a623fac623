"""The command line: ``fastlm ngram|bench|doctor``."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command line; without its optional packages, says how to get them."""
    try:
        from fastlm.cli.app import app
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in ("typer", "rich"):
            raise
        sys.exit(f"fastlm: the command line needs the package {package}; pip install 'fastlm[cli]'")
    app(prog_name="fastlm")
