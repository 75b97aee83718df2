"""What a page sends to the server, as data: for benchmarks with many visitors, and tests with hostile ones."""

import socket
from dataclasses import dataclass
from typing import Any

import httpx
import psutil

READ, SERVER_FUNCTION = "read", "gradio_api/component_server/"
JOIN, NEWS, HEARTBEAT = "gradio_api/queue/join", "gradio_api/queue/data", "gradio_api/heartbeat/"


@dataclass(frozen=True)
class Wire:
    """The page's components and events, as the server lists them."""

    config: dict[str, Any]

    @classmethod
    def of(cls, address: str) -> "Wire":
        return cls(httpx.get(f"{address}config", timeout=30).json())

    def component(self, name: str) -> int:
        """The number of the component with that elem_id."""
        return next(each["id"] for each in self.config["components"] if each["props"].get("elem_id") == name)

    def call(self, component: str, function: str, data: Any) -> dict[str, Any]:
        """The body of a request for a server function of a component."""
        return {
            "data": data,
            "component_id": self.component(component),
            "fn_name": function,
            "session_hash": "anybody",
        }

    def event(self, output: str, *inputs: str) -> int:
        """The number of the event that gives to `output` and takes from `inputs`, by their elem_ids, among others."""
        gives, takes = self.component(output), {self.component(name) for name in inputs}
        return next(
            each["id"]
            for each in self.config["dependencies"]
            if gives in each["outputs"] and takes <= set(each["inputs"])
        )

    def training(self, session: str, recipe: str, *values: Any) -> dict[str, Any]:
        """The body of a request to start a training, with the values of the fields in their order."""
        event = self.event("monitor", "recipe", "pad", "field-seed")
        return {"data": [recipe, [], recipe, *values], "fn_index": event, "session_hash": session}


def find_server(address: str) -> psutil.Process:
    """The process that serves the address."""
    port = int(address.rstrip("/").rpartition(":")[2])
    listening = (each for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN)
    return psutil.Process(next(each.pid for each in listening if each.laddr.port == port))


def half_a_request(address: str, body: bytes, **headers: str) -> socket.socket:
    """A request whose body never comes to its end."""
    host, port = address.split("/")[2].split(":")
    connection = socket.create_connection((host, int(port)))
    head = [f"POST /{JOIN} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", "Content-Length: 99"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    connection.sendall("\r\n".join([*head, "", ""]).encode() + body)
    return connection
