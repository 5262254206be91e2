"""Writes frechet.json: Fréchet distances and kernel distances.

    python3 tests/reference/frechet.py        (needs NumPy and SciPy)

Fréchet distances use scipy.linalg.sqrtm, as published FVD code does. Features are whole numbers
divided by 16, so that Python and Rust use exactly the same values. One case has fewer clips than
dimensions. There the matrix product is singular, and its sqrtm is accurate only to about 1e-8. So
the distance is also computed from the singular values of the product of the data matrices, without
a matrix square root.
"""

import json
import pathlib

import numpy as np
import scipy.linalg


def frechet(a, b, ddof):
    product = scipy.linalg.sqrtm(
        np.cov(a, rowvar=False, ddof=ddof) @ np.cov(b, rowvar=False, ddof=ddof)
    )
    means = np.square(a.mean(0) - b.mean(0)).sum()
    traces = np.trace(np.cov(a, rowvar=False, ddof=ddof)) + np.trace(
        np.cov(b, rowvar=False, ddof=ddof)
    )
    return float(means + traces - 2 * np.real(np.trace(product)))


def frechet_by_singular_values(a, b):
    centred = (a - a.mean(0)) / np.sqrt(len(a) - 1), (b - b.mean(0)) / np.sqrt(len(b) - 1)
    nuclear = scipy.linalg.svdvals(centred[0] @ centred[1].T).sum()
    squares = sum(np.square(side).sum() for side in centred)
    return float(np.square(a.mean(0) - b.mean(0)).sum() + squares - 2 * nuclear)


def kernel(a, b):
    k = lambda x, y: (x @ y.T / x.shape[1] + 1) ** 3
    within = lambda x: (k(x, x).sum() - np.trace(k(x, x))) / (len(x) * (len(x) - 1))
    return float(within(a) + within(b) - 2 * k(a, b).mean())


def case(name, rng, count_a, count_b, dimension):
    mixing = rng.normal(size=(dimension, dimension)) * 0.7 ** np.arange(dimension)[:, None]
    draw = lambda count, shift: np.round(
        16 * (rng.normal(size=(count, dimension)) @ mixing + shift)
    ).astype(int)
    a, b = draw(count_a, 0.0), draw(count_b, 0.3)
    x, y = a / 16, b / 16
    return {
        "name": name,
        "dimension": dimension,
        "a": a.ravel().tolist(),
        "b": b.ravel().tolist(),
        "unbiased": frechet(x, y, 1),
        "biased": frechet(x, y, 0),
        "by_singular_values": frechet_by_singular_values(x, y),
        "kernel": kernel(x, y),
    }


rng = np.random.default_rng(0)
cases = [
    case("more clips than dimensions", rng, 60, 50, 12),
    case("fewer clips than dimensions", rng, 12, 16, 40),
]
for one in cases:
    print(
        one["name"], *(one[key] for key in ("unbiased", "biased", "by_singular_values", "kernel"))
    )
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(
    "[\n" + ",\n".join(json.dumps(one, separators=(",", ":")) for one in cases) + "\n]\n"
)
