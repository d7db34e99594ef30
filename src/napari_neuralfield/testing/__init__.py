"""What every method, field, reader, measurement model, virtual microscope, network and writer keeps to, as checks.

Each raises an `AssertionError` with one sentence. For the tests of a plug-in, and for ours; pytest is not needed.
"""

from .fields import check_field
from .files import check_reader, check_writer
from .methods import check_method
from .microscopes import check_measurement, check_simulator
from .networks import check_network

__all__ = [
    "check_field",
    "check_measurement",
    "check_method",
    "check_network",
    "check_reader",
    "check_simulator",
    "check_writer",
]
