"""Conditional filtering: a score for every image of a pool, and the images to keep.

```
pool -> loader (each image decoded once) -> scorers (batch -> columns) -> blocks on disk -> scores -> choice -> subset
```

Source: Luo et al. 2021, arXiv:2111.12084, whose authors published the sorted list but no code.
"""
