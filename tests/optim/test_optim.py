"""fastlm.optim: clip_grad_norm_ and torch.optim one after the other, over many steps; averaging."""

import copy
import pickle

import pytest
import torch
from torch import nn

import fastlm
from tests.compare import relative_error

KINDS = {
    "SGD": [
        {"lr": 0.1},
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        {"lr": 0.1, "momentum": 0.8, "dampening": 0.3},
        {"lr": 0.1, "momentum": 0.8, "nesterov": True},
        {"lr": 0.1, "maximize": True, "weight_decay": 0.1},
        {"lr": torch.tensor(0.1)},
    ],
    "Adam": [{"lr": 0.01}, {"lr": 0.01, "weight_decay": 0.1, "betas": (0.8, 0.9)}, {"amsgrad": True}],
    "AdamW": [{"lr": 0.01}, {"weight_decay": 0.3, "eps": 1e-3, "maximize": True}],
}
ALL = pytest.mark.parametrize(("kind", "options"), [(k, o) for k, every in KINDS.items() for o in every], ids=str)
LIMIT = {torch.float32: 1e-5, torch.float64: 1e-12}


def parameters(dtype):
    shapes = [(7,), (33, 5), (), (1, 4, 4), (70_001,)]
    return [nn.Parameter(torch.randn(shape, dtype=torch.float64).to(dtype)) for shape in shapes]


def set_gradients(mine, others, step):
    for i, (p, q) in enumerate(zip(mine, others, strict=True)):
        if i == 2 and step < 3:
            continue  # one that comes later
        g = torch.randn(p.shape, dtype=torch.float64).to(p.dtype) * (10 if step % 2 else 1e-3)
        p.grad, q.grad = g.clone(), g.clone()


@pytest.mark.parametrize("options", [{"lr": 0.1}, {"lr": 0.1, "maximize": True}, {"lr": 0.1, "momentum": 0.9}], ids=str)
@pytest.mark.parametrize("max_norm", [None, 0.5])
def test_gradients_of_some_rows(options, max_norm):
    """Of a sparse embedding, words twice among them: as the dense one's."""
    found = []
    for sparse in (True, False):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Embedding(50, 4, sparse=sparse), nn.Linear(4, 3)).double()
        optimizer = fastlm.optim.SGD(
            model.parameters(), max_norm=None if "momentum" in options else max_norm, **options
        )
        for _ in range(5):
            optimizer.zero_grad()
            model(torch.randint(9, (20,))).square().sum().backward()
            assert model[0].weight.grad.is_sparse == sparse
            optimizer.step()
        found.append((optimizer.norm, *(p.detach() for p in model.parameters())))
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)


@ALL
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_equals_clipping_and_torchs_step(kind, options, dtype):
    mine = parameters(dtype)
    others = copy.deepcopy(mine)
    ours = getattr(fastlm.optim, kind)(mine, **options, max_norm=0.5)
    torchs = getattr(torch.optim, kind)(others, **options)
    for step in range(12):
        set_gradients(mine, others, step)
        ours.step()
        norm = nn.utils.clip_grad_norm_(others, 0.5)
        torchs.step()
        assert relative_error(ours.norm.double(), norm.double()) < LIMIT.get(dtype, 1e-2)
        if step == 5:  # each goes on with the other's state
            states = [pickle.loads(pickle.dumps(side.state_dict())) for side in (torchs, ours)]
            for side, state in zip((ours, torchs), states, strict=True):
                side.load_state_dict(state)
    for p, q in zip(mine, others, strict=True):
        assert relative_error(p.detach().double(), q.detach().double()) < LIMIT.get(dtype, 1e-2)


def test_groups_share_one_norm_and_keep_their_rates():
    mine = parameters(torch.float64)
    others = copy.deepcopy(mine)
    ours, torchs = (
        cls([{"params": p[:2], "lr": 0.5}, {"params": p[2:]}], lr=0.1, **more)
        for cls, p, more in ((fastlm.optim.SGD, mine, {"max_norm": 1.0}), (torch.optim.SGD, others, {}))
    )
    schedules = [torch.optim.lr_scheduler.StepLR(side, 1, 0.5) for side in (ours, torchs)]
    for step in range(4):
        set_gradients(mine, others, step)
        ours.step()
        nn.utils.clip_grad_norm_(others, 1.0)
        torchs.step()
        for schedule in schedules:
            schedule.step()
    assert all(relative_error(p.detach(), q.detach()) < 1e-12 for p, q in zip(mine, others, strict=True))


def test_without_clipping_and_without_gradients():
    (x,) = parameters(torch.float32)[:1]
    optimizer = fastlm.optim.SGD([x], lr=1.0)
    optimizer.step()
    assert optimizer.norm is None
    x.grad = torch.ones_like(x)
    want = x.detach() - 1
    assert optimizer.step(lambda: 7) == 7
    assert torch.equal(x.detach(), want)
    assert torch.equal(x.grad, torch.ones_like(x))


def test_autograd_sees_that_parameters_have_changed():
    x = nn.Parameter(torch.ones(3))
    loss = x.square().sum()
    x.grad = torch.ones(3)
    fastlm.optim.Adam([x]).step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_nan_gradients_reach_the_parameters_as_in_torch():
    x = nn.Parameter(torch.ones(3))
    x.grad = torch.tensor([1.0, torch.nan, 1.0])
    optimizer = fastlm.optim.SGD([x], max_norm=1.0)
    optimizer.step()
    assert optimizer.norm.isnan()
    assert x.isnan().all()


@pytest.mark.parametrize("max_norm", [-1.0, float("nan")])
def test_a_wrong_max_norm(max_norm):
    with pytest.raises(ValueError, match="Invalid max_norm value"):
        fastlm.optim.AdamW([nn.Parameter(torch.ones(1))], max_norm=max_norm)


def test_averaging_begins_once_and_survives_a_restart():
    x = nn.Parameter(torch.tensor([0.0], dtype=torch.float64))
    optimizer = fastlm.optim.NTASGD([x], lr=1.0, n=2)
    assert [optimizer.observe(loss) for loss in (5, 4, 6, 4.5, 4.4, 3)] == [False] * 4 + [True] * 2
    seen = []
    for step in range(6):
        x.grad = torch.tensor([float(step)], dtype=torch.float64)
        optimizer.step()
        seen.append(x.item())
        if step == 3:
            state = pickle.loads(pickle.dumps(optimizer.state_dict()))
            optimizer = fastlm.optim.NTASGD([x], lr=1.0)
            optimizer.load_state_dict(state)
    with optimizer.averages():
        assert x.item() == pytest.approx(sum(seen) / 6)
    assert x.item() == seen[-1]
