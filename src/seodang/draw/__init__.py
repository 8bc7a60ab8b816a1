"""Pictures with one look, the network as a picture, and the report that holds them."""
