"""The same jobs on an engine that exists: n-gram counting on Spark, training under torchrun."""

from fastlm.distributed.training import data_parallel, my_columns

__all__ = ["data_parallel", "my_columns"]
