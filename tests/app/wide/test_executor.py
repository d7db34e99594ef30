"""Pieces of work: heard as they go, tried twice, left out, cancelled, here and on a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from napari_neuralfield import InputError
from napari_neuralfield.app.wide.executor import executor
from napari_neuralfield.app.wide.pieces import Ended, EndsAll, Heard, InProcess, Piece


def counted(folder: Path, key: str) -> int:
    """How often this was called for a key; kept in a file, which other processes see too."""
    with (folder / key).open("a") as file:
        file.write("x")
    return (folder / key).stat().st_size


def steady(key: str) -> Iterator[str]:
    yield f"{key} begins"
    return f"{key} done"


def poisoned(folder: Path, key: str) -> None:
    raise InputError(f"{key} is bad, try {counted(folder, key)}")


def once_bad(folder: Path, key: str) -> int:
    tries = counted(folder, key)
    if tries == 1:
        raise ValueError("bad luck")
    return tries


def full(key: str) -> None:
    raise EndsAll(f"{key}: the disk is full")


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def pieces(folder: Path) -> list[Piece]:
    return [
        Piece("poisoned", poisoned, (folder, "poisoned")),
        Piece("unlucky", once_bad, (folder, "unlucky")),
        *(Piece(key, steady, (key,)) for key in ("a", "b")),
    ]


def test_a_piece_that_fails_is_tried_again_after_the_others_and_then_left_out(tmp_path: Path) -> None:
    said = list(executor().run(pieces(tmp_path)))
    assert [one for one in said if isinstance(one, Heard)] == [Heard("a", "a begins"), Heard("b", "b begins")]
    ends = [one for one in said if isinstance(one, Ended)]
    assert ends == [
        Ended("a", "a done"), Ended("b", "b done"),
        Ended("poisoned", error="poisoned is bad, try 2", tries=2), Ended("unlucky", 2, tries=2),
    ]  # fmt: skip


def test_closing_cancels_the_piece_in_hand() -> None:
    run = InProcess().run([Piece("a", steady, ("a",)), Piece("b", full, ("b",))])
    assert next(run) == Heard("a", "a begins")
    run.close()


def test_what_ends_all_is_not_tried_again() -> None:
    with pytest.raises(EndsAll, match="disk is full"):
        list(InProcess().run([Piece("b", full, ("b",))]))


def test_a_cluster_that_does_not_answer_and_other_misuse(monkeypatch: pytest.MonkeyPatch) -> None:
    from napari_neuralfield.app.wide import cluster

    monkeypatch.setattr(cluster, "ANSWER_S", 0.3)
    with pytest.raises(InputError, match=r"does not answer within 0\.3 s; give the address"):
        list(executor(cluster="tcp://127.0.0.1:9").run([Piece("a", steady, ("a",))]))
    with pytest.raises(InputError, match="exclude each other"):
        executor(workers=2, cluster="tcp://127.0.0.1:9")
    with pytest.raises(InputError, match="--workers is 0"):
        executor(workers=0)


def test_a_cluster_does_the_same_and_one_of_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import distributed

    from napari_neuralfield.app.wide import cluster

    with distributed.LocalCluster(n_workers=1, processes=False, threads_per_worker=1, dashboard_address=":0") as there:
        work = pieces(tmp_path)
        said = list(executor(cluster=there.scheduler_address).run(work))
        assert {repr(one) for one in said} == {repr(one) for one in InProcess().run(pieces(make(tmp_path / "here")))}
        with pytest.raises(EndsAll, match="disk is full"):
            list(executor(cluster=there.scheduler_address).run([Piece("b", full, ("b",))]))
        monkeypatch.setattr(cluster, "__version__", "99.0")
        with pytest.raises(InputError, match=r"worker .* has .*; all need napari_neuralfield 99\.0"):
            list(executor(cluster=there.scheduler_address).run(work))


def test_a_connection_that_breaks_is_one_sentence() -> None:
    from napari_neuralfield.app.wide import cluster

    def broken(*_: object) -> None:
        raise OSError("Stream is closed")

    client = SimpleNamespace(subscribe_topic=lambda *_: None, nthreads=broken)
    news = cluster._followed(client, [Piece("a", steady, ("a",))], "cluster tcp://10.0.0.5:8786")  # type: ignore[arg-type]
    with pytest.raises(
        InputError, match=r"^cluster tcp://10\.0\.0\.5:8786 no longer answers; the same command goes on"
    ):
        next(iter(news))
