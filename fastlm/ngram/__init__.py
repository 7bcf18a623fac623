"""N-gram tables and models: the Python face of the C++ engine."""
