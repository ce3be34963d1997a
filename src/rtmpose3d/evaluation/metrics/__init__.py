"""Metrics of poses and detections: arrays in, numbers out."""
