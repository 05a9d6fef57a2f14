"""Models that were learned with ChromHMM."""
