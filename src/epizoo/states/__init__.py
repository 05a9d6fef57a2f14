"""Learning of chromatin states: EM, gradients, initialisation, names and model selection."""
