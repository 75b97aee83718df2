import threading

import pytest

from mnist_demo.errors import InputError
from mnist_demo.ui.turns import Turns


def test_one_has_the_turn_so_many_wait_and_the_next_is_told():
    turns, has_come, go_on = Turns(2), threading.Event(), threading.Event()
    at_once, most = 0, 0

    def compute() -> None:
        nonlocal at_once, most
        with turns.take():
            at_once += 1
            most = max(most, at_once)
            has_come.set()
            go_on.wait(30)
            at_once -= 1

    threads = [threading.Thread(target=compute) for _ in range(3)]
    for thread in threads:
        thread.start()
        has_come.wait(30)
    while turns._places._value:  # until the others wait
        pass
    with pytest.raises(InputError, match="Many ask for this at the moment"), turns.take():
        pass
    go_on.set()
    for thread in threads:
        thread.join()
    assert most == 1
    with turns.take():  # all places are free again
        pass
