"""Evaluation reports: tables, histograms, worst cases, files."""
