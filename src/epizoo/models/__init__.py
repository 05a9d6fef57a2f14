"""The models (flax nnx) and the HMM (pure JAX functions)."""
