"""Time and memory of a training step of TransReID (JPM + SIE) beside the literal one and timm's plain ViT.

python benchmarks/training_step.py --output benchmarks/results/training_step_HARDWARE_YYYYMM.md
"""

from comparison import main
from transreid_variants import training_step

if __name__ == "__main__":
    main(
        __doc__,
        script=__file__,
        title="A training step of TransReID",
        what="forward pass, loss, backward pass and SGD; fp32. The plain ViT has as many tokens, one block less, one "
        "classifier and no triplet loss",
        make=training_step,
    )
