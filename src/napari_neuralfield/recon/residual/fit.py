"""The fit of a residual neural field: the network, with what the experiment has wrong; then single pixels.

The network starts at nothing, so that the prior is the first answer; wavelets keep it sparse.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from ... import compute
from ...compute import COMPLEX
from ...data.names.plain_files import regular
from ...fields.residual import ResidualField
from ...forward.led_measurement import LedMeasurement
from ...forward.scan_measurement import ScanMeasurement
from ...types import Event, InputError, Progress
from ..engine import checkpoint
from ..engine.fit_field import Counter, Fittable, Sample, default_term, epochs, fit_field
from ..engine.losses import LOSSES, LossName
from ..engine.sparsity import haar_l1, total_variation
from .recipe import ResidualRecipe, usual_epochs

SHAPED = 0.1  # share of the epochs after which the network tells of the experiment
PIXEL_RATE = 2e-3
IN_A_ROW = 4  # steps of L-BFGS (Nocedal, Wright, Numerical Optimization (2006), algorithm 7.4) between two reports
STEPS_PER_EPOCH, VISITS = (2, 8), 4800  # of L-BFGS; more than the fewest as long as frames are visited so often in all
AT_ONCE = 16  # frames predicted together
EDGES, NEAR = 0.25, 0.01  # times the wavelets' weight; of the probe's change, by which it keeps clear of noise
BETAS = {"adam": (0.9, 0.999), "rmsprop": (0.0, 0.99)}


def image_from_file(path: str | None, shape: tuple[int, int], rim: int = 0) -> torch.Tensor:
    """The complex image (y, x) of `shape` in the .npy file at `path`; one without its `rim` gets one.

    Raises
    ------
    InputError : where there is no such file, or its image has another shape.
    """
    if path is None:
        raise InputError("option prior is 'file' but prior_file is empty; name a .npy file that render wrote")
    regular(path)
    try:
        image = np.load(Path(path), allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise InputError(f"{path}: the prior cannot be read; it must be a .npy file, as render writes it") from None
    image = image[0] if image.ndim == 3 and len(image) == 1 else image
    if image.shape == (shape[0] - 2 * rim, shape[1] - 2 * rim):
        image = np.pad(image, rim, mode="edge")
    if image.shape != shape:
        raise InputError(
            f"{path}: the prior has shape {image.shape}; it must be {shape}, the object's grid, or (1, *{shape})"
        )
    return torch.as_tensor(image, dtype=COMPLEX)


class ResidualFit:
    """Improves a field and its measurement in place; every generator yields progress and previews.

    Parameters
    ----------
    field : of the object.
    measurement : the frames, and what is learnt of the experiment.
    recipe : what the user chose.
    others : fields beside the object's, such as those of a probe.
    loss : how counts are compared.
    """

    def __init__(
        self,
        field: ResidualField,
        measurement: LedMeasurement | ScanMeasurement,
        recipe: ResidualRecipe,
        others: Sequence[ResidualField] = (),
        *,
        loss: LossName,
    ) -> None:
        self.field, self.measurement, self.recipe, self._networks = field, measurement, recipe, [field, *others]
        self.loss = loss
        self._order, self._roll = compute.seed(recipe.seed), compute.seed(recipe.seed + 1)
        count = len(measurement.train)
        usual, finish = usual_epochs(count)
        self.epochs = recipe.epochs or usual
        self.finish_epochs = finish if recipe.finish_epochs is None else recipe.finish_epochs
        self.batch = recipe.batch or measurement.batch
        self._steps = self.epochs * -(-count // self.batch)
        self._counter = Counter(self._steps + self.finish_epochs * -(-count // self.batch))
        self.sparsity = measurement.sparsity if recipe.sparsity is None else recipe.sparsity

    def network(self) -> Iterator[Event]:
        """Epochs of the network and of what is learnt of the experiment."""
        weights = [p for network in self._networks for p in network.parameters()]
        rate = self.measurement.rate if self.recipe.rate is None else self.recipe.rate
        yield from self._fit(self.epochs, weights, rate, lambda _: self.field.at_pixels(), what="network", wait=SHAPED)
        self._counter.done = self._steps

    def pixels(self) -> Iterator[Event]:
        """Epochs in which the prior's pixels move and the network rests."""
        if not self.finish_epochs:
            return
        with torch.no_grad():
            network, prior = self.field.network(), self.field.prior
        free = torch.view_as_real(prior.clone()).contiguous().requires_grad_()

        def image(_: float) -> torch.Tensor:
            now = torch.view_as_complex(free)
            self.field.prior = now.detach()
            return network + now

        yield from self._fit(self.finish_epochs, [free], PIXEL_RATE, image, what="pixels")
        self.field.prior = torch.view_as_complex(free.detach())

    def together(self, light: torch.Tensor) -> Iterator[Event]:
        """Prior's pixels and probe down the misfit of all frames at once, in the place of `pixels`.

        For frames that fit to within the noise of few counts. Phases that hardly differ within a spot, of which frames
        tell little and small steps leave much, take steps as much larger. `light` is the probe (mode, y, x) so far.
        """
        probe, steps = self.measurement.learnt["probe"], self._steps_together()
        before, compare = probe.detach().clone(), default_term(self.measurement, LOSSES[self.loss])
        larger, prior = _slow_first(self.field.prior, light), self.field.prior
        moved = torch.zeros(*prior.shape, 2, device=prior.device, requires_grad=True)
        with torch.no_grad():
            network = self.field.network()

        def image() -> torch.Tensor:
            return prior + torch.fft.ifft2(larger * torch.fft.fft2(torch.view_as_complex(moved)))

        def objective() -> float:
            moved.grad = probe.grad = None
            total, train = 0.0, self.measurement.train
            for part in train.split(AT_ONCE):
                term = compare(network + image(), part, 0.0).loss * (len(part) / len(train))
                term.backward()
                total += float(term.detach())
            edges = total_variation(network + image()) / prior.numel()
            rest = EDGES * self.sparsity * edges + NEAR * (probe - before).square().mean()
            rest.backward()
            return total + float(rest.detach())

        first, total = self._counter.done, self._counter.total
        optimizer = torch.optim.LBFGS(
            [moved, probe], max_iter=IN_A_ROW, tolerance_grad=0, tolerance_change=0, history_size=10,
            line_search_fn="strong_wolfe",
        )  # fmt: skip
        loop, begin = checkpoint.loop("pixels and probe"), 0
        if loop.found is not None:
            begin, solved, remembered = loop.found
            with torch.no_grad():
                moved.copy_(solved[0])
                probe.copy_(solved[1])
            optimizer.load_state_dict(remembered)

        def now() -> tuple[object, ...]:
            return number + IN_A_ROW, (moved.detach(), probe.detach()), optimizer.state_dict()

        for number in range(begin, steps, IN_A_ROW):
            value = float(optimizer.step(objective))
            yield Progress(first + (number + IN_A_ROW) * (total - first) // steps, total, value**0.5, "pixels")
            loop.reached(now)
        self.field.prior = image().detach()

    def _steps_together(self) -> int:
        fewest, most = (self.finish_epochs * steps for steps in STEPS_PER_EPOCH)
        return min(most, max(fewest, VISITS // len(self.measurement.train)))

    @torch.no_grad()
    def misfit(self, frames: torch.Tensor) -> float:
        """How far off `frames` (numbers, int64) are, by the loss that is fitted; 0 where there are none."""
        compare = default_term(self.measurement, LOSSES[self.loss])
        image, parts = self.field.at_pixels(), frames.split(AT_ONCE) if len(frames) else ()
        return sum(float(compare(image, part, 0.0).loss) * len(part) for part in parts) / max(len(frames), 1)

    def _fit(
        self, count: int, weights: Sequence[torch.Tensor], rate: float, image: Sample, *, what: str, wait: float = 0.0
    ) -> Iterator[Event]:
        fade, train = self.recipe.decay, self.measurement.train
        yield from fit_field(
            Fittable(image, weights, lambda: copy.deepcopy(self.field)),
            self.measurement,
            epochs(train, count, self.batch, generator=self._order, fade=fade, learn_after=wait),
            rate=rate,
            counter=self._counter,
            loss=LOSSES[self.loss],
            betas=BETAS[self.recipe.optimizer],
            regulariser=self._wavelets if self.sparsity else None,
            weight_decay=self.recipe.weight_decay,
            patience=self.recipe.patience,
            what=what,
            random=[self._roll],
        )

    def _wavelets(self, image: torch.Tensor) -> torch.Tensor:
        found = haar_l1(image, self.recipe.wavelet_levels, self.recipe.wavelet_shift, self._roll)
        return self.sparsity * found / image.numel()


def _slow_first(image: torch.Tensor, probe: torch.Tensor) -> torch.Tensor:
    """Factors on the spectrum of `image` (y, x): 1 above 1 / spot of the `probe`, below it 1 / (spot * frequency)."""
    light = probe.abs().square().sum(0)
    area = light.sum() ** 2 / light.square().sum()  # pixels that the light of `probe` (mode, y, x) fills
    y, x = (torch.fft.fftfreq(n, device=image.device) for n in image.shape)
    square = y[:, None] ** 2 + x**2
    square[0, 0] = min(1 / n for n in image.shape) ** 2
    return torch.sqrt(1 + 1 / (square * area))
