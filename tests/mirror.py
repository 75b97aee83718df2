"""A local server of MNIST's files, in place of a mirror on the network."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Mirror:
    """A local server of compressed MNIST files; `mode` selects how it fails."""

    def __init__(self, files: dict[str, bytes]):
        mirror = self
        self.mode = "good"
        self.requests = 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.requests += 1
                body = files[self.path.strip("/")]
                if mirror.mode == "silent":
                    release.wait(10)
                    return
                if mirror.mode == "forbidden":
                    return self.send_error(403)
                if mirror.mode == "page":
                    body = b"<html>Please log in</html>"
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if mirror.mode == "drip":
                    for i in range(100):
                        self.wfile.write(body[i : i + 1])
                        if release.wait(0.1):
                            return
                self.wfile.write(body[: len(body) // 2] if mirror.mode == "cut off" else body)

            def log_message(self, *_: object) -> None:
                pass

        release = self._release = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._release.set()
        self._server.shutdown()
        self._server.server_close()
