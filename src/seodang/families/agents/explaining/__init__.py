"""What is drawn of an agent: episodes with what it expects beside them, maps of values, what it looks at, curves."""
