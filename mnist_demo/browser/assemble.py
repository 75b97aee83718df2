"""Assemble gemm.wat: python -m mnist_demo.browser.assemble [FOLDER]. Needs wat2wasm, of Debian's package wabt."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from mnist_demo.browser import FOLDER


def assemble(folder: Path) -> None:
    """Write gemm.wasm and gemm_simd.wasm to a folder."""
    source = (FOLDER / "gemm.wat").read_text(encoding="utf-8")
    x, y, total = [r"(\(local\.get \$\w+\))"] * 3
    simd = re.sub(rf"\(f32x4\.relaxed_madd {x} {y} {total}\)", r"(f32x4.add \3 (f32x4.mul \1 \2))", source)
    for name, text in (("gemm.wasm", source), ("gemm_simd.wasm", simd)):
        with tempfile.NamedTemporaryFile("w", suffix=".wat", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            subprocess.run(["wat2wasm", "--enable-relaxed-simd", file.name, "-o", folder / name], check=True)


if __name__ == "__main__":
    assemble(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
