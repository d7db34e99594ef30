"""A served field: the values are the field's, and nothing else can be reached or changed."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import uvicorn
import yaozarrs
from hostile_paths import hostile
from tiled_scene import one_piece, tiled

from napari_neuralfield.app.serving import page, server
from napari_neuralfield.app.serving.remote import open_address
from napari_neuralfield.app.serving.virtual_zarr import VirtualZarr
from napari_neuralfield.cli.commands import main
from napari_neuralfield.fields.time_series import TimeSeries
from napari_neuralfield.io import save_result
from napari_neuralfield.types import InputError, Result

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
Ask = Callable[..., tuple[int, bytes, dict[str, str]]]


@contextmanager
def served(store: VirtualZarr, token: str | None = None) -> Iterator[int]:
    """The port at which a store is served."""
    waiting = server.listening("127.0.0.1", 0)
    config = uvicorn.Config(server.application(store, token), log_level="critical", lifespan="off")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [waiting]})
    thread.start()
    try:
        yield waiting.getsockname()[1]
    finally:
        running.should_exit = running.force_exit = True
        thread.join()
        waiting.close()


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of one request, whose path is sent as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection._validate_path = lambda url: None  # type: ignore[attr-defined]
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return found


@pytest.fixture(scope="module")
def store() -> VirtualZarr:
    return VirtualZarr(tiled(), "my slide", pixel_um=0.25, chunk=64)


@pytest.fixture(scope="module")
def port(store: VirtualZarr) -> Iterator[int]:
    with served(store) as at:
        yield at


IMAGE = "/my%20slide.ome.zarr"


def test_it_is_an_ome_zarr_that_others_read(port: int, store: VirtualZarr) -> None:
    group = json.loads(ask(port, f"{IMAGE}/zarr.json")[1])
    yaozarrs.validate_ome_object(group["attributes"]["ome"])
    levels, keywords = open_address(f"http://127.0.0.1:{port}{IMAGE}")
    assert [level.shape for level in levels] == [(17, 192, 256), (17, 96, 128), (17, 48, 64)]
    assert keywords["scale"] == [0.5, 0.25, 0.25]
    assert keywords["translate"] == [-4.0, 10.0, -7.0]
    assert keywords["units"] == ["um"] * 3
    y, x = store.field.extent.axes(0.5)
    seen = store.field.render([store.depths[3]], y, x)[0].angle().numpy()
    assert np.abs(np.asarray(levels[1][3]) - seen).max() < 1e-5


def test_of_a_chunk_only_the_size_is_told_until_it_is_read(port: int) -> None:
    status, body, headers = ask(port, f"{IMAGE}/0/c/0/0/0", "HEAD")
    assert (status, body, headers["content-length"]) == (200, b"", str(64 * 64 * 4))
    assert ask(port, f"{IMAGE}/0/c/0/0/0")[2]["content-length"] == str(64 * 64 * 4)


def test_chunks_are_kept_within_bounds() -> None:
    small = VirtualZarr(one_piece(), "one", chunk=32, most_bytes=3 * 4 * 32**2)
    first = small.get("0/c/0/0/0")
    for column in range(4):
        small.get(f"0/c/0/1/{column}")
    assert small._bytes == 3 * 4 * 32**2
    assert small.get("0/c/0/0/0") == first


def test_nothing_but_the_field_is_reached(port: int) -> None:
    for path in hostile(120, IMAGE):
        status, body, _ = ask(port, path)
        assert 400 <= status < 500, (path, status)
        assert b"Traceback" not in body
        assert len(body) < 100
    for method in ("POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"):
        assert ask(port, f"{IMAGE}/zarr.json", method)[0] == 405
    assert ask(port, IMAGE, "OPTIONS")[0] == 204
    for host in ("evil.example", "evil.example:80", "", "[::2]"):
        assert ask(port, f"{IMAGE}/zarr.json", Host=host)[0] == 404
    assert ask(port, f"{IMAGE}/zarr.json", Host="localhost")[0] == 200
    assert "access-control-allow-origin" not in ask(port, f"{IMAGE}/zarr.json", Origin="http://evil.example")[2]


def test_with_a_token_nobody_sees_it_without() -> None:
    with served(VirtualZarr(one_piece(), "one"), "open-sesame") as port:
        assert ask(port, "/one.ome.zarr/zarr.json")[0] == 404
        assert ask(port, "/open-sesamf/one.ome.zarr/zarr.json")[0] == 404
        assert ask(port, "/")[0] == 404
        assert ask(port, "/open-sesame/one.ome.zarr/zarr.json")[0] == 200
        assert ask(port, "/one.ome.zarr/zarr.json", Authorization="Bearer open-sesame")[0] == 200
        assert ask(port, "/open-sesame/")[2]["location"].startswith("/open-sesame/v/field/")


def test_a_tile_that_goes_away_is_said_and_the_server_stays(tmp_path: Path) -> None:
    from napari_neuralfield.io import load_result

    save_result(tmp_path / "slide.nfield", Result(tiled()))
    store = VirtualZarr(load_result(tmp_path / "slide.nfield").field, "slide")
    shutil.rmtree(tmp_path / "slide.nfield" / "tiles")
    with served(store) as port:
        status, body, _ = ask(port, "/slide.ome.zarr/0/c/0/0/0")
        assert status == 500
        assert b"there is no such file" in body
        assert ask(port, "/slide.ome.zarr/0/zarr.json")[0] == 200


def test_a_time_series_has_a_time_axis() -> None:
    series = TimeSeries(times_s=[0.0, 5.0], fields=[one_piece(), one_piece()])
    store = VirtualZarr(series, "lapse", value="amplitude", z_um=[0.0])
    group = json.loads(store.get("zarr.json"))
    yaozarrs.validate_ome_object(group["attributes"]["ome"])
    assert json.loads(store.get("0/zarr.json"))["shape"] == [2, 1, 96, 128]
    assert store.has("0/c/1/0/0/0") == "chunk"
    assert not store.has("0/c/2/0/0/0")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--host", "0.0.0.0"], "option --host is 0.0.0.0, which others can reach; add --token WORD"),
        (["--token", "short"], "option --token must be 8 to 128 letters"),
        (["--port", "70000"], "option --port is 70000; it is 0 to 65535"),
        (["--host", "203.0.113.7", "--token", "12345678"], "nothing can listen at --host 203.0.113.7"),
        (["--value", "height"], "value is 'height'; this field has amplitude, phase, intensity"),
        (["--pixel-um", "0"], "pixel_um is 0"),
        (["--z-um", "90"], "option --z-um is 90"),
    ],
)
def test_what_cannot_be_served_is_said(
    options: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_result(tmp_path / "one.nfield", Result(one_piece()))
    assert main(["serve", str(tmp_path / "one.nfield"), *options]) == 2
    assert sentence in capsys.readouterr().err


def test_no_ome_zarr_at_an_address_is_said(port: int) -> None:
    with pytest.raises(InputError, match=r"there is no OME-Zarr 0.5 here"):
        open_address(f"http://127.0.0.1:{port}/other.ome.zarr")


def test_the_page_is_there_and_loads_nothing_from_elsewhere(port: int) -> None:
    status, _, headers = ask(port, "/")
    assert status == 307
    state = json.loads(urllib.parse.unquote(headers["location"].partition("#!")[2]))
    assert state["layers"][0]["source"] == f"zarr3://http://127.0.0.1:{port}{IMAGE}/"
    status, body, headers = ask(port, "/v/field/")
    assert status == 200
    assert b"http://" not in body
    assert b"https://" not in body
    assert "connect-src 'self'" in headers["content-security-policy"]
    for name in page.files():
        assert ask(port, f"/v/field/{name}", "HEAD")[0] == 200


@pytest.mark.skipif(BROWSER is None, reason="neither chromium nor google-chrome is installed")
def test_a_browser_draws_the_field(port: int, store: VirtualZarr, tmp_path: Path) -> None:
    """The page asks for chunks only when it has read the metadata and has a canvas to draw on."""
    store._made.clear()
    command = [
        str(BROWSER), "--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
        "--ignore-gpu-blocklist", "--remote-debugging-port=0", "--window-size=800,600",
        f"--user-data-dir={tmp_path / 'profile'}", f"http://127.0.0.1:{port}/",
    ]  # fmt: skip
    browser = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not any("/c/" in key for key in [*store._made]) and time.monotonic() < until:
            time.sleep(0.1)
        assert any("/c/" in key for key in [*store._made])
    finally:
        browser.kill()
        browser.wait()
