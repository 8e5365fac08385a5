"""Model records: layers, totals, cost; the model stays as it is."""

import pytest

torch = pytest.importorskip("torch")

import epochal  # noqa: E402
from epochal.measure import describe_model  # noqa: E402

pytestmark = pytest.mark.torch


def network():
    """A small network with a frozen layer, a norm with buffers and a block of layers."""
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 4),
        torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.BatchNorm1d(4)),
        torch.nn.Linear(4, 2, bias=False),
    )
    model[2].requires_grad_(requires_grad=False)
    return model


def test_totals_and_layers_add_up():
    """Totals equal those of PyTorch, and the layers add up to them."""
    model = network()
    record = describe_model(model)
    sizes = [p.numel() for p in model.parameters()]
    assert record.parameters == sum(sizes) == sum(layer.parameters for layer in record.layers)
    assert record.trainable == sum(sizes) - 8 == sum(layer.trainable for layer in record.layers)
    state = [tensor.nbytes for tensor in model.state_dict().values()]
    assert record.bytes == sum(state)
    assert record.depth == 3
    assert record.tree == str(model)
    assert [layer.name for layer in record.layers] == ["0", "1.0", "1.1", "1.2", "2"]
    assert record.layers[0][:5] == ("0", "Linear", 36, 36, "weight 4x8, bias 4")
    assert record.flops is None


def test_tied_parameters_count_once():
    """The second use of a weight says that it is tied."""
    model = torch.nn.Sequential(torch.nn.Linear(3, 3, bias=False), torch.nn.Linear(3, 3))
    model[1].weight = model[0].weight
    record = describe_model(model)
    assert record.parameters == 12
    assert [layer.parameters for layer in record.layers] == [9, 3]
    assert record.layers[1].shape == "weight 3x3 (tied), bias 3"


def test_an_example_gives_cost_and_shapes():
    """Operations per sample are those of the matrix products; nothing of the model changes."""
    model = network()
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random = torch.get_rng_state()
    record = describe_model(model, torch.randn(5, 8, generator=torch.Generator()))
    assert record.flops == 2 * (8 * 4 + 4 * 2)
    assert record.layers[0].output == "5x4"
    assert record.summary()["model/flops_per_parameter"] == record.flops / record.parameters
    assert all(module.training for module in model.modules())
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not model[0]._forward_hooks


def test_examples_of_several_arguments():
    """A tuple gives arguments, a mapping keyword arguments."""
    model = torch.nn.Bilinear(2, 3, 4)
    pair = torch.zeros(6, 2), torch.zeros(6, 3)
    assert describe_model(model, pair).layers[0].output == "6x4"
    named = dict(zip(("input1", "input2"), pair, strict=True))
    assert describe_model(model, named).layers[0].output == "6x4"


def test_lazy_modules_are_no_error():
    """What has no size yet is said, and stays so though there is an example."""
    model = torch.nn.Sequential(torch.nn.LazyLinear(2), torch.nn.LazyBatchNorm1d())
    record = describe_model(model, torch.zeros(4, 3))
    assert record.uninitialized == 4
    assert record.parameters == 0
    assert record.layers[0].shape == "weight not initialized, bias not initialized"
    assert torch.nn.parameter.is_lazy(model[0].weight)
    assert record.summary()["model/uninitialized_parameters"] == 4


def test_wrapped_models_are_described_as_they_are():
    """DataParallel and torch.compile do not show."""
    model = network()
    wrapped = torch.nn.DataParallel(torch.compile(model, backend="eager"))
    assert describe_model(wrapped) == describe_model(model)


def test_it_is_recorded(run):
    """Numbers in the summary, layers as a table, the tree as a text, at the step of a row."""
    model = network()
    describe_model(model, torch.zeros(1, 8)).log(run)
    run.log({"loss": 1.0}, step=3)
    run.finish()
    view = epochal.RunView(run.dir)
    assert view.summary["model/parameters"] == 52
    assert view.summary["model/class"] == "Sequential"
    assert view.summary["model/largest_layer"] == "0"
    assert view.summary["model/trainable_share"] == 44 / 52
    (table,) = view.media["model/layers"]
    assert table.step == 3
    assert table.table.column("parameters").to_pylist()[0] == 36
    (text,) = view.texts("model/tree")
    assert text.text == str(model)
    assert view.series("loss").steps.tolist() == [3.0]


def test_recording_it_counts_no_step(run):
    """Steps that a run counts by itself begin at 0 as ever."""
    describe_model(network()).log(run)
    run.log({"loss": 1.0})
    run.log({"loss": 1.0})
    run.finish()
    assert epochal.RunView(run.dir).series("loss").steps.tolist() == [0.0, 1.0]
