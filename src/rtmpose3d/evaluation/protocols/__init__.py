"""Evaluation protocols: records and predictions in, metrics and tables out."""
