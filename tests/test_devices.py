import re
from pathlib import Path

import pytest

from mnist_demo.devices import has_fast_bfloat16


@pytest.mark.skipif(not Path("/proc/cpuinfo").is_file(), reason="needs Linux, which lists the processor's instructions")
def test_bfloat16_is_fast_only_on_processors_with_instructions_for_it():
    flags = re.search(r"^flags\s*:(.*)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    assert has_fast_bfloat16("cpu") == bool(flags and "avx512_bf16" in flags[1].split())
    assert has_fast_bfloat16("cuda")
