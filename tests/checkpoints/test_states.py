"""Models, optimizers, schedulers: what they are made of goes into a checkpoint and back."""

import logging

import pytest

torch = pytest.importorskip("torch")

from epochal.checkpoints import load_file  # noqa: E402

pytestmark = pytest.mark.torch


def _lambda_rate(optimizer):
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 0.9**epoch)


def _one_cycle(optimizer):
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.5, 20, cycle_momentum=False)


def _sequential(optimizer):
    kinds = torch.optim.lr_scheduler
    parts = [_lambda_rate(optimizer), kinds.ExponentialLR(optimizer, 0.9)]
    return kinds.SequentialLR(optimizer, parts, [2])


def _cyclic(optimizer):
    return torch.optim.lr_scheduler.CyclicLR(
        optimizer, 0.1, 0.5, step_size_up=3, scale_fn=lambda x: 1 / (1 + x), cycle_momentum=False
    )


@pytest.mark.parametrize("kind", ["Adagrad", "Adam", "ASGD", "LBFGS", "NAdam", "Rprop", "SGD"])
@pytest.mark.parametrize("schedule", [_lambda_rate, _one_cycle, _sequential, _cyclic])
def test_optimizers_and_schedulers_go_on(run, kind, schedule):
    """Whatever their state holds (functions, None, tensors, tuples): the same next steps."""

    def make():
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 2)
        optimizer = getattr(torch.optim, kind)(model.parameters(), lr=0.1)
        if kind in ("Adam", "SGD"):
            optimizer = getattr(torch.optim, kind)(
                model.parameters(), lr=0.1,
                **({"amsgrad": True} if kind == "Adam" else {"momentum": 0.9, "nesterov": True}),
            )  # fmt: skip
        return model, optimizer, schedule(optimizer)

    def train(model, optimizer, scheduler):
        def loss():
            optimizer.zero_grad()
            found = model(torch.linspace(-1, 1, 12).reshape(4, 3)).pow(2).mean()
            found.backward()
            return found

        for _ in range(3):
            optimizer.step(loss)
            scheduler.step()
        return [*model.parameters()], [group["lr"] for group in optimizer.param_groups]

    parts, others = make(), make()
    train(*parts)
    assert run.save_checkpoint(*parts, step=1)
    run.load_checkpoint("last", *others)
    weights, rates = train(*parts)
    weights_2, rates_2 = train(*others)
    assert rates == rates_2
    assert all(torch.equal(a, b) for a, b in zip(weights, weights_2, strict=True))


def test_state_of_a_scaler(run):
    """Automatic mixed precision: its state is plain; the scaler itself is refused with a remedy."""
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    path = run.save_checkpoint(step=1, extra={"scaler": scaler.state_dict()})
    assert load_file(path)["extra"]["scaler"] == scaler.state_dict()
    assert run.save_checkpoint(step=1, extra={"scaler": scaler}) is None
    assert load_file(path)["extra"]["scaler"] == scaler.state_dict()  # the earlier file is there


def test_sharded_models_are_refused(run, caplog):
    """Asking one rank for the state of all would hang."""

    class FullyShardedDataParallel(torch.nn.Module):
        pass

    with caplog.at_level(logging.WARNING, "epochal"):
        assert run.save_checkpoint(torch.nn.Sequential(FullyShardedDataParallel())) is None
    assert "gather its full state dict on all ranks" in caplog.text


@pytest.mark.filterwarnings("ignore:FSDP is switching")
def test_sharded_optimizers_are_refused(run, caplog):
    """The optimizer of a model in FSDP knows this rank's part alone: saved, it would be lost."""
    from torch import distributed
    from torch.distributed.fsdp import FullyShardedDataParallel

    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        model = FullyShardedDataParallel(
            torch.nn.Linear(2, 1), device_id=torch.device("cpu"), use_orig_params=True
        )
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        with caplog.at_level(logging.WARNING, "epochal"):
            assert run.save_checkpoint({"w": torch.ones(1)}, optimizer) is None
    finally:
        distributed.destroy_process_group()
    assert "optimizer= is spread over ranks" in caplog.text


def test_wrappers_are_left_out(run):
    """A model in DataParallel and torch.compile has the names of the model alone."""
    model = torch.nn.Linear(2, 1)
    wrapped = torch.compile(torch.nn.DataParallel(model), backend="eager")
    path = run.save_checkpoint(wrapped, step=1)
    assert [*load_file(path)["model_state_dict"]] == ["weight", "bias"]
    other = torch.nn.DataParallel(torch.nn.Linear(2, 1))
    run.load_checkpoint(path, other)
    assert torch.equal(other.module.weight, model.weight)


def test_several_models_and_optimizers(run):
    """Mappings of names to them, as of a generator and a discriminator."""
    models = {"g": torch.nn.Linear(1, 1), "d": torch.nn.Linear(2, 1)}
    optimizers = {name: torch.optim.SGD(m.parameters(), lr=0.5) for name, m in models.items()}
    path = run.save_checkpoint(models, optimizers, step=1)
    fresh = {"g": torch.nn.Linear(1, 1), "d": torch.nn.Linear(2, 1)}
    other = {name: torch.optim.SGD(m.parameters(), lr=0.1) for name, m in fresh.items()}
    run.load_checkpoint(path, fresh, other)
    assert torch.equal(fresh["d"].weight, models["d"].weight)
    assert other["g"].param_groups[0]["lr"] == 0.5
