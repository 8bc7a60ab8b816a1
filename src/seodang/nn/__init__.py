"""What networks of several families are made of."""
