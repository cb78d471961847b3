"""Ranks of matches by sorting, written from the definition in the simplest words."""

from resight.functional.matching import Matching


def ranks(distances: list[list[float]], codes: Matching) -> list[tuple[list[int], int]]:
    """For each query the ranks of its matches and how many gallery rows are ranked."""
    result = []
    for q, line in enumerate(distances):
        label, group = int(codes.query_label[q]), int(codes.query_group[q])
        ranked = []
        for row in sorted(range(len(line)), key=lambda row: (line[row], row)):
            same_group = group >= 0 and int(codes.gallery_group[row]) == group
            if codes.gallery_counts[row] and not same_group:
                ranked.append(row)
        places = [i + 1 for i, row in enumerate(ranked) if label >= 0 and int(codes.gallery_label[row]) == label]
        result.append((places, len(ranked)))
    return result
