"""Chapter 8: groups, schedule, the loop, and how it stops and goes on."""

import contextlib
import copy
import math
import os
import pickle
import re
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vitlib import ViT
from vitlib.training import (
    Progress,
    evaluate,
    fit,
    parameter_groups,
    randomness_from,
    warmup_cosine,
)

DECAYED = {
    "patch_embed.proj.weight",
    "blocks.0.attn.qkv.weight",
    "blocks.0.attn.proj.weight",
    "blocks.0.mlp.fc1.weight",
    "blocks.0.mlp.fc2.weight",
    "head.weight",
}
KEPT = {
    "cls_token",
    "pos_embed",
    "patch_embed.proj.bias",
    "blocks.0.norm1.weight",
    "blocks.0.norm1.bias",
    "blocks.0.attn.qkv.bias",
    "blocks.0.attn.proj.bias",
    "blocks.0.norm2.weight",
    "blocks.0.norm2.bias",
    "blocks.0.mlp.fc1.bias",
    "blocks.0.mlp.fc2.bias",
    "norm.weight",
    "norm.bias",
    "head.bias",
}
MUON = pytest.mark.skipif(
    not hasattr(torch.optim, "Muon"), reason="torch 2.9 brought Muon"
)


def tiny(**settings):
    torch.manual_seed(1)
    sizes = {"image_size": (8, 12), "patch_size": 4, "in_channels": 2}
    sizes |= {"embed_dim": 24, "depth": 1, "num_heads": 3}
    return ViT(**{**sizes, "num_classes": 5, **settings})


@pytest.fixture
def model():
    return tiny()


@pytest.fixture
def data():
    """Twenty pictures: batches of eight leave a smaller one of four."""
    generator = torch.Generator().manual_seed(2)
    images = torch.rand(20, 2, 8, 12, generator=generator)
    return images, torch.arange(20) % 5


def shift(images, generator, columns=4):
    """Move the pictures by some columns: an augmentation."""
    columns = int(torch.randint(columns, (), generator=generator))
    return images.roll(columns, dims=3)


def run(model, data, **settings):
    settings = {"epochs": 3, "batch_size": 8, **settings}
    return list(fit(model, *data, **settings))


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def same(a, b):
    return torch.equal(weights(a), weights(b))


def named_groups(model, weight_decay=0.3):
    names = {id(p): name for name, p in model.named_parameters()}
    decayed, kept = parameter_groups(model, weight_decay)
    assert decayed["weight_decay"] == weight_decay
    assert kept["weight_decay"] == 0
    return [[names[id(p)] for p in g["params"]] for g in (decayed, kept)]


def test_matrices_decay_and_nothing_else(model):
    decayed, kept = named_groups(model)
    assert sorted(decayed) == sorted(DECAYED)
    assert sorted(kept) == sorted(KEPT)


def test_the_groups_hold_each_parameter_once():
    model = tiny(depth=3, global_pool="avg", positions="sincos")
    decayed, kept = named_groups(model)
    everything = [name for name, _ in model.named_parameters()]
    assert sorted(decayed + kept) == sorted(everything)


def test_frozen_parameters_are_in_no_group(model):
    model.patch_embed.requires_grad_(False)
    decayed, kept = named_groups(model)
    frozen = {"patch_embed.proj.weight", "patch_embed.proj.bias"}
    assert set(decayed) == DECAYED - frozen
    assert set(kept) == KEPT - frozen


def test_frozen_parameters_stay_as_they_are(model, data):
    model.patch_embed.requires_grad_(False)
    before = copy.deepcopy(model)
    run(model, data)
    assert same(model.patch_embed, before.patch_embed)
    assert not same(model.blocks, before.blocks)


def test_the_schedule_rises_to_its_peak_and_falls_to_nothing():
    factors = [warmup_cosine(step, 200, 0.1) for step in range(201)]
    assert factors[0] == pytest.approx(1 / 21)
    assert factors[20] == 1
    assert factors[200] == 0
    assert 0 < factors[199] < 1e-3
    assert factors[110] == pytest.approx(0.5)
    assert factors[:21] == sorted(factors[:21])
    assert factors[20:] == sorted(factors[20:], reverse=True)


def test_the_schedule_is_that_of_torch():
    from torch.optim import lr_scheduler as torchs

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.7)
    schedule = torchs.SequentialLR(
        optimizer,
        [
            torchs.LinearLR(optimizer, start_factor=1 / 6, total_iters=5),
            torchs.CosineAnnealingLR(optimizer, T_max=20),
        ],
        milestones=[5],
    )
    for step in range(25):
        rate = optimizer.param_groups[0]["lr"]
        assert 0.7 * warmup_cosine(step, 25, 0.2) == pytest.approx(rate)
        optimizer.step()
        schedule.step()


@pytest.mark.parametrize(("steps", "warmup"), [(10, 0.0), (1, 0.9)])
def test_without_warm_up_the_first_step_is_the_largest(steps, warmup):
    assert warmup_cosine(0, steps, warmup) == 1


@pytest.mark.parametrize("warmup", [0.0, 0.5, 1.0])
def test_the_schedule_is_over_when_it_is_over(warmup):
    """Not 0 / 0, and no second rise along the cosine."""
    assert warmup_cosine(2, 3, warmup) > 0
    assert warmup_cosine(3, 3, warmup) == 0
    assert warmup_cosine(5, 3, warmup) == 0
    assert warmup_cosine(0, 0, warmup) == 0


def test_a_schedule_of_nothing_but_warm_up_only_rises():
    rates = [warmup_cosine(step, 3, 1.0) for step in range(3)]
    assert rates == [1 / 4, 2 / 4, 3 / 4]


@pytest.mark.parametrize("batch_size", [1, 7, 20, 250])
def test_accuracy_is_the_share_of_right_answers(small_vit, batch_size):
    model = small_vit()
    images = torch.randn(20, 2, 8, 12)
    labels = model(images).argmax(1)
    labels[:7] = (labels[:7] + 1) % 5
    assert evaluate(model, images, labels, batch_size) == 13 / 20


def test_evaluation_is_without_dropout_or_traces(small_vit):
    model = small_vit(dropout=0.5).train()
    images = torch.randn(50, 2, 8, 12)
    labels = model.eval()(images).argmax(1)
    model.train()
    before = torch.get_rng_state()
    assert evaluate(model, images, labels) == 1
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)
    graphs = []
    model.register_forward_hook(lambda *x: graphs.append(x[2].grad_fn))
    evaluate(model, images, labels)
    assert graphs == [None]
    model.eval()
    evaluate(model, images, labels)
    assert not model.training


def test_evaluation_restores_the_mode_after_an_error(model, data):
    images, labels = data
    with pytest.raises(ValueError, match="pixels"):
        evaluate(model.train(), images[..., :4], labels)
    assert model.training


def test_accuracy_is_that_of_the_validation_images(
    model, data, monkeypatch
):
    asked = []

    def count(model, images, labels):
        asked.append((images, labels))
        return len(asked) / 4

    monkeypatch.setattr("vitlib.training.evaluate", count)
    validation = torch.rand(3, 2, 8, 12), torch.arange(3)
    found = run(model, data, validation=validation)
    assert [p.accuracy for p in found if p.accuracy] == [0.25, 0.5, 0.75]
    assert all(pair == validation for pair in asked)


def test_progress_says_what_each_step_did(model, data):
    validation = data[0][:10], data[1][:10]
    found = run(
        model, data, validation=validation, learning_rate=0.3, warmup=0.25
    )
    assert [p.step for p in found] == list(range(1, 10))
    assert {p.steps for p in found} == {9}
    assert [p.epoch for p in found] == [1, 1, 1, 2, 2, 2, 3, 3, 3]
    rates = [0.3 * warmup_cosine(i, 9, 0.25) for i in range(9)]
    assert [p.learning_rate for p in found] == pytest.approx(rates)
    marks = [p.accuracy is not None for p in found]
    assert marks == [False, False, True] * 3
    assert found[-1].accuracy == evaluate(model, *validation)
    assert found[0].loss == pytest.approx(math.log(5))
    assert isinstance(found[0], Progress)


def test_without_validation_there_is_no_accuracy(model, data):
    assert all(p.accuracy is None for p in run(model, data))


def test_the_model_trains_in_training_mode_and_ends_in_eval_mode(
    model, data
):
    modes = []
    model.eval()
    model.head.register_forward_hook(
        lambda *_: modes.append(model.training)
    )
    steps = fit(model, *data, epochs=2, batch_size=10)
    next(steps)
    model.eval()
    for _ in steps:
        pass
    assert modes == [False, True, True, True, True]
    assert not model.training
    for _ in fit(model, *data, epochs=2, batch_size=10):
        break
    assert not model.training


def reference(model, data, epochs, batch_size, max_norm, smoothing):
    """The loop as one writes it by hand, with torch's own parts."""
    images, labels = data
    decayed, kept = [], []
    for name, parameter in model.named_parameters():
        (decayed if name in DECAYED else kept).append(parameter)
    groups = [{"params": decayed, "weight_decay": 0.2}]
    groups += [{"params": kept, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=0.01)
    steps = epochs * math.ceil(len(images) / batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: warmup_cosine(step, steps, 0.3)
    )
    generator, losses = torch.Generator().manual_seed(4), []
    for _ in range(epochs):
        order = torch.randperm(len(images), generator=generator)
        for start in range(0, len(images), batch_size):
            torch.randint(2**31, (), generator=generator)
            picked = order[start : start + batch_size]
            log = model(images[picked]).log_softmax(dim=1)
            wanted = F.one_hot(labels[picked], 5).float()
            wanted = (1 - smoothing) * wanted + smoothing / 5
            loss = -(wanted * log).sum(dim=1).mean()
            optimizer.zero_grad()
            loss.backward()
            squares = [p.grad.square().sum() for p in model.parameters()]
            norm = sum(squares).sqrt()
            for parameter in model.parameters():
                if norm > max_norm:
                    parameter.grad *= max_norm / norm
            optimizer.step()
            schedule.step()
            losses.append((loss.item(), norm.item()))
    return losses


@pytest.mark.parametrize("max_norm", [0.4, 1.0, math.inf])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_loop_is_the_one_written_by_hand(
    model, data, max_norm, smoothing
):
    """In double precision: AdamW blows up what little rounding leaves."""
    data, by_hand = (
        (data[0].double(), data[1]),
        copy.deepcopy(model.double()),
    )
    expected = reference(by_hand, data, 3, 8, max_norm, smoothing)
    found = run(
        model,
        data,
        learning_rate=0.01,
        weight_decay=0.2,
        warmup=0.3,
        label_smoothing=smoothing,
        max_norm=max_norm,
        seed=4,
    )
    for progress, (loss, norm) in zip(found, expected, strict=True):
        assert progress.loss == pytest.approx(loss)
        assert progress.gradient_norm == pytest.approx(norm)
    torch.testing.assert_close(
        weights(model), weights(by_hand), rtol=1e-4, atol=1e-6
    )


def test_every_image_comes_once_an_epoch_in_another_order(model, data):
    images = torch.arange(20.0).reshape(20, 1, 1, 1).expand(20, 2, 8, 12)
    seen = []

    def watch(batch, generator):
        seen.extend(batch[:, 0, 0, 0].int().tolist())
        return batch

    run(model, (images, data[1]), epochs=2, augment=watch)
    assert sorted(seen[:20]) == sorted(seen[20:]) == list(range(20))
    assert seen[:20] != seen[20:]
    assert seen[:20] != list(range(20))


def test_augmentation_draws_anew_in_every_step_as_the_seed_says(data):
    def draws(seed):
        seen = []

        def draw(batch, generator):
            seen.append(torch.rand((), generator=generator).item())
            return batch

        run(tiny(), data, epochs=2, seed=seed, augment=draw)
        return seen

    first = draws(0)
    assert len(set(first)) == 6
    assert draws(0) == first
    assert not set(draws(1)) & set(first)


def test_one_batch_is_learned_by_heart(model, data):
    found = run(
        model, data, epochs=60, batch_size=20, learning_rate=1e-2,
        label_smoothing=0.0,
    )  # fmt: skip
    assert found[0].loss == pytest.approx(math.log(5))
    assert found[-1].loss < 0.05
    assert evaluate(model, *data) == 1


@pytest.mark.parametrize(
    "optimizer", ["adamw", pytest.param("muon", marks=MUON)]
)
def test_the_same_seed_gives_the_same_weights(data, optimizer):
    def trained(seed, noise):
        model = tiny(dropout=0.3)
        torch.manual_seed(noise)
        settings = {"augment": shift, "optimizer": optimizer}
        for _ in fit(
            model, *data, epochs=2, batch_size=8, seed=seed, **settings
        ):
            torch.rand(noise)
        return model

    first = trained(0, 1)
    assert same(first, trained(0, 7))
    assert not same(first, trained(1, 1))


def test_torchs_own_random_numbers_are_left_alone(data):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    steps = fit(
        ready := tiny(dropout=0.3), *data, epochs=1, augment=shift,
        batch_size=8,
    )  # fmt: skip
    torch.set_rng_state(before)
    list(steps)
    assert torch.equal(torch.get_rng_state(), before)
    assert not same(ready, tiny(dropout=0.3))


class Accelerator:
    """A kind of device with two generators, as torch.cuda has them."""

    def __init__(self):
        self.default_generators = (torch.Generator(), torch.Generator())
        for number, generator in enumerate(self.default_generators):
            generator.manual_seed(100 + number)

    def init(self):
        pass

    def current_device(self):
        return 1


def states_of(generators):
    return [generator.get_state() for generator in generators]


@pytest.mark.parametrize("device", ["cpu", "cuda:0", "cuda:1", "cuda"])
def test_no_other_devices_random_numbers_are_touched(monkeypatch, device):
    """torch.manual_seed would seed all of them, and MPS, for good."""
    there = Accelerator()
    monkeypatch.setattr(torch, "get_device_module", lambda _: there)
    for kind in (torch.cuda, torch.mps, torch.xpu):
        name = "manual_seed" if kind is torch.mps else "manual_seed_all"
        monkeypatch.setattr(kind, name, lambda seed: pytest.fail("seeded"))
    everyone = (torch.default_generator, *there.default_generators)
    before = states_of(everyone)
    source = torch.Generator().manual_seed(4)
    with randomness_from(source, torch.device(device)):
        inside = states_of(everyone)
        torch.rand(3)
        torch.rand(3, generator=there.default_generators[0])
    changed = [
        not torch.equal(one, other)
        for one, other in zip(before, inside, strict=True)
    ]
    own = {"cpu": [0, 0], "cuda:0": [1, 0]}.get(device, [0, 1])
    assert changed == [True, *own]
    left = states_of(everyone)
    if not own[0]:
        left[1] = before[1]  # this test drew from it
    for one, other in zip(before, left, strict=True):
        assert torch.equal(one, other)


def test_an_apple_gpus_random_numbers_are_left_as_they_were(monkeypatch):
    generator = torch.Generator().manual_seed(9)
    monkeypatch.setattr(
        torch.mps, "_get_default_mps_generator", lambda: generator
    )
    before = generator.get_state()
    source = torch.Generator().manual_seed(4)
    with randomness_from(source, torch.device("mps")):
        drawn = torch.rand(3, generator=generator)
        assert torch.equal(drawn, torch.rand(3))
    assert torch.equal(generator.get_state(), before)


def test_random_numbers_are_left_alone_after_an_error(model, data):
    before = torch.get_rng_state()

    def broken(images, generator):
        torch.rand(3)
        raise RuntimeError("of the reader")

    with pytest.raises(RuntimeError, match="of the reader"):
        run(model, data, augment=broken)
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_is_another_one_in_every_step(data):
    """Steps that draw the same numbers would drop the same ones."""
    model, seen = tiny(dropout=0.5), []
    model.pos_drop.register_forward_hook(
        lambda layer, before, after: seen.append(after == 0)
    )
    run(model, (data[0][:8], data[1][:8]), epochs=3)
    steps = seen[1:]
    assert len(steps) == 3
    assert not torch.equal(steps[0], steps[1])
    assert not torch.equal(steps[1], steps[2])


def named(value):
    """A name for a case that is the same in every process."""
    return re.sub(" at 0x[0-9a-f]+", "", str(value))


RESUMED = [
    {},
    {"augment": shift, "max_norm": 0.5},
    {"dtype": torch.bfloat16, "label_smoothing": 0.0},
    pytest.param({"optimizer": "muon"}, marks=MUON),
]


def test_a_run_stopped_before_its_first_checkpoint_starts_anew(
    data, tmp_path
):
    whole, again, path = tiny(), tiny(), tmp_path / "run.pt"
    run(whole, data)
    for _ in fit(tiny(), *data, epochs=3, batch_size=8, checkpoint=path):
        break
    assert len(run(again, data, checkpoint=path)) == 9
    assert same(again, whole)


@pytest.mark.parametrize("settings", RESUMED, ids=named)
@pytest.mark.parametrize("stop", [3, 4, 8])
def test_an_interrupted_run_goes_on_to_the_same_weights(
    data, tmp_path, settings, stop
):
    """Three steps an epoch: 4 and 8 are in the middle of one."""
    whole = tiny(dropout=0.2)
    expected = run(whole, data, **settings)
    path = tmp_path / "run.pt"
    settings = {**settings, "epochs": 3, "batch_size": 8}
    for progress in fit(
        tiny(dropout=0.2), *data, checkpoint=path, **settings
    ):
        if progress.step == stop:
            break
    again = tiny(dropout=0.2)
    nn.init.normal_(again.head.weight)
    rest = list(fit(again, *data, checkpoint=path, **settings))
    assert same(again, whole)
    assert rest == expected[stop // 3 * 3 :]
    assert not again.training


def test_a_finished_run_gives_its_weights_and_no_steps(
    model, data, tmp_path
):
    run(model, data, checkpoint=tmp_path / "run.pt")
    again = tiny()
    assert run(again, data, checkpoint=str(tmp_path / "run.pt")) == []
    assert same(again, model)


def test_a_checkpoint_is_whole_or_as_it_was(
    model, data, tmp_path, monkeypatch
):
    path = tmp_path / "run.pt"
    steps = fit(model, *data, epochs=3, batch_size=8, checkpoint=path)
    for progress in steps:
        if progress.step == 3:
            break
    before = path.read_bytes()

    def power_cut(content, file):
        with open(file, "wb") as opened:
            opened.write(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", power_cut)
    with pytest.raises(KeyboardInterrupt):
        run(tiny(), data, checkpoint=path)
    assert path.read_bytes() == before
    monkeypatch.undo()
    again, whole = tiny(), tiny()
    run(again, data, checkpoint=path)
    run(whole, data)
    assert same(again, whole)
    assert [file.name for file in tmp_path.iterdir()] == ["run.pt"]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"epochs": 2}, ("epochs 3", 2)),
        ({"batch_size": 5}, ("batch_size 8", 5)),
        ({"learning_rate": 1e-3}, ("learning_rate 0.002", 0.001)),
        ({"weight_decay": 0.1}, ("weight_decay 0.05", 0.1)),
        ({"warmup": 0.2}, ("warmup 0.1", 0.2)),
        ({"label_smoothing": 0.0}, ("label_smoothing 0.1", 0.0)),
        ({"max_norm": math.inf}, ("max_norm 1.0", "inf")),
        ({"augment": shift}, ("augment", "shift")),
        ({"augment": partial(shift, columns=2)}, ("augment", 2)),
        ({"seed": 1}, ("seed 0", 1)),
        ({"dtype": torch.bfloat16}, ("torch.float32", "torch.bfloat16")),
        pytest.param({"optimizer": "muon"}, ("adamw", "muon"), marks=MUON),
    ],
    ids=named,
)
def test_a_run_goes_on_only_as_it_began(
    refuses, model, data, tmp_path, other, words
):
    path = tmp_path / "run.pt"
    run(model, data, checkpoint=path)
    refuses(lambda: run(tiny(), data, checkpoint=path, **other), *words)


def test_a_run_goes_on_only_with_its_own_data_and_model(
    refuses, model, data, tmp_path
):
    path, (images, labels) = tmp_path / "run.pt", data
    run(model, data, checkpoint=path)

    def go_on(images=images, labels=labels, model=None):
        run(model or tiny(), (images, labels), checkpoint=path)

    pixel = images.clone()
    pixel[3, 1, 2, 5] += 1e-6
    refuses(lambda: go_on(pixel), path, "another images")
    refuses(lambda: go_on(images.flip(0)), "another images")
    refuses(lambda: go_on(labels=labels.flip(0)), "another labels")
    refuses(lambda: go_on(model=tiny(dropout=0.1)), "another model")
    refuses(lambda: go_on(model=tiny(depth=2)), "another model")
    go_on()


class Attack:
    """Pickle calls what `__reduce__` names, when it reads the file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def as_torch_stores(attack, content, path):
    torch.save({**content, "epoch": attack}, path)


def as_torch_stored_before(attack, content, path):
    torch.save(
        {**content, "epoch": attack},
        path,
        _use_new_zipfile_serialization=False,
    )


def as_pickle_stores(attack, content, path):
    path.write_bytes(pickle.dumps({**content, "epoch": attack}))


@pytest.mark.parametrize(
    "store", [as_torch_stores, as_torch_stored_before, as_pickle_stores]
)
def test_a_checkpoint_cannot_run_code(
    refuses, model, data, tmp_path, store
):
    path, victim = tmp_path / "run.pt", tmp_path / "victim"
    run(model, data, checkpoint=path)
    content = torch.load(path, weights_only=True)
    store(Attack(victim), content, path)
    refuses(lambda: run(tiny(), data, checkpoint=path), path, "anew")
    assert not victim.exists()
    with contextlib.suppress(Exception):
        torch.load(path, weights_only=False)
    assert victim.exists()


def test_what_is_no_checkpoint_is_refused(refuses, model, data, tmp_path):
    path = tmp_path / "run.pt"
    path.write_bytes(b"not a checkpoint")
    refuses(lambda: run(model, data, checkpoint=path), path, "anew")
    torch.save({"model": {}}, path)
    refuses(lambda: run(model, data, checkpoint=path), path, "anew")
    lost = tmp_path / "nowhere" / "run.pt"
    refuses(lambda: run(model, data, checkpoint=lost), "nowhere")


def test_a_burst_loss_stops_the_run_and_says_where(model, data):
    def burst(images, generator):
        calls.append(1)
        return images * (math.nan if len(calls) == 5 else 1)

    calls, done, before = [], 0, None
    with pytest.raises(FloatingPointError) as caught:  # noqa: PT012
        for step in fit(
            model, *data, epochs=3, batch_size=8, augment=burst, warmup=0.0
        ):
            done, before = step.step, copy.deepcopy(model)
    rate = 2e-3 * warmup_cosine(4, 9, 0.0)
    for words in (
        "epoch 2, step 5,",
        f"learning rate {rate:.2g}",
        "loss is nan",
        "learning_rate",
        "warmup",
    ):
        assert words in str(caught.value)
    assert done == 4
    assert same(model, before)
    assert weights(model).isfinite().all()
    assert not model.training


def test_a_burst_gradient_stops_the_run_too(model, data):
    nn.init.normal_(model.head.weight)
    model.head.weight.register_hook(lambda gradient: gradient * math.inf)
    with pytest.raises(FloatingPointError, match="gradient"):
        run(model, data)
    assert weights(model).isfinite().all()


def test_bfloat16_computes_low_and_stores_high(model, data):
    kinds = []
    model.blocks[0].mlp.fc1.register_forward_hook(
        lambda layer, before, after: kinds.append(after.dtype)
    )
    low = run(model, data, dtype=torch.bfloat16)
    assert set(kinds[1:]) == {torch.bfloat16}
    assert all(p.dtype == torch.float32 for p in model.parameters())
    kinds.clear()
    high = run(tiny(), data)
    for a, b in zip(low, high, strict=True):
        assert a.loss == pytest.approx(b.loss, rel=0.02)
    assert [p.loss for p in low] != [p.loss for p in high]


def test_float32_is_not_cast(model, data):
    kinds = []
    model.head.register_forward_hook(
        lambda layer, before, after: kinds.append(after.dtype)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(model, data, epochs=1)
    assert set(kinds) == {torch.float32}


@MUON
def test_muon_moves_the_matrices_of_the_blocks_and_adamw_the_rest(data):
    """One step from equal weights: only these matrices go elsewhere."""

    def moved(optimizer, weight_decay=0.0):
        model = tiny()
        nn.init.normal_(model.head.weight)
        before = copy.deepcopy(model)
        run(
            model, data, epochs=1, batch_size=20, learning_rate=0.1,
            optimizer=optimizer,
            weight_decay=weight_decay,
        )  # fmt: skip
        assert not same(model, before)
        return dict(model.named_parameters())

    def changed(one, other):
        return {k for k in one if not torch.equal(one[k], other[k])}

    adamw, muon = moved("adamw"), moved("muon")
    blocks = {name for name in DECAYED if name.startswith("blocks.")}
    assert changed(adamw, muon) == blocks
    assert changed(muon, moved("muon", weight_decay=0.5)) == DECAYED


@MUON
def test_a_step_of_muon_is_torchs(model, data):
    nn.init.normal_(model.head.weight)
    before = dict(copy.deepcopy(model).named_parameters())
    run(model, data, epochs=1, batch_size=20, optimizer="muon")
    for name, parameter in model.named_parameters():
        if name in DECAYED and name.startswith("blocks."):
            expected = before[name]
            expected.grad = parameter.grad
            torch.optim.Muon(
                [expected],
                lr=2e-3,
                weight_decay=0.05,
                adjust_lr_fn="match_rms_adamw",
            ).step()
            torch.testing.assert_close(parameter, expected)


def test_muon_says_what_it_needs(refuses, model, data, monkeypatch):
    monkeypatch.delattr(torch.optim, "Muon", raising=False)
    refuses(lambda: run(model, data, optimizer="muon"), "2.9", "adamw")


@MUON
def test_what_is_no_matrix_in_the_blocks_is_adamws(data):
    model = nn.Module()
    layers = nn.Conv2d(2, 3, 4), nn.Flatten(), nn.Linear(3 * 5 * 9, 5)
    model.blocks = nn.Sequential(*layers)
    model.forward = model.blocks.forward
    before = copy.deepcopy(model.blocks)
    run(model, data, epochs=1, optimizer="muon")
    for layer in (0, 2):
        assert not same(model.blocks[layer], before[layer])


@MUON
def test_muon_leaves_frozen_blocks_and_trains_the_rest(model, data):
    model.blocks.requires_grad_(False)
    before = copy.deepcopy(model)
    run(model, data, optimizer="muon")
    assert same(model.blocks, before.blocks)
    assert not same(model.head, before.head)
    other = copy.deepcopy(before)
    run(other, data, optimizer="adamw")
    assert same(model, other)


@MUON
def test_muon_trains_blocks_where_all_else_is_frozen(model, data):
    nn.init.normal_(model.head.weight)
    model.requires_grad_(False).blocks.requires_grad_(True)
    before = copy.deepcopy(model)
    run(model, data, optimizer="muon")
    assert same(model.head, before.head)
    assert not same(model.blocks, before.blocks)


def test_a_model_that_is_all_frozen_cannot_learn(refuses, model, data):
    model.requires_grad_(False)
    refuses(lambda: run(model, data), "frozen", "requires_grad_")
    nothing = nn.Flatten()
    refuses(lambda: run(nothing, data), "parameter")


@MUON
def test_muon_needs_blocks(refuses, data):
    plain = nn.Sequential(nn.Flatten(), nn.Linear(192, 5))
    refuses(lambda: run(plain, data, optimizer="muon"), "model.blocks")


def test_any_classifier_can_be_trained(data):
    torch.manual_seed(0)
    plain = nn.Sequential(nn.Flatten(), nn.Linear(192, 5))
    found = run(plain, data, epochs=50, learning_rate=0.01)
    assert found[-1].loss < found[0].loss
    assert evaluate(plain, *data) == 1


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("epochs", 0),
        ("epochs", 1.5),
        ("batch_size", 0),
        ("batch_size", True),
        ("learning_rate", -1e-3),
        ("learning_rate", math.nan),
        ("learning_rate", "fast"),
        ("weight_decay", -0.1),
        ("warmup", 1),
        ("warmup", -0.1),
        ("label_smoothing", 1.0),
        ("max_norm", 0),
        ("max_norm", None),
        ("max_norm", math.nan),
        ("seed", -1),
        ("seed", 0.5),
        ("augment", "shift"),
        ("optimizer", "sgd"),
        ("dtype", torch.float16),
        ("dtype", "torch.bfloat16"),
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused(
    refuses, model, data, name, bad
):
    refuses(lambda: run(model, data, **{name: bad}), name, repr(bad))


@pytest.mark.parametrize(
    ("name", "bad", "said"),
    [
        ("epochs", -3, "-3"),
        ("batch_size", 21, "21 of a batch"),
        ("optimizer", "sgd", "'sgd'"),
        ("checkpoint", "nowhere/run.pt", "nowhere does not exist"),
        ("validation", 5, "pair"),
        ("images", torch.zeros(20, 2, 8, 13), "8 x 13"),
        ("labels", torch.arange(20), "0 to 19"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_work_is_refused_at_the_call(
    refuses, data, name, bad, said
):
    """Not at the first step, which may never be taken."""
    given = {"images": data[0], "labels": data[1], "epochs": 3}
    given |= {"batch_size": 8, name: bad}
    refuses(lambda: fit(tiny(), **given), said)


def test_another_runs_checkpoint_is_refused_at_the_call(
    refuses, model, data, tmp_path
):
    path = tmp_path / "run.pt"
    run(model, data, checkpoint=path)
    given = {"epochs": 2, "batch_size": 8, "checkpoint": path}
    refuses(lambda: fit(tiny(), *data, **given), "epochs 3")


def test_a_run_that_is_never_begun_changes_no_weight(model, data):
    fit(model, *data, epochs=3, batch_size=8)
    assert same(model, tiny())


def test_settings_may_be_numbers_of_numpy(data):
    """They are the same run, for its checkpoint too."""
    plain = {"epochs": 2, "batch_size": 8, "seed": 3, "warmup": 0.5}
    plain |= {"learning_rate": 0.25, "max_norm": 2.0}
    numpys = {name: np.array([n])[0] for name, n in plain.items()}
    assert type(numpys["seed"]) is np.int64
    numpys["warmup"] = np.float32(0.5)
    one, other = tiny(), tiny()
    found = list(fit(one, *data, **numpys))
    assert found == list(fit(other, *data, **plain))
    assert same(one, other)
    share = evaluate(one, *data, np.int64(7))
    assert share == evaluate(one, *data)


def test_a_run_of_numpys_numbers_goes_on_from_its_checkpoint(
    data, tmp_path
):
    """A checkpoint holds what can be read without running code."""
    path = tmp_path / "run.pt"
    numpys = {"learning_rate": np.float32(0.25), "epochs": np.int64(2)}
    numpys |= {"warmup": np.float32(0.5), "batch_size": np.int32(8)}
    expected = tiny()
    list(fit(expected, *data, **numpys, checkpoint=path))
    plain = {"learning_rate": 0.25, "epochs": 2}
    plain |= {"warmup": 0.5, "batch_size": 8}
    model = tiny()
    assert list(fit(model, *data, **plain, checkpoint=path)) == []
    assert same(model, expected)


@pytest.mark.parametrize(
    "dtype", [torch.int32, torch.int16, torch.int8, torch.uint8]
)
def test_labels_may_be_whole_numbers_of_any_size(data, dtype):
    images, labels = data
    one, other = tiny(), tiny()
    found = run(one, (images, labels.to(dtype)))
    assert found == run(other, data)
    assert evaluate(one, images, labels.to(dtype)) == evaluate(one, *data)


def test_images_without_labels_are_refused(refuses, data):
    refuses(lambda: fit(tiny(), data[0], epochs=3), "labels", "NoneType")


def test_data_that_do_not_fit_are_refused(refuses, model, data):
    images, labels = data

    def given(images=images, labels=labels, **settings):
        return lambda: run(model, (images, labels), **settings)

    refuses(given(labels=labels[:-1]), "20 images", "19 labels")
    refuses(given(images[:-1]), "19 images", "20 labels")
    refuses(given(batch_size=21), 20, 21, "batch_size")
    refuses(given((images * 255).byte()), "images", "torch.uint8")
    refuses(given(images[0]), "images", "(n, c, h, w)")
    refuses(given(images.numpy()), "images", "ndarray")
    refuses(given(labels=labels.float()), "labels", "torch.float32")
    refuses(given(labels=F.one_hot(labels)), "labels", "(n)")
    refuses(given(labels=np.zeros(20)), "labels", "ndarray")
    refuses(given(labels=labels + 1), "1 to 5", "5 classes", "num_classes")
    refuses(given(labels=labels - 1), "-1 to 3", "5 classes")
    refuses(given(images / 0), "images", "NaN")
    refuses(given(images[..., :4]), "8 x 4", "8 x 12")
    refuses(given(validation=images), "validation", "pair")
    refuses(given(validation=(images, labels[1:])), "validation images")
    refuses(given(validation=(images, labels + 1)), "1 to 5", "5 classes")
    refuses(given(labels=labels > 2), "labels", "torch.bool")
    whole = weights(model)
    assert torch.equal(whole, weights(tiny()))


def test_evaluation_refuses_what_does_not_fit(refuses, model, data):
    images, labels = data
    refuses(lambda: evaluate(model, images, labels[1:]), 20, 19)
    refuses(lambda: evaluate(model, images[:0], labels[:0]), 0, "images")
    refuses(lambda: evaluate(model, images, labels, 0), "batch_size")
    for wrong, said in ((labels + 1, "1 to 5"), (labels - 1, "-1 to 3")):
        refuses(
            lambda wrong=wrong: evaluate(model, images, wrong),
            said,
            "5 classes",
        )
    refuses(lambda: evaluate(model, images.int(), labels), "torch.int32")


# --- A loader, soft labels, an own loss, rates, the best, more epochs


def loader(data, **settings):
    pairs = torch.utils.data.TensorDataset(*data)
    settings = {"batch_size": 8, **settings}
    return torch.utils.data.DataLoader(pairs, **settings)


def by_hand(model, batches, epochs, loss, rate=0.01):
    """A plain loop of torch over batches, with one AdamW."""
    groups = parameter_groups(model, 0.2)
    optimizer = torch.optim.AdamW(groups, lr=rate)
    steps, losses = epochs * len(batches), []
    for step in range(steps):
        for group in optimizer.param_groups:
            share = group.get("part", 1.0) * warmup_cosine(step, steps, 0)
            group["lr"] = rate * share
        images, labels = batches[step % len(batches)]
        found = loss(model(images), labels)
        optimizer.zero_grad()
        found.backward()
        optimizer.step()
        losses.append(found.item())
    return losses


PLAIN = {
    "epochs": 2,
    "learning_rate": 0.01,
    "weight_decay": 0.2,
    "warmup": 0.0,
    "max_norm": math.inf,
}


def double(data):
    return data[0].double(), data[1]


def losses_of(found):
    return [progress.loss for progress in found]


def test_a_loader_is_trained_on_as_by_a_plain_loop(data):
    one, other = tiny().double(), tiny().double()
    batches = loader(double(data))
    found = list(fit(one, batches, label_smoothing=0.1, **PLAIN))
    smooth = partial(F.cross_entropy, label_smoothing=0.1)
    expected = by_hand(other, list(batches), 2, smooth)
    assert losses_of(found) == pytest.approx(expected)
    torch.testing.assert_close(weights(one), weights(other))
    assert [p.epoch for p in found] == [1, 1, 1, 2, 2, 2]


def test_a_loader_shuffles_by_the_seed_and_leaves_torchs_numbers(data):
    def orders(seed):
        seen = []

        def watch(images, generator):
            seen.extend(images[:, 0, 0, 0].tolist())
            return images

        batches, model = loader(data, shuffle=True), tiny()
        before = torch.get_rng_state()
        settings = {"epochs": 2, "seed": seed, "augment": watch}
        list(fit(model, batches, **settings))
        assert torch.equal(torch.get_rng_state(), before)
        return seen[:20], seen[20:]

    first, second = orders(0)
    everything = data[0][:, 0, 0, 0].tolist()
    assert sorted(first) == sorted(second) == sorted(everything)
    assert first != second
    assert orders(0) == (first, second)
    assert orders(1)[0] != first


def test_a_run_on_a_loader_goes_on_to_the_same_weights(data, tmp_path):
    settings = {"epochs": 3, "checkpoint": tmp_path / "run.pt"}
    whole, broken, again = tiny(), tiny(), tiny()
    list(fit(whole, loader(data, shuffle=True), epochs=3))
    for progress in fit(broken, loader(data, shuffle=True), **settings):
        if progress.step == 5:
            break
    rest = list(fit(again, loader(data, shuffle=True), **settings))
    assert [p.step for p in rest] == [4, 5, 6, 7, 8, 9]
    assert same(again, whole)


def test_accuracy_over_a_loader_is_that_over_its_tensors(data):
    model = tiny()
    run(model, data)
    images, labels = data
    wanted = (model(images).argmax(1) == labels).sum().item() / 20
    assert evaluate(model, loader(data, batch_size=7)) == wanted
    (*_, last) = fit(
        model, loader(data), epochs=1, validation=loader(data)
    )
    assert last.accuracy == evaluate(model, *data)


def test_what_a_loader_may_not_give_is_refused(refuses, data):
    images, labels = data
    high = torch.where(torch.arange(20) == 19, 5, labels)  # in the last
    refuses(lambda: evaluate(tiny(), loader((images, high))), "5 classes")
    late = fit(tiny(), loader((images, high)), epochs=1)
    refuses(lambda: list(late), "5 classes", "num_classes")
    single = torch.utils.data.DataLoader(images, batch_size=8)
    refuses(lambda: fit(tiny(), single, epochs=1), "Tensor", "pair")
    none = torch.utils.data.DataLoader([], batch_size=8)
    refuses(lambda: fit(tiny(), none, epochs=1), "no batches")
    refuses(lambda: fit(tiny(), 5, epochs=1), "int", "DataLoader")


def test_soft_labels_are_trained_on_as_by_a_plain_loop(data):
    """Mixup's, say: 0.7 of one class and 0.3 of the next."""
    images, labels = double(data)
    hard = F.one_hot(labels, 5).double()
    soft = 0.7 * hard + 0.3 * hard.roll(1, dims=1)
    one, other = tiny().double(), tiny().double()
    batches = loader((images, soft))
    found = fit(one, batches, label_smoothing=0.0, **PLAIN)

    def loss(scores, wanted):
        return -(wanted * scores.log_softmax(1)).sum(1).mean()

    expected = by_hand(other, list(batches), 2, loss)
    assert losses_of(found) == pytest.approx(expected)


def test_soft_labels_of_one_class_are_its_number(data):
    images, labels = data
    sure = F.one_hot(labels, 5).float()
    one, other = run(tiny(), (images, sure)), run(tiny(), data)
    assert losses_of(one) == pytest.approx(losses_of(other), rel=1e-4)


def test_soft_labels_that_are_no_shares_are_refused(refuses, data):
    images, labels = data
    sure = F.one_hot(labels, 5).float()
    refuses(lambda: run(tiny(), (images, 2 * sure)), "add up", 2)
    refuses(lambda: run(tiny(), (images, 1.05 * sure)), "add up", 1.05)
    refuses(lambda: run(tiny(), (images, sure - 0.2)), "-0.2")
    few = F.one_hot(labels, 7).float()
    refuses(lambda: run(tiny(), (images, few)), "7 classes", 5)
    refuses(lambda: evaluate(tiny(), images, sure), "labels", "(n)")


def test_an_own_loss_takes_labels_of_its_own_kind(data):
    """Numbers for each image, as a head that says where has them."""
    images = data[0].double()
    wanted = torch.rand(20, 5, dtype=torch.double)
    one, other = tiny().double(), tiny().double()
    batches = loader((images, wanted))
    found = fit(one, batches, loss=F.mse_loss, **PLAIN)
    expected = by_hand(other, list(batches), 2, F.mse_loss)
    assert losses_of(found) == pytest.approx(expected)
    torch.testing.assert_close(weights(one), weights(other))


def test_another_loss_is_another_run(refuses, data, tmp_path):
    path = tmp_path / "run.pt"
    run(tiny(), data, checkpoint=path)
    given = {"checkpoint": path, "loss": F.cross_entropy}
    refuses(lambda: run(tiny(), data, **given), "loss", "cross_entropy")
    refuses(lambda: run(tiny(), data, loss=3), "loss is 3")


@pytest.mark.parametrize(
    "optimizer", ["adamw", pytest.param("muon", marks=MUON)]
)
def test_parts_have_rates_of_their_own(data, optimizer):
    model, before = tiny(depth=2), tiny(depth=2)
    rates = {"": 0.5, "blocks": 0.0, "blocks.1.mlp": 1.0}
    run(model, data, rates=rates, optimizer=optimizer)
    old = dict(before.named_parameters())
    for name, parameter in model.named_parameters():
        resting = name.startswith("blocks") and "1.mlp" not in name
        assert torch.equal(parameter, old[name]) == resting, name


def test_a_share_of_the_rate_is_the_rate_of_a_group_of_torch(data):
    one, other = tiny().double(), tiny().double()
    batches = loader(double(data))
    rates = {"blocks": 0.1, "head": 0.3}
    list(fit(one, batches, rates=rates, label_smoothing=0.0, **PLAIN))
    names = {id(p): name for name, p in other.named_parameters()}

    def alone(model, decay):
        for group in parameter_groups(model, decay):
            for p in group["params"]:
                part = rates.get(names[id(p)].split(".")[0], 1.0)
                yield {**group, "params": [p], "part": part}

    with pytest.MonkeyPatch.context() as patch:
        torchs = torch.optim.AdamW
        patch.setattr(
            torch.optim,
            "AdamW",
            lambda _, lr: torchs(list(alone(other, 0.2)), lr=lr),
        )
        by_hand(other, list(batches), 2, F.cross_entropy)
    torch.testing.assert_close(weights(one), weights(other))


def test_rates_that_name_nothing_are_refused(refuses, data):
    refuses(lambda: run(tiny(), data, rates={"block": 1}), "block", "head")
    refuses(lambda: run(tiny(), data, rates={"head": -1}), "-1", "head")


@pytest.mark.parametrize("loaded", [False, True])
def test_the_best_weights_are_kept(data, monkeypatch, loaded):
    """The second of four epochs is the best, and then as good again."""
    accuracies = iter([0.2, 0.8, 0.5, 0.8])
    seen = []

    def measure(model, *_):
        seen.append(weights(model))
        return next(accuracies)

    monkeypatch.setattr("vitlib.training.evaluate", measure)
    validation = loader(data) if loaded else data
    model = tiny()
    settings = {"epochs": 4, "keep_best": True, "validation": validation}
    run(model, data, **settings)
    assert torch.equal(weights(model), seen[1])
    assert not torch.equal(seen[1], seen[3])


def test_the_best_weights_are_kept_through_a_break(
    data, tmp_path, monkeypatch
):
    numbers = [0.9, 0.1, 0.2]
    accuracies = iter(numbers + numbers[1:])
    monkeypatch.setattr(
        "vitlib.training.evaluate", lambda *_: next(accuracies)
    )
    settings = {"keep_best": True, "validation": data}
    whole = tiny()
    run(whole, data, **settings)
    accuracies = iter(numbers)
    broken, path = tiny(), tmp_path / "run.pt"
    settings |= {"checkpoint": path, "epochs": 3, "batch_size": 8}
    for progress in fit(broken, *data, **settings):
        if progress.step == 4:
            break
    again = tiny()
    list(fit(again, *data, **settings))
    assert same(again, whole)


def test_the_best_of_nothing_is_refused(refuses, data):
    refuses(lambda: run(tiny(), data, keep_best=True), "validation")


def test_a_run_goes_on_for_more_epochs(data, tmp_path):
    path = tmp_path / "run.pt"
    model = tiny()
    run(model, data, epochs=2, checkpoint=path)
    before = weights(model)
    longer = tiny()
    found = run(longer, data, epochs=4, checkpoint=path)
    assert [p.epoch for p in found] == [3, 3, 3, 4, 4, 4]
    rates = [2e-3 * warmup_cosine(step, 12, 0.1) for step in range(6, 12)]
    assert [p.learning_rate for p in found] == pytest.approx(rates)
    assert not torch.equal(weights(longer), before)
    assert run(tiny(), data, epochs=4, checkpoint=path) == []
