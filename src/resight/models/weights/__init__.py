"""Readers of weight files, one module per kind."""
