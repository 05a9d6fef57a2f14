"""The jobs that a user asks for: calling peaks, annotating and learning states, fine-tuning, evaluation."""
