"""What lies in the folder of `resight filter`.

```
filter.json      what was asked: pool, targets, proxies, and what the scores depend on
source/          the run of the source proxy, where it was trained here
target/          that of the target proxy; target-1/, target-2/ ... where each target has one
target.parquet   the images of all targets
scores.parquet   every row of the pool, in its order: its manifest, `pool_key`, and one column for each score
codes.bin        128 bytes for each row, by which near duplicates are found
damaged.csv      the rows whose image could not be read, if there are any: their scores are null
kept.parquet     the rows that are kept, in the order of the pool: what `resight pretrain --pool` takes
filter.html      the page
.scoring/        finished blocks of the pass over the pool, until it is complete
```
"""

SETTINGS = "filter.json"
TARGET = "target.parquet"
SCORES = "scores.parquet"
DAMAGED = "damaged.csv"
CODES = "codes.bin"
KEPT = "kept.parquet"
PAGE = "filter.html"
UNFINISHED = ".scoring"
KEY = "pool_key"
