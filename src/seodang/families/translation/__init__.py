"""Translation: from one kind of image to another, label map to photo, learned from pairs or from two piles."""
