"""Text classification: which of several labels does a text deserve?"""
