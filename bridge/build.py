"""Builds the binding to the Go library: `python -m bridge.build`, once `libwabridge.so` is made."""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from cffi import FFI

FOLDER = Path(__file__).resolve().parent
BINDING = "_wabridge.abi3.so"


def build(folder: Path) -> Path:
    """Compile the binding in a folder with `wabridge.h`, `libwabridge.h` and `libwabridge.so`.

    Both headers are compiled together, so that a symbol that cgo does not export, or exports with
    another signature than the hand-written header, fails the build. Raises cffi.VerificationError.
    """
    header = (folder / "wabridge.h").read_text(encoding="utf-8")
    declarations = re.sub(r"(?m)^#.*$|/\*[\s\S]*?\*/", "", header)
    builder = FFI()
    builder.cdef(declarations)
    builder.set_source(
        "_wabridge",
        _source(re.findall(r"\b(wa_\w+)\(", declarations)),
        include_dirs=[str(folder)],
        library_dirs=[str(folder)],
        libraries=["wabridge"],
        extra_compile_args=["-Werror=implicit-function-declaration"],
        extra_link_args=["-Wl,-rpath,$ORIGIN"],
        py_limited_api=True,
    )
    with tempfile.TemporaryDirectory() as scratch:
        built = builder.compile(tmpdir=scratch, target=BINDING)
        return Path(shutil.copy(built, folder / BINDING))


def _source(symbols: list[str]) -> str:
    # Between the headers only cgo's declarations are known: naming every symbol here proves that
    # each exists. The hand-written header then has to agree with them.
    names = ", ".join(f"(void *){symbol}" for symbol in symbols)
    return f"""
    #include "libwabridge.h"
    void *const wuts_exported_by_go[] = {{ {names} }};
    #include "wabridge.h"
    """


if __name__ == "__main__":
    build(FOLDER)
