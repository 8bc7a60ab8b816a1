"""Agents: reinforcement learning in any Gymnasium environment, or one of your own."""
