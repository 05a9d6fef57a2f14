"""The hidden Markov model of chromatin states: JAX reference, compiled kernels, decoding, expected counts."""
