"""A training that goes on from a checkpoint after a kill: the same to the last bit."""

import json

import pytest
from recorded import run_script

import epochal
from epochal.read.view import RunView

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.torch

# Dropout draws from PyTorch's generator, augmentation from NumPy's and Python's, the order of the
# data from a generator of its own.
TRAINING = """
    import hashlib, json, os, random, signal, sys
    import numpy as np, torch, epochal

    folder, run_id, epochs, killed = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "1"
    torch.manual_seed(0); np.random.seed(0); random.seed(0)
    torch.set_num_threads(1)
    data = torch.utils.data.TensorDataset(torch.randn(64, 8), torch.randn(64, 1))
    order = torch.Generator().manual_seed(1)
    loader = torch.utils.data.DataLoader(data, batch_size=16, shuffle=True, generator=order)
    model = torch.nn.Sequential(
        torch.nn.Linear(8, 16), torch.nn.BatchNorm1d(16), torch.nn.Dropout(0.5),
        torch.nn.Linear(16, 1),
    )
    average = torch.optim.swa_utils.AveragedModel(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2, amsgrad=True)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=1000)
    parts = dict(model=model, optimizer=optimizer, scheduler=scheduler, ema=average,
                 generators={"order": order})
    known = epochal.open(folder).runs(f'id == "{run_id}"') if os.path.isdir(folder) else []
    how = {"resume": run_id} if known else {"id": run_id}
    if known:
        how["resume_step"] = known[0].checkpoints[-1].step
    run = epochal.init(project="p", dir=folder, follow="off", capture_environment=False, **how)
    step = epoch = 0
    if known:
        state = run.load_checkpoint("last", **parts)
        step, epoch = state["step"], state["epoch"] + 1
    while epoch < epochs:
        for inputs, targets in loader:
            inputs = inputs + float(np.random.rand()) * 0.1 + random.random() * 0.1
            loss = torch.nn.functional.mse_loss(model(inputs), targets)
            optimizer.zero_grad(); loss.backward(); optimizer.step(); scheduler.step()
            average.update_parameters(model)
            step += 1
            run.log({"loss": loss, "lr": scheduler.get_last_lr()[0]}, step=step)
            if killed and epoch == epochs - 1:
                os.kill(os.getpid(), signal.SIGKILL)
        run.save_checkpoint(epoch=epoch, step=step, loss=loss, keep_last=2, **parts)
        epoch += 1
    run.finish()
    digest = hashlib.sha256()
    for module in (model, average):
        for name, tensor in module.state_dict().items():
            digest.update(name.encode() + tensor.numpy().tobytes())
    for value in optimizer.state_dict()["state"].values():
        for tensor in value.values():
            digest.update(tensor.numpy().tobytes())
    print(json.dumps({"digest": digest.hexdigest(), "next": torch.rand(1).item()}))
"""


def test_the_same_to_the_last_bit(tmp_path):
    """Straight through, and killed twice: weights, state, losses and the next random number."""
    folder = tmp_path / "runs"
    straight, _ = run_script(TRAINING, folder, "straight00", 6, 0)
    run_script(TRAINING, folder, "resumed000", 3, 1, returncode=-9)
    run_script(TRAINING, folder, "resumed000", 5, 1, returncode=-9)
    resumed, errors = run_script(TRAINING, folder, "resumed000", 6, 0)
    assert errors == ""
    assert json.loads(resumed) == json.loads(straight)
    views = {run.id: run for run in epochal.open(folder).runs()}
    losses = [views[each].series("loss") for each in ("straight00", "resumed000")]
    assert losses[0].steps.tolist() == losses[1].steps.tolist() == [*range(1, 25)]
    assert losses[0].values.tobytes() == losses[1].values.tobytes()
    found = RunView(views["resumed000"].dir).checkpoints
    assert [each.epoch for each in found] == [4, 5]
    assert all(each.parent for each in found)
