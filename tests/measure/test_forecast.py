"""Forecasts: equal to what comes, and without a trace on scheduler and optimizer."""

import copy
import math
import threading
import types
import warnings

import pytest

import epochal
from epochal.core.errors import SettingError
from epochal.measure import forecast

torch = pytest.importorskip("torch")
lrs = pytest.importorskip("torch.optim.lr_scheduler")
SWALR = pytest.importorskip("torch.optim.swa_utils").SWALR

pytestmark = pytest.mark.torch

STEPS = 12


class Warmup:
    """A callable object as a factor, with state that changes when it is called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, epoch):
        """Returns the factor of an epoch."""
        self.calls += 1
        return min(1.0, (epoch + 1) / 5)


def sequential(optimizer):
    """A warm-up, then a decay."""
    parts = [lrs.LinearLR(optimizer, total_iters=4), lrs.CosineAnnealingLR(optimizer, T_max=6)]
    return lrs.SequentialLR(optimizer, parts, milestones=[4])


def nested(optimizer):
    """A chain with a sequence in it."""
    parts = [sequential(optimizer), lrs.ExponentialLR(optimizer, gamma=0.9)]
    return lrs.ChainedScheduler(parts, optimizer)


# Each scheduler of torch.optim.lr_scheduler, by the name of its class.
SCHEDULERS = {
    "LambdaLR": lambda o: lrs.LambdaLR(o, [lambda e: 0.9**e, Warmup()]),
    "MultiplicativeLR": lambda o: lrs.MultiplicativeLR(o, lambda e: 0.9 + 0.001 * e),
    "StepLR": lambda o: lrs.StepLR(o, step_size=3, gamma=0.5),
    "MultiStepLR": lambda o: lrs.MultiStepLR(o, milestones=[2, 7], gamma=0.3),
    "ConstantLR": lambda o: lrs.ConstantLR(o, factor=0.5, total_iters=4),
    "LinearLR": lambda o: lrs.LinearLR(o, start_factor=0.1, total_iters=6),
    "ExponentialLR": lambda o: lrs.ExponentialLR(o, gamma=0.8),
    "SequentialLR": sequential,
    "CosineAnnealingLR": lambda o: lrs.CosineAnnealingLR(o, T_max=7, eta_min=1e-4),
    "ChainedScheduler": nested,
    "CyclicLR": lambda o: lrs.CyclicLR(o, 0.01, 0.1, step_size_up=3, mode="exp_range", gamma=0.9),
    "CosineAnnealingWarmRestarts": lambda o: lrs.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2),
    "OneCycleLR": lambda o: lrs.OneCycleLR(o, max_lr=0.1, total_steps=40),
    "PolynomialLR": lambda o: lrs.PolynomialLR(o, total_iters=8, power=2.0),
    "SWALR": lambda o: SWALR(o, swa_lr=0.01, anneal_epochs=5),
    "scale_fn": lambda o: lrs.CyclicLR(o, 0.01, 0.1, step_size_up=2, scale_fn=Warmup()),
}
WAIT_FOR_METRICS = {"ReduceLROnPlateau"}
BASES = {"LRScheduler", "_LRScheduler"}


def optimizer_of(kind="sgd", lr=0.1):
    """Returns an optimizer with two groups that has gradients to step with."""
    torch.manual_seed(0)
    first, second = torch.nn.Linear(3, 3), torch.nn.Linear(3, 1)
    groups = [{"params": first.parameters()}, {"params": second.parameters(), "lr": lr / 10}]
    made = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[kind]
    more = {"momentum": 0.9} if kind == "sgd" else {}
    optimizer = made(groups, lr=lr, **more)
    second(first(torch.randn(8, 3))).square().sum().backward()
    return optimizer


def advance(optimizer, scheduler, steps):
    """Trains and schedules for some steps; returns the rates after each."""
    found = []
    for _ in range(steps):
        optimizer.step()
        scheduler.step()
        found.append([float(group["lr"]) for group in optimizer.param_groups])
    return found


def everything(scheduler):
    """Returns all that a scheduler and its optimizer are, with the identity of what they hold."""
    optimizer = scheduler.optimizer
    inner = [everything(each) for each in getattr(scheduler, "_schedulers", ())]
    callables = [vars(f) for f in getattr(scheduler, "lr_lambdas", ()) if hasattr(f, "__dict__")]
    return copy.deepcopy([
        {k: v for k, v in vars(scheduler).items() if k not in ("optimizer", "_schedulers")}
        if not hasattr(scheduler, "_scale_fn_ref") else scheduler.state_dict(),
        optimizer.state_dict(), [dict(g, params=[id(p) for p in g["params"]])
                                 for g in optimizer.param_groups],
        [w.detach().clone() for g in optimizer.param_groups for w in g["params"]],
        vars(optimizer).get("step"), getattr(optimizer, "_opt_called", None), callables, inner,
        sorted(vars(optimizer)),
    ])  # fmt: skip


def equal(one, two) -> bool:
    """Compares nested lists and mappings with tensors in them, to the bit."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, two)
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(equal(one[k], two[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(two) and all(map(equal, one, two))
    if isinstance(one, Warmup):
        return vars(one) == vars(two)
    if callable(one):
        return True
    return one == two


def test_every_scheduler_of_pytorch_is_tested():
    """A scheduler that a later PyTorch brings is missing here until it is tested."""
    known = {
        name
        for name, value in vars(lrs).items()
        if isinstance(value, type) and issubclass(value, lrs.LRScheduler)
    }
    assert known - BASES - WAIT_FOR_METRICS <= set(SCHEDULERS), "test the new ones"
    assert set(lrs.__all__) - BASES - WAIT_FOR_METRICS <= set(SCHEDULERS)


@pytest.mark.parametrize("before", [0, 5])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_forecast_is_what_comes(name, before):
    """The forecast equals the real future to the bit, from any point of the schedule."""
    optimizer = optimizer_of()
    scheduler = SCHEDULERS[name](optimizer)
    advance(optimizer, scheduler, before)
    now = [float(group["lr"]) for group in optimizer.param_groups]
    found = forecast(scheduler, STEPS)
    real = [now, *advance(optimizer, scheduler, STEPS - 1)]
    assert found.rates == [list(column) for column in zip(*real, strict=True)]
    assert found.names == ["lr/0", "lr/1"]
    assert found.steps == list(range(STEPS))
    assert not found.depends_on_metrics
    assert not found.note


@pytest.mark.parametrize("before", [0, 3])
@pytest.mark.parametrize("name", SCHEDULERS)
def test_nothing_is_disturbed(name, before):
    """Scheduler and optimizer are as before, to the bit; no hook ran and nothing warned."""
    optimizer = optimizer_of()
    scheduler = SCHEDULERS[name](optimizer)
    advance(optimizer, scheduler, before)
    ran = []
    optimizer.register_step_pre_hook(lambda *_: ran.append("pre"))
    optimizer.register_step_post_hook(lambda *_: ran.append("post"))
    step, was = optimizer.step, everything(scheduler)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        forecast(scheduler, STEPS)
    assert equal(everything(scheduler), was)
    assert optimizer.step is step
    assert scheduler.optimizer is optimizer
    assert not ran


@pytest.mark.parametrize("name", SCHEDULERS)
def test_forecast_after_going_on_from_a_checkpoint(name):
    """Also where scheduler and optimizer were loaded, in the middle of the schedule."""
    optimizer = optimizer_of()
    scheduler = SCHEDULERS[name](optimizer)
    advance(optimizer, scheduler, 5)
    state = copy.deepcopy([optimizer.state_dict(), scheduler.state_dict()])
    other = optimizer_of()
    loaded = SCHEDULERS[name](other)
    other.load_state_dict(state[0])
    loaded.load_state_dict(state[1])
    now = [float(group["lr"]) for group in other.param_groups]
    found = forecast(loaded, STEPS)
    real = [now, *advance(other, loaded, STEPS - 1)]
    assert found.rates == [list(column) for column in zip(*real, strict=True)]
    assert not found.note


def test_functions_with_local_objects():
    """Closures over what a program has made, one for each group, foresee what comes."""
    optimizer = optimizer_of()
    table, lock = {step: 1 / (step + 1) for step in range(STEPS)}, threading.Lock()
    config = types.SimpleNamespace(warmup=4, total=STEPS)

    def warmup(step):
        with lock:
            return min(1.0, (step + 1) / config.warmup) * (1 - step / config.total)

    scheduler = lrs.LambdaLR(optimizer, [warmup, lambda step: table[min(step, STEPS - 1)]])
    advance(optimizer, scheduler, 2)
    now = [float(group["lr"]) for group in optimizer.param_groups]
    found = forecast(scheduler, 9)
    real = [now, *advance(optimizer, scheduler, 8)]
    assert found.rates == [list(column) for column in zip(*real, strict=True)]


def test_a_rate_that_was_changed_by_hand():
    """The future begins at the rate that the optimizer has now."""
    optimizer = optimizer_of()
    scheduler = lrs.ExponentialLR(optimizer, gamma=0.5)
    advance(optimizer, scheduler, 2)
    optimizer.param_groups[0]["lr"] = 8.0
    found = forecast(scheduler, 3)
    assert found.rates[0] == [8.0, 4.0, 2.0]
    advance(optimizer, scheduler, 2)
    assert optimizer.param_groups[0]["lr"] == 2.0


def test_a_step_that_must_be_given_something_says_what():
    """A stranger's scheduler that is told the epoch has no future of its own either."""

    class Told:
        """A scheduler in the manner of timm."""

        def __init__(self, optimizer) -> None:
            self.optimizer = optimizer

        def step(self, epoch, metric=None):  # noqa: ARG002
            """Is never called here."""
            pytest.fail("called")

    found = forecast(Told(optimizer_of()), 3)
    assert found.depends_on_metrics
    assert "Told.step waits for epoch" in found.note


@pytest.mark.parametrize("name", ["CyclicLR", "OneCycleLR"])
def test_momentum_is_left_alone(name):
    """Schedules that move momentum or beta1 move it only when they are really stepped."""
    optimizer = optimizer_of("adam")
    scheduler = SCHEDULERS[name](optimizer)
    betas = [group["betas"] for group in optimizer.param_groups]
    found = forecast(scheduler, STEPS)
    assert [group["betas"] for group in optimizer.param_groups] == betas
    real = advance(optimizer, scheduler, STEPS - 1)
    assert found.rates[0][1:] == [rates[0] for rates in real]


def test_rates_that_are_tensors_are_left_alone():
    """A rate that is a tensor is filled in the copy only."""
    optimizer = torch.optim.Adam([torch.zeros(2)], lr=torch.tensor(0.5), foreach=False)
    scheduler = lrs.ExponentialLR(optimizer, gamma=0.5)
    rate = optimizer.param_groups[0]["lr"]
    assert forecast(scheduler, 3).rates == [[0.5, 0.25, 0.125]]
    assert optimizer.param_groups[0]["lr"] is rate
    assert float(rate) == 0.5


def test_the_end_of_a_cycle_is_told():
    """OneCycleLR refuses to go beyond its end: the forecast stops there and says so."""
    optimizer = optimizer_of()
    scheduler = lrs.OneCycleLR(optimizer, max_lr=0.1, total_steps=8)
    assert not forecast(scheduler, 8).note
    found = forecast(scheduler, 20)
    assert len(found.steps) == len(found.rates[0]) < 20
    assert "OneCycleLR ends after" in found.note


def test_a_schedule_that_waits_for_metrics_says_so():
    """ReduceLROnPlateau has no future of its own: the current rates, marked as such."""
    optimizer = optimizer_of()
    scheduler = lrs.ReduceLROnPlateau(optimizer, patience=0)
    was = everything(scheduler)
    found = forecast(scheduler, 3)
    assert found.depends_on_metrics
    assert "metric" in found.note
    assert found.rates == [[0.1] * 3, [0.01] * 3]
    assert equal(everything(scheduler), was)


def test_a_model_behind_a_schedule_is_not_copied():
    """A factor that looks at the model looks at the same weights, not at copies."""
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([weight], lr=1.0)

    class Factor:
        """A factor with a reference to weights."""

        def __init__(self) -> None:
            self.weight, self.seen = weight, []

        def __call__(self, epoch):
            """Returns the factor and notes what it saw."""
            self.seen.append(self.weight is weight)
            return 0.5**epoch if self.weight is weight else math.nan

    factor = Factor()
    scheduler = lrs.LambdaLR(optimizer, factor)
    assert forecast(scheduler, 3).rates == [[1.0, 0.5, 0.25]]
    assert factor.seen == [True]


def test_a_step_that_somebody_replaced_is_not_called():
    """A wrapper around scheduler.step, bound to the original, stays out of it."""
    optimizer = optimizer_of()
    scheduler = sequential(optimizer)
    calls = []
    for each in (scheduler, *scheduler._schedulers):
        each.step = lambda: calls.append(1)
    assert len(forecast(scheduler, 5).steps) == 5
    assert not calls


def test_what_is_no_scheduler_is_refused():
    """Something without an optimizer, or that cannot be copied, is named in the error."""
    with pytest.raises(SettingError, match="no scheduler"):
        forecast(object(), 3)
    optimizer = optimizer_of()
    scheduler = lrs.StepLR(optimizer, 1)
    with pytest.raises(SettingError, match="steps=0"):
        forecast(scheduler, 0)
    scheduler.generator = (x for x in [1])
    with pytest.raises(SettingError, match="StepLR cannot be copied"):
        forecast(scheduler, 3)


def test_forecast_in_a_run(tmp_path):
    """A forecast is recorded as a table."""
    optimizer = optimizer_of()
    scheduler = lrs.ExponentialLR(optimizer, gamma=0.5)
    with epochal.init(project="p", dir=str(tmp_path), follow="off") as run:
        forecast(scheduler, 3, start=10).log(run, step=10)
    table = epochal.RunView(run.dir).media["lr/forecast"][0].table
    assert table.column_names == ["step", "lr/0", "lr/1"]
    assert table["step"].to_pylist() == [10, 11, 12]
    assert table["lr/1"].to_pylist() == [0.01, 0.005, 0.0025]
