"""GET /weights/KEY: a model as a file for the engine in the browser."""

import hashlib
from urllib.parse import quote

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mnist_demo.browser import to_weights_file
from mnist_demo.errors import InputError
from mnist_demo.ui.services.model_store import ModelStore

FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}  # a shared model's address holds its hash
ONCE = {"Cache-Control": "private, no-store"}  # a visitor's own model, whose key is secret


class WeightsFiles:
    """The files of all models: those of the shared ones are made at once, a visitor's own when the page asks for it."""

    def __init__(self, models: ModelStore):
        self._models = models
        self._shared = {each.name: to_weights_file(each) for each in models.all_shared()}
        self.addresses = {name: f"/weights/{quote(name)}?v={_hash(file)}" for name, file in self._shared.items()}
        self.route = Route("/weights/{key:path}", self._respond)

    async def _respond(self, request: Request) -> Response:
        key = request.path_params["key"]
        if file := self._shared.get(key):
            return Response(file, media_type="application/octet-stream", headers=FOREVER)
        try:
            file = await to_thread.run_sync(lambda: to_weights_file(self._models.find(key)))
        except InputError as error:
            return JSONResponse({"error": str(error)}, 404, headers=ONCE)
        return Response(file, media_type="application/octet-stream", headers=ONCE)


def _hash(file: bytes) -> str:
    return hashlib.sha256(file).hexdigest()[:12]
