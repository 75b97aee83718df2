from contextlib import ExitStack

import pytest

from mnist_demo.errors import InputError
from mnist_demo.ui.line import MAX_WAITING, Line


def test_the_first_have_their_turn_and_the_others_move_up_as_they_leave():
    line = Line(slots=2)
    with ExitStack() as others:
        first = others.enter_context(line.enter())
        with line.enter() as second, line.enter() as third, line.enter() as fourth:
            assert [first(), second(), third(), fourth()] == [0, 0, 1, 2]
            others.close()
            assert [second(), third(), fourth()] == [0, 0, 1]


def test_who_leaves_while_waiting_makes_room_behind():
    line = Line(slots=1)
    with line.enter() as first:
        leaving = line.enter()
        leaving.__enter__()
        with line.enter() as last:
            assert last() == 2
            leaving.__exit__(None, None, None)
            assert (first(), last()) == (0, 1)


def test_the_line_has_an_end():
    line = Line(slots=1)
    with ExitStack() as waiting:
        for _ in range(1 + MAX_WAITING):
            waiting.enter_context(line.enter())
        with pytest.raises(InputError, match="20 visitors wait for a training already"), line.enter():
            pass
    with line.enter() as place:
        assert place() == 0
