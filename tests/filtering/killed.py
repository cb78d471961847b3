"""A pass whose process is killed with SIGKILL when it comes to a row; run by test_processes.py.

python -m tests.filtering.killed POOL.parquet OUT ROW
"""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

from resight.data.pool import open_pool
from resight.filtering.scorer import ScoreBatch, Values
from resight.filtering.scoring import PassSettings, score_pool
from tests.filtering.toy import Watcher


class Deadly(Watcher):
    def __call__(self, batch: ScoreBatch) -> Mapping[str, Values]:
        if int(sys.argv[3]) in batch.rows:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(batch)


if __name__ == "__main__":
    settings = PassSettings(batch_size=3, rows_per_block=8, workers=1)
    score_pool(open_pool(sys.argv[1]), [Deadly()], Path(sys.argv[2]), settings=settings)
