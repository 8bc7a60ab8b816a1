"""What finds faces, cuts them out and turns each into numbers: networks, their weights, and what computes them."""
