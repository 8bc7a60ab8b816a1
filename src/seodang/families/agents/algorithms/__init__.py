"""The ways of learning, each a file that reads like its paper, and what they share: passes, distributions, batches."""
