"""``epochal.watch``: what is measured, at which step, and that training does not notice."""

import importlib
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import epochal  # noqa: E402
from epochal.core.errors import LogError, SettingError  # noqa: E402
from epochal.measure import watch  # noqa: E402

pytestmark = pytest.mark.torch


def network():
    """A small network, the same each time."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(6, 4), torch.nn.Tanh(), torch.nn.Linear(4, 1))


def batch(step):
    """The data of one step."""
    return torch.randn(8, 6, generator=torch.Generator().manual_seed(step))


def train(run, model, optimizer, steps, *, accumulate=1, before_step=None, name="loss"):
    """A training loop; returns the total gradient norm before each step of the optimizer."""
    norms = []
    for step in range(steps):
        optimizer.zero_grad()
        for part in range(accumulate):
            loss = model(batch(accumulate * step + part)).square().mean() / accumulate
            loss.backward()
        if before_step is not None:
            before_step(loss)
        norms.append(
            torch.cat([p.grad.double().flatten() for p in model.parameters()]).norm().item()
        )
        optimizer.step()
        run.log({name: loss}, step=step)
    return norms


def series(run, metric):
    """(step, value) pairs of a metric that a run has recorded."""
    run.finish()
    found = epochal.RunView(run.dir).series(metric)
    return dict(zip(found.steps.tolist(), found.values.tolist(), strict=True))


def test_gradients_are_recorded_at_the_step_that_is_logged(run):
    """Those that the optimizer uses, at each step that is due."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(run, model, optimizer, every=3)
    norms = train(run, model, optimizer, 8)
    expected = {float(step): norms[step] for step in (0, 3, 6)}
    assert series(run, "gradients/norm") == pytest.approx(expected)
    layer = series(run, "gradients/layers/2.weight/norm")
    assert list(layer) == [0.0, 3.0, 6.0]


def test_accumulated_gradients_are_measured_once(run):
    """Several backward passes make one gradient; steps of the optimizer count."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(run, model, optimizer, every=2)
    norms = train(run, model, optimizer, 4, accumulate=3)
    assert series(run, "gradients/norm") == pytest.approx({0.0: norms[0], 2.0: norms[2]})


def test_updates_are_measured_around_the_step(run):
    """The ratio is that of this step's move; the distance that from the start."""
    model = network()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    flat = lambda: torch.cat([p.detach().double().flatten() for p in model.parameters()])  # noqa: E731
    start = flat()
    watch(run, model, optimizer, every=2, distance=True)
    ratios, ways = {}, {}
    for step in range(4):
        before = flat()
        model(batch(step)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        run.log({"lr": 0.01}, step=step)
        if step % 2 == 0:
            ratios[float(step)] = ((flat() - before).norm() / flat().norm()).item()
            ways[float(step)] = (flat() - start).norm().item()
    assert series(run, "parameters/update_ratio") == pytest.approx(ratios, rel=1e-6)
    assert series(run, "parameters/distance") == pytest.approx(ways, rel=1e-6)


def test_training_does_not_notice(new_run):
    """Weights are bit for bit those of a training that nobody watches."""
    weights = []
    for watched in (True, False):
        run, model = new_run(), network()
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        if watched:
            watch(run, model, optimizer, every=1, histograms=True, distance=True)
        torch.manual_seed(1)
        train(run, model, optimizer, 5)
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
    assert torch.equal(*weights)


def test_settings_decide_without_an_interval(new_run):
    """Cadence and switches of the run hold for a watch; its steps do not disturb others'."""
    run = new_run(cadence={"gradients": 2, "numerics": 5}, log_parameters=False)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2):
        watch(run, model, optimizer)
    train(run, model, optimizer, 6)
    assert [step for step in range(6) if run.due("gradients", step=step)] == [0, 2, 4]
    run.finish()
    view = epochal.RunView(run.dir)
    assert set(view.series("gradients/norm").steps.tolist()) == {0.0, 2.0, 4.0}
    assert set(view.series("numerics/nan_gradients").steps.tolist()) == {0.0, 5.0}
    assert not [name for name in view.metrics if name.startswith("parameters/")]
    assert not [key for key in view.media.keys() if "histograms" in key]  # noqa: SIM118


@pytest.mark.parametrize("arguments", [{"histograms": True}, {"every": 2, "histograms": True}])
def test_histograms_come_when_asked_for(run, arguments):
    """Though the settings make none by themselves."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(run, model, optimizer, **arguments)
    train(run, model, optimizer, 3)
    run.finish()
    found = epochal.RunView(run.dir).media["gradients/histograms/0.weight"]
    assert [one.step for one in found] == ([0.0, 2.0] if "every" in arguments else [0.0])


def test_epochs_can_be_counted(new_run):
    """A cadence of epochs follows what the loop says."""
    run = new_run(cadence={"gradients": "1 epoch"})
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watcher = watch(run, model, optimizer)
    for epoch in range(3):
        watcher.epoch = epoch
        for step in range(4):
            model(batch(step)).square().mean().backward()
            optimizer.step()
            run.log({"loss": 0.0}, step=4 * epoch + step)
    assert list(series(run, "gradients/norm")) == [0.0, 4.0, 8.0]


def test_without_an_optimizer_the_first_that_fits_is_taken(run):
    """Others, and those made before or after for other models, are not counted."""
    model, other = network(), network()
    foreign = torch.optim.SGD(other.parameters(), lr=0.1)
    watcher = watch(run, model, every=1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    other(batch(0)).sum().backward()
    foreign.step()
    assert watcher.steps == 0
    norms = train(run, model, optimizer, 2)
    foreign.step()
    assert watcher.steps == 2
    assert series(run, "gradients/norm") == pytest.approx(dict(enumerate(norms)))


def test_several_optimizers_make_one_step(run):
    """Gradients are measured before the first of them, updates after the last."""
    model = network()
    optimizers = [torch.optim.SGD(model[0].parameters(), lr=0.1),
                  torch.optim.Adam(model[2].parameters(), lr=0.1)]  # fmt: skip
    watcher = watch(run, model, optimizers, every=1)
    for step in range(2):
        model(batch(step)).square().mean().backward()
        for optimizer in optimizers:
            optimizer.step()
        run.log({"loss": 0.0}, step=step)
    assert watcher.steps == 2
    run.finish()
    view = epochal.RunView(run.dir)
    for layer in ("0.weight", "2.weight"):
        assert (view.series(f"parameters/layers/{layer}/update_ratio").values > 0).all()


def test_a_closure_makes_the_gradients_inside_the_step(run):
    """Those of its last call are measured."""
    model = network()
    optimizer = torch.optim.LBFGS(model.parameters(), max_iter=2)
    watch(run, model, optimizer, every=1)

    def closure():
        optimizer.zero_grad()
        loss = model(batch(0)).square().mean()
        loss.backward()
        return loss

    run.log({"loss": optimizer.step(closure)}, step=0)
    grads = torch.cat([p.grad.double().flatten() for p in model.parameters()])
    assert series(run, "gradients/norm") == pytest.approx({0.0: grads.norm().item()})


def test_without_torch_optim_it_is_measured_by_hand(run):
    """A step is counted with each call."""
    model = network()
    watcher = watch(run, model, every=2)
    for step in range(4):
        model(batch(step)).square().mean().backward()
        watcher.measure()
        run.log({"loss": 0.0}, step=step)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.sub_(0.1 * parameter.grad)
                parameter.grad = None
    assert list(series(run, "gradients/norm")) == [0.0, 2.0]


def test_clipping_is_recorded_and_done_always(new_run):
    """What the optimizer uses is clipped at each step, also where the run is off."""
    weights = []
    for mode in ("on", "off"):
        run, model = new_run(mode=mode), network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        watcher = watch(run, model, optimizer, every=2)
        train(run, model, optimizer, 3, before_step=lambda _, w=watcher: w.clip(0.01))
        weights.append(torch.cat([p.detach().flatten() for p in model.parameters()]))
        if mode == "on":
            assert series(run, "gradients/norm") == pytest.approx({0.0: 0.01, 2.0: 0.01}, rel=1e-4)
            assert series(run, "gradients/clipped") == {0.0: 1.0, 2.0: 1.0}
            assert min(series(run, "gradients/norm_before_clip").values()) > 0.01
    assert torch.equal(*weights)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("unscale", [False, True])
def test_mixed_precision_is_measured_without_the_scale(run, fused, unscale):
    """Gradients are divided by the loss scale, whoever does it; skipped steps are counted."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, fused=fused)
    own_step = torch.amp.GradScaler.step
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    watcher = watch(run, model, optimizer, every=1, scaler=scaler)
    expected = {}
    for step in range(4):
        optimizer.zero_grad()
        loss = model(batch(step)).square().mean()
        if step == 1:
            loss = loss * math.inf
        else:
            grads = torch.autograd.grad(loss, list(model.parameters()), retain_graph=True)
            total = torch.cat([g.double().flatten() for g in grads]).norm().item()
            expected[float(step)] = total
        scaler.scale(loss).backward()
        if unscale:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        scaler.update()
        run.log({"loss": 0.0}, step=step)
    measured = series(run, "gradients/norm")
    if fused:  # it is called, and does nothing
        assert not math.isfinite(measured.pop(1.0))
    assert measured == pytest.approx(expected, rel=1e-5)
    skipped = series(run, "amp/skipped_steps")
    assert skipped.pop(1.0, 1.0) == 1.0
    assert skipped == {0.0: 0.0, 2.0: 1.0, 3.0: 1.0}
    assert series(run, "amp/loss_scale")[3.0] == 512.0
    assert set(series(run, "numerics/inf_gradients").values()) == {0.0}
    assert watcher.numerics.first is None
    assert scaler.step.__func__ is own_step, "the scaler has its own step again"


def test_the_first_nan_is_told_with_its_step(new_run):
    """In the summary and as an alert, once, at the step under which the row was logged."""
    alerts = []
    run = new_run(on_alert=lambda **alert: alerts.append(alert["title"]))
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watcher = watch(run, model, optimizer, every=1)

    def spoil(loss):
        watcher.loss(loss)
        if run.step == 12:
            model[2].weight.grad[0, 1] = math.nan
        watcher.clip(1.0)

    for step in range(3):
        model(batch(step)).square().mean().backward()
        spoil(torch.tensor(0.5))
        optimizer.step()
        optimizer.zero_grad()
        run.log({"loss": 0.5}, step=11 + step)
    run.finish()
    first = epochal.RunView(run.dir).summary["numerics/first"]
    assert first == {"step": 13, "tensor": "2.weight", "kind": "nan", "where": "gradients"}
    assert alerts == ["NaN in the gradients of 2.weight"]
    assert series(run, "numerics/nan_gradients") == {11.0: 0.0, 12.0: 0.0, 13.0: 1.0}


def test_a_bad_loss_is_told(run):
    """The loss that was handed over is counted, and told at the end at the latest."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watcher = watch(run, model, optimizer)
    model(batch(0)).square().mean().backward()
    watcher.loss(torch.tensor(math.inf))
    optimizer.step()
    run.log({"loss": math.inf}, step=5)
    assert series(run, "numerics/inf_loss") == {5.0: 1.0}
    assert run.summary["numerics/first"]["tensor"] == "loss"
    assert run.summary["numerics/first"]["step"] == 5


def test_errors_in_measuring_do_not_reach_training(new_run, monkeypatch):
    """They are counted; only a strict run raises them."""
    from epochal.measure import gradients

    def broken(*_):
        raise RuntimeError("no memory")

    monkeypatch.setattr(gradients.Gradients, "measure", broken)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    run = new_run()
    watch(run, model, optimizer, every=1)
    train(run, model, optimizer, 3)
    assert run.health().problems["watch"] == 3
    assert len(series(run, "parameters/norm")) == 3
    run = new_run(strict=True)
    watch(run, model, optimizer, every=1, model_record=False)
    with pytest.raises(LogError, match="no memory"):
        train(run, model, optimizer, 1)


def test_hooks_are_taken_off(new_run):
    """By close, and by the end of the run."""
    for end in ("close", "finish"):
        run, model = new_run(), network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        watcher = watch(run, model, optimizer, every=1)
        train(run, model, optimizer, 1)
        watcher.close() if end == "close" else run.finish()
        assert not optimizer._optimizer_step_pre_hooks
        assert not optimizer._optimizer_step_post_hooks
        optimizer.step()
        assert watcher.steps == 1
        watcher.close()
    hooks = importlib.import_module("torch.optim.optimizer")
    run = new_run()
    watch(run, network())
    run.finish()
    assert not hooks._global_optimizer_pre_hooks
    assert not hooks._global_optimizer_post_hooks


def test_a_run_that_is_off_hooks_nothing(new_run):
    """Nothing is measured and no copy is kept."""
    run, model = new_run(mode="off"), network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scaler = torch.amp.GradScaler("cpu")
    watcher = watch(run, model, optimizer, scaler=scaler, distance=True)
    watcher.loss(torch.tensor(1.0))
    watcher.measure()
    assert not optimizer._optimizer_step_pre_hooks
    assert "step" not in vars(scaler)
    assert watcher.steps == 0


def test_the_model_is_recorded_once(run):
    """Its totals are in the summary, unless it is switched off."""
    watch(run, network())
    assert run.summary["model/parameters"] == 33
    run.summary.clear()
    watch(run, network(), model_record=False)
    assert "model/parameters" not in run.summary


def test_several_models_are_told_apart(run):
    """Each watch has its own steps, and its name before all names."""
    models = {"generator": network(), "critic": network()}
    optimizers = {}
    for name, model in models.items():
        optimizers[name] = torch.optim.SGD(model.parameters(), lr=0.1)
        watch(run, model, optimizers[name], every=2, name=name)
    for step in range(4):
        for name in ("critic", "generator") if step % 2 else ("critic",):
            models[name](batch(step)).square().mean().backward()
            optimizers[name].step()
        run.log({"loss": 0.0}, step=step)
    run.finish()
    view = epochal.RunView(run.dir)
    assert view.series("critic/gradients/norm").steps.tolist() == [0.0, 2.0]
    assert view.series("generator/gradients/norm").steps.tolist() == [1.0]
    assert view.summary["critic/model/parameters"] == 33
    assert "gradients/norm" not in view.metrics


def test_wrong_arguments_are_named(run):
    """What is no model and no interval is refused with the remedy."""
    with pytest.raises(SettingError, match=r"torch\.nn\.Module"):
        watch(run, [1, 2])
    with pytest.raises(SettingError, match="interval"):
        watch(run, network(), every="sometimes")


def test_layers_can_be_left_out(run):
    """Only totals are recorded then."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    watch(run, model, optimizer, every=1, per_layer=False)
    train(run, model, optimizer, 1)
    run.finish()
    names = epochal.RunView(run.dir).metrics
    assert "gradients/norm" in names
    assert not [name for name in names if "layers" in name]
    assert np.isfinite(epochal.RunView(run.dir).series("parameters/update_ratio").values).all()


def test_the_setting_log_model_is_followed(tmp_path):
    """With ``log_model`` off no architecture is recorded."""
    for log_model in (True, False):
        model = torch.nn.Linear(2, 1)
        settings = {"follow": "off", "capture_environment": False, "log_model": log_model}
        with epochal.init(project="p", dir=str(tmp_path / str(log_model)), **settings) as run:
            epochal.watch(run, model)
        assert ("model/parameters" in epochal.RunView(run.dir).summary) is log_model


def test_a_wrapper_around_the_optimizer_is_looked_through(run):
    """Libraries hand out optimizers that hold the one that steps, as accelerate does."""

    class Wrapper(torch.optim.Optimizer):
        def __init__(self, optimizer):
            self.optimizer = optimizer

        def __getattr__(self, name):
            if name.startswith("_"):
                raise AttributeError(name)
            return getattr(self.optimizer, name)

        def step(self, closure=None):
            self.optimizer.step(closure)

        def zero_grad(self):
            self.optimizer.zero_grad()

    model = network()
    optimizer = Wrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    watch(run, model, optimizer, every=1)
    train(run, model, optimizer, 2)
    run.finish()
    assert list(series(run, "gradients/norm")) == [0, 1]
