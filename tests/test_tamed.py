from asyncio import Queue as Messages

import gradio as gr
from gradio.queueing import Queue
from gradio.state_holder import SessionState

from mnist_demo.ui.tamed import MAX_WAITING, Told, prepare, tame
from tests.conftest import run_async


def page() -> tuple[gr.Blocks, gr.Textbox]:
    async def lay_out() -> tuple[gr.Blocks, gr.Textbox]:  # Gradio leaves a loop of its own where none runs
        with gr.Blocks(analytics_enabled=False) as blocks:
            box = gr.Textbox("as laid out")
        tame(blocks)
        return blocks, box

    prepare()
    return run_async(lay_out())


def test_no_value_that_was_sent_is_kept():
    blocks, box = page()
    state = SessionState(blocks)
    state._update_value_in_config(box._id, "what somebody sent")
    assert state.config_values[box._id]["props"]["value"] == "as laid out"


def test_the_queue_is_bounded_and_keeps_no_statistics():
    queue: Queue = page()[0]._queue
    assert queue.max_size == MAX_WAITING and queue.ANALYTICS_MAX_EVENTS == 1
    queue.events_recorded += 1
    assert queue.compute_analytics_summary([{"function": "f", "status": "success", "process_time": 1.0}]) == {
        "functions": {}
    }


def test_a_page_that_listens_is_not_forgotten_for_those_that_come_after_it():
    told = Told(3)
    for page in ("listens", "b", "c"):
        told[page] = Messages()
    for number in range(10):
        assert told["listens"] is told["listens"]
        told[f"new {number}"] = Messages()
    assert list(told) == ["new 8", "listens", "new 9"]
    assert told["never seen"].empty() and "never seen" not in told
