"""What two tiles say of one place: the plane of phase, and the ratio of brightness, between them."""

from __future__ import annotations

import dataclasses

import numpy as np

ROUNDS = 8  # of reweighting
LEAST_SPREAD = 1e-4  # rad: closer no two tiles are taken to agree
CUT = 2.4  # spreads from which on a point counts much less (Cauchy)


@dataclasses.dataclass(frozen=True, eq=False)
class Difference:
    """Tile `first` against tile `second` where both answer.

    Parameters
    ----------
    first, second : numbers of the tiles.
    plane : phase of the first less that of the second: (rad, rad/um along y, rad/um along x) about `middle_um`.
    information : (3, 3), of the plane: the inverse of its covariance.
    middle_um : (y, x), um.
    log_gain : natural logarithm of the first's amplitude over the second's; 0 where they are phases alone.
    spread_rad : robust standard deviation of the phase about the plane.
    off : norm of what then still parts the two over that of the first; for phases its rms, rad.
    periodic : whether the phase is only known but for turns of 2 pi.
    """

    first: int
    second: int
    plane: np.ndarray
    information: np.ndarray
    middle_um: np.ndarray
    log_gain: float
    spread_rad: float
    off: float = 0.0
    periodic: bool = True


def difference(
    numbers: tuple[int, int], values: tuple[np.ndarray, np.ndarray], y_um: np.ndarray, x_um: np.ndarray
) -> Difference | None:
    """The plane and the gain between two tiles; None where they say nothing.

    Parameters
    ----------
    numbers : of the tiles.
    values : of each, (z, y, x) complex, or phases in rad.
    y_um, x_um : of the rows and columns, um.
    """
    one, other = (np.asarray(v) for v in values)
    middle = np.array([y_um.mean(), x_um.mean()])
    dy, dx = (a.ravel() for a in np.meshgrid(y_um - middle[0], x_um - middle[1], indexing="ij"))
    design = np.tile(np.stack([np.ones_like(dy), dy, dx], 1), (len(one), 1))
    if np.iscomplexobj(one):
        product = one * np.conj(other)
        light = np.abs(product).ravel()
        if not light.sum() > 0:
            return None
        start = _start(product, y_um, x_um)
        left = np.angle(product.ravel() * np.exp(-1j * (design @ start)))
    else:
        light, start, left = np.ones(one.size), np.zeros(3), (one - other).ravel().astype(float)
    light = light / light.mean()
    step, weight, spread = _robust_plane(design, left, light)
    gain = _log_gain(one, other, light * weight) if np.iscomplexobj(one) else 0.0
    information = (design * (light * weight)[:, None]).T @ design / spread**2
    return Difference(
        *numbers,
        plane=start + step,
        information=information,
        middle_um=middle,
        log_gain=gain,
        spread_rad=spread,
        off=_off(one, other, design @ (start + step), gain),
        periodic=np.iscomplexobj(one),
    )


def _start(product: np.ndarray, y_um: np.ndarray, x_um: np.ndarray) -> np.ndarray:
    """A first plane of the phase of `product` (z, y, x), from neighbours, then from the sum: no phase is unwrapped."""
    slopes = []
    for axis, along in ((1, y_um), (2, x_um)):
        if len(along) < 2:
            slopes.append(0.0)
            continue
        n = product.shape[axis]
        steps = np.take(product, range(1, n), axis) * np.conj(np.take(product, range(n - 1), axis))
        slopes.append(float(np.angle(steps.sum())) / float(along[1] - along[0]))
    flat = product * np.exp(-1j * (slopes[0] * (y_um - y_um.mean())[:, None] + slopes[1] * (x_um - x_um.mean())))
    return np.array([float(np.angle(flat.sum())), *slopes])


def _robust_plane(design: np.ndarray, left: np.ndarray, light: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Plane (3,) of `left` (point,), Cauchy weights (point,) and the spread about it."""
    weight, plane, spread = np.ones(len(left)), np.zeros(3), 1.0
    for _ in range(ROUNDS):
        counted = np.sqrt(light * weight)
        plane = np.linalg.lstsq(design * counted[:, None], left * counted, rcond=None)[0]
        off = np.abs(left - design @ plane)
        spread = max(1.4826 * float(np.median(off)), LEAST_SPREAD)
        weight = 1 / (1 + (off / (CUT * spread)) ** 2)
    return plane, weight, spread


def _log_gain(one: np.ndarray, other: np.ndarray, weight: np.ndarray) -> float:
    powers = [float((weight * np.abs(v.ravel()) ** 2).sum()) for v in (one, other)]
    return 0.5 * float(np.log(max(powers[0], 1e-30) / max(powers[1], 1e-30)))


def _off(one: np.ndarray, other: np.ndarray, plane: np.ndarray, log_gain: float) -> float:
    """What parts two tiles (z, y, x) whose phases differ by a `plane` (point,), rad, and whose brightness by a gain."""
    if not np.iscomplexobj(one):
        return float(np.sqrt((((one - other).ravel() - plane) ** 2).mean()))
    like = np.exp(log_gain + 1j * plane) * other.ravel()
    return float(np.linalg.norm(one.ravel() - like) / max(float(np.linalg.norm(one)), 1e-30))
