"""The command line: ``fastlm ngram|lm|bench|doctor``."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main() -> None:
    """Runs the command line; without its optional packages, says how to get them."""
    for package in ("typer", "rich"):
        if not _is_there(package):
            sys.exit(f"fastlm: the command line needs the package {package}; pip install 'fastlm[cli]'")
    from fastlm.cli.app import app

    app(prog_name="fastlm")


def _is_there(package: str) -> bool:
    """Whether it can be imported. rich is not yet: most commands need it for their help only."""
    try:
        return find_spec(package) is not None
    except ValueError:  # sys.modules has None in its place
        return False
