"""GAN: images from noise, like those it learned from, of the class you ask for."""
