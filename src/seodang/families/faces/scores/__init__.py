"""What likenesses mean: measures, thresholds by the size of a gallery, groups of an album, and the report of a gallery."""
