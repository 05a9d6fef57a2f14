"""The entries of the zoo, as data: a folder for each, with its weights, metadata, dataloader, examples and card."""
