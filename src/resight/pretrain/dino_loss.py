"""The loss of DINO: every crop of the student has to predict what the teacher says of the other global crops."""

from torch import Tensor


def teacher_probabilities(scores: Tensor, center: Tensor, temperature: float) -> Tensor:
    """softmax((scores - center) / temperature), float32 and without gradient.

    Args:
        scores: (..., K) of the teacher.
        center: (1, K), from before this step.
        temperature: of the teacher.
    """
    return ((scores.detach().float() - center) / temperature).softmax(-1)


def dino_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Mean cross entropy over all pairs of a global crop of the teacher and another crop of the student.

    The pairs of a student's crop v share its normaliser, so that V logsumexps serve all of them: with n_v teachers and
    Q_v the sum of their probabilities, the pairs of v sum to n_v * logsumexp(s_v) - s_v . Q_v.

    Args:
        student: (V, B, K) scores, the global crops first, in the teacher's order.
        teacher: (G, B, K) probabilities of the global crops; each sums to 1.
        temperature: of the student.

    Returns:
        Scalar, float32.

    Raises:
        ValueError: if there is no pair.

    Source: Caron et al. 2021, arXiv:2104.14294.
    """
    views, globals_, batch = len(student), len(teacher), student.shape[1]
    pairs = globals_ * (views - 1)
    if views < globals_ or pairs < 1:
        raise ValueError(f"DINO needs two crops or more with the global ones among them, not {views} and {globals_}")
    scores = student.float() / temperature
    everything = teacher.sum(0)  # (B, K)
    normalizers = scores.logsumexp(-1).sum(1)  # (V,)
    meets = normalizers.new_full((views,), globals_)
    meets[:globals_] -= 1
    # All crops against the sum of all teachers, less what the global ones have with themselves.
    agreement = (scores.sum(0) * everything).sum() - (scores[:globals_] * teacher).sum()
    return ((meets * normalizers).sum() - agreement) / (pairs * batch)
