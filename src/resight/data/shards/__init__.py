"""Pools of images as tar shards: written, checked and read; the tars are those of WebDataset."""
