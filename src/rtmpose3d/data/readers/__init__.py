"""Readers of annotation files, one module for each family of formats; `data.table` names them."""
