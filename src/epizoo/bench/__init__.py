"""The benchmark: any set of callers on public experiments, scored on independent truths."""
