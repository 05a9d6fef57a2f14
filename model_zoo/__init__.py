"""The zoo: entries of metadata, weights and dataloaders."""
