"""Fine-tuning a trained model on a new cell type from few labels, and measuring honestly what it gained."""
