"""Signal, marks and intervals: files to NumPy arrays. Never imports JAX."""
