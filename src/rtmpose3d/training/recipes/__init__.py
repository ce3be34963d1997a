"""Training recipes: frozen configurations, one function for each training."""
