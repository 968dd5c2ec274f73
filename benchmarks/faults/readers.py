"""Section A: files that are not what they say, and files larger than they look."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from benchmarks.faults import files
from benchmarks.faults.stage import Case, Stage, either, refused

UPLOAD = 2  # in the order of the Field page's choices


def _given(stage: Stage, name: str, content: bytes) -> str:
    visitor = stage.visitor()
    visitor.open("field")
    visitor.choose("field_mode", UPLOAD)
    visitor.rerun()
    words = visitor.upload("upload", name, content)
    visitor.rerun()  # the preview is kept: the second look costs nothing
    return words


def _never(name: str, make: Callable[[Stage], bytes]) -> Callable[[Stage], tuple[str, str]]:
    return lambda stage: refused(_given(stage, name, make(stage)))


def _perhaps(name: str, make: Callable[[Stage], bytes]) -> Callable[[Stage], tuple[str, str]]:
    return lambda stage: either(_given(stage, name, make(stage)))


def _picture(name: str, make: Callable[[Stage], bytes]) -> Callable[[Stage], tuple[str, str]]:
    def act(stage: Stage) -> tuple[str, str]:
        visitor = stage.visitor()
        visitor.open("lab", {"of": "Colours"})
        return refused(visitor.upload("picture_source", name, make(stage)))

    return act


def _url(stage: Stage) -> str:
    return f"http://127.0.0.1:{stage.listener.port}/{secrets.token_hex(4)}"  # another each time: GDAL remembers answers


CASES = [
    Case("A.1", "VRT named .tif that shows another file", _never("a.tif", lambda s: files.vrt(str(s.server.canary)))),
    Case("A.1", "VRT of /proc/self/environ", _never("b.tif", lambda s: files.vrt("/proc/self/environ"))),
    Case("A.1", "VRT of /vsicurl/", _never("c.tif", lambda s: files.vrt(f"/vsicurl/{_url(s)}"))),
    Case("A.1", "VRT of an http address", _never("d.tif", lambda s: files.vrt(_url(s)))),
    Case("A.1", "WMS description named .tif", _never("e.tif", lambda s: files.wms(_url(s)))),
    Case("A.1", "VRT with a Python pixel function", _never("f.tif", lambda s: files.derived(str(s.server.canary)))),
    Case("A.1", "VRT in a zip", _never("g.zip", lambda s: files.zipped("g.tif", files.vrt(f"/vsicurl/{_url(s)}")))),
    Case("A.1", "ASCII grid named .tif", _never("h.tif", lambda s: files.ascii_grid())),
    Case("A.1", "PostScript named .png", _picture("n.png", lambda s: files.postscript(str(s.server.canary)))),
    Case("A.1", "VRT as a picture", _picture("o.tif", lambda s: files.vrt(str(s.server.canary)))),
    Case("A.1", "DDS named .png", _picture("p.png", lambda s: b"DDS " + (124).to_bytes(4, "little") + bytes(200))),
    Case("A.2", "PNG of 400 million pixels", _picture("q.png", lambda s: files.wide_png())),
    Case("A.2", "sparse GeoTIFF of 196 million pixels", _perhaps("i.tif", lambda s: files.sparse_tif(s.folder))),
    Case("A.2", "csv of 120 MB", _perhaps("j.csv", lambda s: files.long_csv())),
    Case("A.2", "parquet of 60 million equal rows", _perhaps("k.parquet", lambda s: files.dense_parquet())),
    Case("A.2", "npz that says it has 10^12 rows", _never("l.npz", lambda s: files.npz_bomb())),
    Case("A.3", "parquet whose dictionary is no text", _never("m.parquet", lambda s: files.bad_dictionary())),
]
