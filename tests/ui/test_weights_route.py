from pathlib import Path

import torch
from safetensors.torch import load
from starlette.applications import Starlette
from starlette.testclient import TestClient

from mnist_demo.classifier import Classifier
from mnist_demo.ui.services.model_store import ModelStore
from mnist_demo.ui.weights_route import WeightsFiles


def serve(models: ModelStore) -> tuple[WeightsFiles, TestClient]:
    files = WeightsFiles(models)
    return files, TestClient(Starlette(routes=[files.route]))


def test_shared_models_are_served_for_a_year_at_addresses_with_their_hash():
    models = ModelStore()
    files, client = serve(models)
    assert list(files.addresses) == models.shared_names()
    assert len({address.partition("?v=")[2] for address in files.addresses.values()}) == len(files.addresses)
    response = client.get(files.addresses["sketch"])
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert len(response.content) < 650_000
    assert {tensor.dtype for tensor in load(response.content).values()} == {torch.float16}


def test_a_visitors_own_model_is_served_to_those_who_know_its_key():
    models = ModelStore()
    _, client = serve(models)
    session = models.session("a page")
    key = f"{session.token}/softmax #1"
    session.models[key] = Classifier("softmax #1", models.find("softmax").model)
    response = client.get(f"/weights/{session.token}/softmax%20%231")
    assert response.status_code == 200 and response.headers["cache-control"] == "private, no-store"
    for guess in ("softmax%20%231", "x/softmax%20%231", f"{session.token[1:]}/softmax%20%231", "..%2f..%2fapp.py", ""):
        response = client.get(f"/weights/{guess}")
        assert response.status_code == 404 and session.token not in response.text
        assert "no longer available" in response.json()["error"]


def test_without_a_model_the_error_says_what_to_do(tmp_path: Path):
    _, client = serve(ModelStore(tmp_path))
    assert client.get("/weights/").json() == {"error": "There is no model yet; train one in the Train tab."}
