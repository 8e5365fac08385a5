"""Weights & Biases: online, or an offline folder, through W&B's own client."""
