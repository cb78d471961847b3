"""Two processes that score a pool and choose from it together; run by test_processes.py through torchrun.

torchrun --nproc-per-node 2 -m tests.filtering.several POOL.parquet OUT WANTED
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch.distributed as dist

from resight.data.pool import open_pool
from resight.filtering.exchange import Exchange
from resight.filtering.nearest import target_features
from resight.filtering.scoring import PassSettings, score_pool
from resight.recipes.filter_keep import Choice, choose
from tests.filtering.toy import Watcher


def main() -> None:
    dist.init_process_group("gloo")
    exchange, out, watcher = Exchange.of_processes(), Path(sys.argv[2]), Watcher()
    settings = PassSettings(batch_size=3, rows_per_block=8)
    scores = score_pool(open_pool(sys.argv[1]), [watcher], out, settings=settings, exchange=exchange)
    kept = [
        np.flatnonzero(choose(scores, Choice(wanted, ("few",)), exchange).rows).tolist()
        for wanted in map(int, sys.argv[3:])
    ]
    features = target_features(watcher.space, open_pool(sys.argv[1]), settings, exchange).tolist()
    (out / f"{exchange.rank}.json").write_text(json.dumps({"seen": watcher.seen, "kept": kept, "features": features}))
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
