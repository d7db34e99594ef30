"""The verdict that ends every run, whatever the method, where answers to that kind of acquisition can be judged."""

from __future__ import annotations

import dataclasses

from ... import compute
from ...data.acquisition import Acquisition
from ...registry import JUDGES, summary
from ...types import Result, Verdict


def judged(result: Result, acquisition: Acquisition) -> Result:
    """The `result` with its verdict; as it is where nobody judges answers to this kind of `acquisition`.

    An answer that cannot be checked is kept, and doubted.
    """
    if acquisition.kind not in JUDGES:
        return dataclasses.replace(result, predicted=None)
    try:
        verdict = JUDGES[acquisition.kind](acquisition, result)
    except Exception as error:
        if compute.is_out_of_memory(error):
            compute.release()
        sentence = f"The answer could not be checked against its frames ({summary(error)}): compare it with the frames."
        verdict = Verdict("amber", sentence)
    return dataclasses.replace(result, verdict=verdict, predicted=None)
