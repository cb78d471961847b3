"""Pre-training without labels: DINO, MoCo v2, MoCo v3 and MoBY, as tasks of the one trainer."""
