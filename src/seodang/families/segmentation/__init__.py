"""Segmentation: which class does every pixel of an image belong to?"""
