import subprocess
import sys


def test_the_core_loads_neither_the_page_nor_what_only_some_need():
    program = "import sys, mnist_demo; print(*(sys.modules.keys() & {'gradio', 'torchvision', 'matplotlib', 'pandas'}))"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True).stdout
    assert loaded.split() == []


def test_after_loading_ahead_the_first_training_and_the_first_event_load_little():
    program = """
import sys
import torch
from gradio.utils import MatplotlibBackendMananger
from mnist_demo.data import practice_data
from mnist_demo.recipes import find_recipe
from mnist_demo.training import train
from mnist_demo.ui import ahead

data, recipe = practice_data(100, 10), find_recipe("softmax")
ahead._load()
loaded = set(sys.modules)
next(train(recipe.build(), data, recipe))
with MatplotlibBackendMananger():  # as around each event
    pass
print(*(set(sys.modules) - loaded))
"""
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True).stdout
    assert len(loaded.split()) < 50, loaded
