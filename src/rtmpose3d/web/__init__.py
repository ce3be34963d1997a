"""HTTP for images and weights: addresses as people write them, redirects, limits of time."""
