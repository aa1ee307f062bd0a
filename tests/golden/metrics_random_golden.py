"""Writes metrics_random.json: scikit-learn's metrics of 1,000 random cases.

    pip install scikit-learn
    python tests/golden/metrics_random_golden.py

The cases themselves are not stored: a linear congruential generator makes them here and in
tests/evaluation/metrics_random_test.ts. Every fiftieth case is empty, every one after it of one class.
Written with scikit-learn 1.9.1.
"""

import json
import pathlib
import warnings

import numpy
from sklearn import metrics

CASES = 1000


class Generator:
    """The generator of Numerical Recipes, modulo 2^32; of each number the upper bits count."""

    def __init__(self, seed):
        self.state = seed

    def below(self, count):
        self.state = (1664525 * self.state + 1013904223) % 2**32
        return self.state * count // 2**32


def case(index):
    random = Generator(index)
    count = 0 if index % 50 == 0 else 1 + random.below(60)
    # Powers of two: no score but 0 and 1 lies on an edge of the fifteen calibration bins.
    levels = [4, 16, 64, 2**20][random.below(4)]
    weighted = random.below(4) == 0
    threshold = random.below(17) / 16
    scores, labels, weights = [], [], []
    for _ in range(count):
        label = 1 if index % 50 == 1 else random.below(2)
        shift = random.below(levels // 2 + 1) if label == 1 else 0
        scores.append(min(levels, random.below(levels + 1) + shift) / levels)
        labels.append(label)
        weights.append((1 + random.below(30)) / 8)
    return scores, labels, weights if weighted else None, threshold


def calibration_error(scores, labels, bins=15):
    """Guo et al. 2017, for the forged class; the upper edge belongs to a bin."""
    total = 0.0
    edges = numpy.linspace(0, 1, bins + 1)
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (scores > low) & (scores <= high) if low > 0 else scores <= high
        if inside.any():
            total += inside.mean() * abs(scores[inside].mean() - labels[inside].mean())
    return total


def equal_error_rate(false_rate, true_rate):
    """Where the piecewise linear curve meets the line from (0, 1) to (1, 0)."""
    gap = (1 - true_rate) - false_rate
    after = int(numpy.argmax(gap <= 0))
    share = gap[after - 1] / (gap[after - 1] - gap[after])
    return false_rate[after - 1] + share * (false_rate[after] - false_rate[after - 1])


def results(index):
    scores, labels, weights, threshold = case(index)
    if len(set(labels)) < 2:
        return None
    scores, labels = numpy.array(scores), numpy.array(labels)
    options = {} if weights is None else {"sample_weight": numpy.array(weights)}
    flagged = (scores >= threshold).astype(int)
    false_rate, true_rate, _ = metrics.roc_curve(labels, scores, drop_intermediate=False, **options)
    values = [
        metrics.roc_auc_score(labels, scores, **options),
        metrics.average_precision_score(labels, scores, **options),
        equal_error_rate(false_rate, true_rate),
        metrics.accuracy_score(labels, flagged, **options),
        metrics.recall_score(labels, flagged, pos_label=0, zero_division=0, **options),
        metrics.recall_score(labels, flagged, pos_label=1, zero_division=0, **options),
        numpy.max(true_rate[false_rate <= 0.01]),
        numpy.max(true_rate[false_rate <= 0.05]),
        metrics.log_loss(labels, scores, labels=[0, 1], **options),
        metrics.brier_score_loss(labels, scores, **options),
    ]
    if weights is None:
        values.append(calibration_error(scores, labels))
    return [float(value) for value in values]


warnings.simplefilter("error")
lines = [json.dumps(results(index), separators=(",", ":")) for index in range(CASES)]
path = pathlib.Path(__file__).parent / "metrics_random.json"
path.write_text("[\n" + ",\n".join(lines) + "\n]\n")
