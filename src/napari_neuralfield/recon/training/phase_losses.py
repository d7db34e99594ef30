"""How far a network's phase is from the truth, where no image tells its mean."""

from __future__ import annotations

import torch

SCALE_WEIGHT = 0.12
LOG_SCALE = (-4.0, 8.0)  # the logarithm of the scale, rad, is held between these


def laplace(answer: torch.Tensor, truth: torch.Tensor, *, weigh_by_scale: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """L1 of the phase without its mean; beside it the log-likelihood of a Laplace distribution of predicted scale.

    Parameters
    ----------
    answer : (n, output, y, x), phase in rad and, where there is a second output, the logarithm of the scale.
    truth : (n, y, x), rad.
    weigh_by_scale : errors also count in units of the predicted scale: flat background weighs more.

    Returns
    -------
    The loss, and the mean absolute error without its mean, rad.
    """
    error = answer[:, 0] - truth
    error = (error - error.mean((1, 2), keepdim=True)).abs()
    contrast = truth.std((1, 2), keepdim=True) + 0.2
    loss = (error / contrast.sqrt()).mean()
    if answer.shape[1] > 1:
        log_scale = answer[:, 1].clamp(*LOG_SCALE)
        counted = error if weigh_by_scale else error.detach()
        loss = loss + SCALE_WEIGHT * (counted * torch.exp(-log_scale) + log_scale).mean()
    return loss, error.detach().mean()


def absolute(answer: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean absolute error, the mean of the phase included, as published; and the same without it, rad.

    `answer` and `truth` (n, point), both rad.
    """
    error = answer - truth
    with torch.no_grad():
        shown = (error - error.mean(1, keepdim=True)).abs().mean()
    return error.abs().mean(), shown


def squared(answer: torch.Tensor, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean squared error, the mean of the phase included, as published; and the mean absolute error without it, rad.

    `answer` (n, output, y, x), whose first output is the phase, and `truth` (n, y, x), both rad.
    """
    error = answer[:, 0] - truth
    with torch.no_grad():
        shown = (error - error.mean((1, 2), keepdim=True)).abs().mean()
    return error.square().mean(), shown
