"""The same jobs on an engine that exists: n-gram counting on Spark, training under torchrun."""

from fastlm.distributed.training import Processes, data_parallel, launched, my_columns

__all__ = ["Processes", "data_parallel", "launched", "my_columns"]
