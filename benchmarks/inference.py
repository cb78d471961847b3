"""Time and memory of TransReID's features (JPM + SIE) beside the literal ones and timm's plain ViT.

python benchmarks/inference.py --output benchmarks/results/inference_HARDWARE_YYYYMM.md
"""

from comparison import main
from transreid_variants import inference

if __name__ == "__main__":
    main(
        __doc__,
        script=__file__,
        title="Features of TransReID",
        what="one batch without gradients; fp32. The plain ViT has as many tokens, one block less and one classifier",
        make=inference,
    )
