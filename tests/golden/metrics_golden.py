"""Writes metrics.json: metrics of random scores by scikit-learn, NumPy and SciPy.

    pip install scikit-learn scipy
    python tests/golden/metrics_golden.py

Written with scikit-learn 1.9.1, SciPy 1.17.1.
"""

import json
import pathlib

import numpy
from scipy import stats
from sklearn import metrics


def equal_error_rate(false_positive_rate, true_positive_rate):
    """Where the piecewise linear curve meets the line from (0, 1) to (1, 0)."""
    gap = (1 - true_positive_rate) - false_positive_rate
    after = int(numpy.argmax(gap <= 0))
    share = gap[after - 1] / (gap[after - 1] - gap[after])
    return false_positive_rate[after - 1] + share * (
        false_positive_rate[after] - false_positive_rate[after - 1]
    )


def calibration_error(scores, labels, bins=15):
    """Guo et al. 2017, for the forged class; the upper edge belongs to a bin."""
    total = 0.0
    edges = numpy.linspace(0, 1, bins + 1)
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (scores > low) & (scores <= high) if low > 0 else scores <= high
        if inside.any():
            total += inside.mean() * abs(scores[inside].mean() - labels[inside].mean())
    return total


def case(random, index):
    count = int(random.integers(2, 41))
    labels = random.integers(0, 2, count)
    labels[random.permutation(count)[:2]] = [0, 1]
    scores = numpy.clip(0.5 + random.normal(0, 0.25, count) + 0.2 * (labels - 0.5), 0, 1)
    scores = numpy.round(scores, 6)
    kind = index % 4
    # 64ths, 4ths and 1st decimals make ties; no score falls on an edge of the fifteen calibration bins but 0 and 1.
    if kind == 1:
        scores = numpy.round(scores * 64) / 64
    if kind == 2:
        scores = numpy.round(scores * 4) / 4
    weights = numpy.round(random.uniform(0.1, 3, count), 3) if kind == 3 else None
    options = {} if weights is None else {"sample_weight": weights}
    threshold = float(numpy.round(random.uniform(0.2, 0.8), 3)) if index % 2 else 0.5
    flagged = scores >= threshold
    false_rate, true_rate, _ = metrics.roc_curve(
        labels, scores, drop_intermediate=False, **options
    )
    limit = [0.0, 0.01, 0.1, 0.25, 1.0][index % 5]
    result = {
        "scores": scores.tolist(),
        "labels": labels.tolist(),
        "weights": None if weights is None else weights.tolist(),
        "threshold": threshold,
        "falsePositiveLimit": limit,
        "auc": metrics.roc_auc_score(labels, scores, **options),
        "falsePositiveRates": false_rate.tolist(),
        "truePositiveRates": true_rate.tolist(),
        "averagePrecision": metrics.average_precision_score(labels, scores, **options),
        "equalErrorRate": equal_error_rate(false_rate, true_rate),
        "accuracy": metrics.accuracy_score(labels, flagged, **options),
        "balancedAccuracy": metrics.balanced_accuracy_score(labels, flagged, **options),
        "bestBalancedAccuracy": float(numpy.max((true_rate + 1 - false_rate)[1:] / 2)),
        "truePositiveRateAt": float(numpy.max(true_rate[false_rate <= limit])),
        "logLoss": metrics.log_loss(labels, scores, labels=[0, 1], **options),
        "brierScore": metrics.brier_score_loss(labels, scores, **options),
    }
    if weights is None:
        result["calibrationError"] = calibration_error(scores, labels)
    return result


def series(random):
    count = int(random.integers(3, 12))
    x = numpy.round(random.normal(0, 1, count), 4)
    y = numpy.round(x + random.normal(0, 1, count), 4)
    if count % 2:
        x, y = numpy.round(x), numpy.round(y)
    low, high = stats.t.interval(0.95, count - 1, numpy.mean(y), stats.sem(y))
    return {
        "x": x.tolist(),
        "y": y.tolist(),
        "pearson": float(stats.pearsonr(x, y).statistic),
        "spearman": float(stats.spearmanr(x, y).statistic),
        "mean": float(numpy.mean(y)),
        "low": float(low),
        "high": float(high),
    }


def main():
    random = numpy.random.default_rng(20260324)
    golden = {
        "cases": [case(random, index) for index in range(100)],
        "series": [series(random) for _ in range(20)],
    }
    path = pathlib.Path(__file__).with_name("metrics.json")
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
