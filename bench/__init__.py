"""Benchmark suites: fastlm beside its peers and the machine's limit, in one run. ``fastlm bench`` runs them."""
