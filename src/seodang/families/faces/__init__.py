"""Faces: find, cut out, recognise."""
