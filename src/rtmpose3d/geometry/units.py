"""Conversions of units; everything inside the package is in metres, degrees and seconds."""

M_PER_MM = 1e-3
