"""What a page sends to the server, as data: for benchmarks with many users, and tests with hostile ones."""

import socket
from dataclasses import dataclass
from typing import Any

import httpx
import psutil

from mnist_demo.recipes import find_recipe
from mnist_demo.ui.recipe_form import recipe_values

PREDICT, SERVER_FUNCTION, UPLOAD = "gradio_api/run/predict_strokes", "gradio_api/component_server/", "gradio_api/upload"
JOIN, EVENTS, HEARTBEAT = "gradio_api/queue/join", "gradio_api/queue/data", "gradio_api/heartbeat/"
SEVEN = [[[10, 10], [90, 10], [40, 100]]]
DRAWING: dict[str, Any] = {"data": [SEVEN, "sketch"]}  # for PREDICT


@dataclass(frozen=True)
class Protocol:
    """The requests of a page, made from its configuration."""

    config: dict[str, Any]

    @classmethod
    def of(cls, address: str) -> "Protocol":
        """Return the protocol of the page at that address."""
        return cls(httpx.get(f"{address}config", timeout=60).json())

    def component(self, elem_id: str) -> int:
        """Return the number of a component."""
        return next(each["id"] for each in self.config["components"] if each["props"].get("elem_id") == elem_id)

    def call(self, component: str, function: str, data: Any) -> dict[str, Any]:
        """Return the body of a request to a component's server function."""
        return {"data": data, "component_id": self.component(component), "fn_name": function, "session_hash": "x"}

    def event(self, output: str, *inputs: str) -> int:
        """Return the number of the first event with that output and those inputs, given by elem_id."""
        output_id, input_ids = self.component(output), {self.component(name) for name in inputs}
        events = self.config["dependencies"]
        return next(e["id"] for e in events if output_id in e["outputs"] and input_ids <= set(e["inputs"]))

    def update_choices(self, session: str, model: str = "sketch") -> dict[str, Any]:
        """Return the body of a short queued event: it lists a session's models."""
        return {"data": [model], "fn_index": self.event("digit-browser", "draw-model"), "session_hash": session}

    def training(self, session: str, recipe: str, **changes: Any) -> dict[str, Any]:
        """Return the body of the event that starts a training, with changes of the recipe's hyperparameters."""
        event = self.event("training-monitor", "recipe", "pad", "field-seed")
        values = recipe_values(find_recipe(recipe)) | changes
        return {"data": [recipe, [], recipe, *values.values()], "fn_index": event, "session_hash": session}

    def requests(self, session: str, path: str) -> list[tuple[str, Any]]:
        """Return the path and body of each kind of request that the page makes. `path` is that of an uploaded file."""
        key = {"key": "x/softmax #1"}
        query = {"model": "softmax", "show": "wrong", "order": "random", "seed": "3", "page": "0", "row": "5"}
        what_if = {"rotation": 9, "pen_width": 3.0, "centered": False}
        explain = {"strokes": SEVEN, "model": "sketch", "what_if": what_if, "parts": ["heat_maps", "variants"]}
        calls: list[tuple[str, str, Any]] = [
            ("digit-browser", name, query) for name in ("grid", "digit", "grid_file", "table_file")
        ]
        calls += [("training-monitor", name, key) for name in ("download", "web_page")]
        calls += [("explanation", "explain", explain)]
        calls += [("user-digits", "validate", {"path": path})]
        file = {"path": path, "meta": {"_type": "gradio.FileData"}}
        files = {each["id"] for each in self.config["components"] if each["type"] in ("image", "uploadbutton")}
        events = [
            {
                "data": [file if number in files else "softmax" for number in each["inputs"]],
                "fn_index": each["id"],
                "session_hash": session,
                "event_data": key | {"path": path},
            }
            for each in self.config["dependencies"]
            if each["backend_fn"]
        ]
        return [
            (PREDICT, DRAWING),
            *((SERVER_FUNCTION, self.call(*call)) for call in calls),
            ("gradio_api/run/predict_image", {"data": ["iVBORw0KGgo=", "softmax"]}),
            ("gradio_api/call/predict_strokes", {"data": [SEVEN, "softmax"]}),
            ("gradio_api/call/v2/predict_image", {"image": "iVBORw0KGgo=", "model": "softmax"}),
            *(("gradio_api/run/predict", event) for event in events),
            *((JOIN, event) for event in events),
            (JOIN, self.training(session, "softmax", epochs=1)),
            ("gradio_api/cancel", {"session_hash": session, "fn_index": 1, "event_id": "x"}),
            ("gradio_api/reset", {"event_id": "x"}),
            (UPLOAD, {}),
        ]


def find_server(address: str) -> psutil.Process:
    """Return the process that serves the address."""
    port = int(address.rstrip("/").rpartition(":")[2])
    listening = (each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN)
    return psutil.Process(next(each.pid for each in listening if each.laddr.port == port))


def incomplete_request(address: str, body: bytes, **headers: str) -> socket.socket:
    """Send a request whose body never ends."""
    host, port = address.split("/")[2].split(":")
    connection = socket.create_connection((host, int(port)))
    head = [f"POST /{JOIN} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", "Content-Length: 99"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
    return connection
