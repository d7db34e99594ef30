"""Where pieces of work are done: here, in processes of this machine, or on a cluster."""

from __future__ import annotations

from ...types import InputError
from .pieces import Executor, InProcess


def executor(workers: int | None = None, cluster: str | None = None, memory_bytes: int | None = None) -> Executor:
    """Where work is done: in this process, in several here, or on a cluster.

    Parameters
    ----------
    workers : processes on this machine, one thread each; None: this process alone.
    cluster : address of a dask.distributed scheduler, such as tcp://10.0.0.5:8786; None: this machine.
    memory_bytes : what one of the `workers` may use; None: its share of what is free.

    Raises
    ------
    InputError : for both, or for less than one worker.
    """
    if workers is not None and cluster is not None:
        raise InputError(
            f"options --workers {workers} and --cluster {cluster} exclude each other: a cluster has its own workers, "
            "so leave one of them out"
        )
    if cluster is None and workers is None:
        return InProcess()
    from .cluster import LocalProcesses, RemoteCluster

    if cluster is not None:
        return RemoteCluster(cluster)
    assert workers is not None
    if workers < 1:
        raise InputError(f"option --workers is {workers}; it must be 1 or more processes, or left out for none")
    return LocalProcesses(workers, memory_bytes)
