import subprocess
import sys


def test_the_core_loads_neither_the_page_nor_what_only_some_need():
    program = "import sys, mnist_demo; print(*(sys.modules.keys() & {'gradio', 'torchvision', 'matplotlib', 'pandas'}))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True).stdout
    assert loaded.split() == []
