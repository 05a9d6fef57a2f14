"""Models that score candidate peaks: LanceOtron's network."""
