import copy
import itertools

import pytest
import torch

from mnist_demo.errors import InputError
from mnist_demo.models import MODELS, CosineConv, Dropout, build_model, count_parameters, fuse_for_inference

SKETCH = "conv3 16-32-64-64-128-128, linear"


@pytest.mark.parametrize("name", MODELS)
def test_models_return_a_logit_for_each_class(name: str):
    classes = 12 if name == SKETCH else 10
    assert build_model(name).eval()(torch.rand(3, 1, 28, 28)).shape == (3, classes)


@pytest.mark.parametrize("name", MODELS)
def test_a_fused_model_returns_the_same_logits_without_batch_normalization(name: str):
    model, images = build_model(name), torch.rand(64, 1, 28, 28)
    for layer in model:
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer(torch.randn(64, layer.num_features, 5, 5) * 3 + 1)  # sets running means and variances
    fused = fuse_for_inference(model.eval())
    pairs = [(type(one), type(other)) for one, other in itertools.pairwise(fused)]
    assert (torch.nn.Conv2d, torch.nn.BatchNorm2d) not in pairs
    torch.testing.assert_close(fused(images), model(images), rtol=1e-4, atol=1e-5)


def test_models_have_the_expected_number_of_parameters():
    assert {name: count_parameters(build_model(name)) for name in MODELS} == {
        "784-10": 7_850,
        "784-500-500-10 ReLU": 648_010,
        "784-512-10 ReLU": 407_050,
        "784-512-120-84-10 ReLU, dropout": 474_494,
        "784-128-10 ReLU, dropout": 101_770,
        "784-512-256-10 sigmoid": 535_818,
        "conv5 16, conv5 32, linear": 28_938,
        "cosine6 16, conv3 32, 256": 138_826,
        SKETCH: 295_932,
    }


def test_pooling_before_relu_is_equivalent_to_the_tutorials_order():
    model, images = build_model("conv5 16, conv5 32, linear"), torch.rand(20, 1, 28, 28)
    one, two, last = model[0], model[3], model[7]
    tutorial = torch.nn.Sequential(
        *(one, torch.nn.ReLU(), torch.nn.MaxPool2d(2), two, torch.nn.ReLU(), torch.nn.MaxPool2d(2)),
        *(torch.nn.Flatten(), last),
    )
    gradients = []
    for each in (model, tutorial):
        each.zero_grad()
        each(images).square().sum().backward()
        gradients.append([copy.deepcopy(parameter.grad) for parameter in (*one.parameters(), *two.parameters())])
    torch.testing.assert_close(model(images), tutorial(images))
    torch.testing.assert_close(*gradients)


def test_cosine_filters_are_fixed_orthonormal_waves_and_their_negatives():
    layer = CosineConv(16, size=6, stride=2)
    waves = layer.filters[:8].flatten(1)
    torch.testing.assert_close(waves @ waves.T, torch.eye(8))
    torch.testing.assert_close(layer.filters[8:], -layer.filters[:8])
    assert (waves[0] == waves[0, 0]).all() and list(layer.parameters()) == [] and layer.state_dict() == {}
    image = torch.rand(2, 1, 24, 24)
    maps = layer(image)
    assert maps.shape == (2, 16, 10, 10)
    corner = image[1, 0, 2:8, 18:24].flatten()  # the input of the output's second row, last column
    torch.testing.assert_close(maps[1, :8, 1, 9], waves @ corner)


def test_the_seed_determines_the_initial_weights_without_changing_torchs_generator():
    state = torch.random.get_rng_state()
    one, same, other = (build_model("784-10", seed).state_dict()["1.weight"] for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_dropout_scales_the_kept_units_and_does_nothing_in_evaluation_mode():
    dropout, x = Dropout(0.25), torch.ones(10_000)
    dropout.generator = torch.Generator().manual_seed(0)
    y = dropout(x)
    assert sorted(set(y.tolist())) == pytest.approx([0, 4 / 3])
    assert (y == 0).float().mean().item() == pytest.approx(0.25, abs=0.02)
    assert torch.equal(dropout.eval()(x), x)


def test_dropout_rates_and_initial_weights_are_those_of_the_tutorials():
    rates = {
        name: [module.p for module in build_model(name).modules() if isinstance(module, Dropout)] for name in MODELS
    }
    assert {name: rate for name, rate in rates.items() if rate} == {
        "784-512-120-84-10 ReLU, dropout": [0.3],
        "784-128-10 ReLU, dropout": [0.2],
        SKETCH: [0.3],
    }
    last = build_model("conv5 16, conv5 32, linear").state_dict()["7.weight"]
    assert last.abs().max().item() == pytest.approx((6 / (1568 + 10)) ** 0.5, rel=1e-2)


def test_an_unknown_network_raises_an_error_with_the_choices():
    with pytest.raises(InputError, match="Unknown network '784-11'; choose from: 784-10; 784-500"):
        build_model("784-11")
