"""What a batch learned by heart proves, and what it does not."""

import torch
from torch.nn import functional as F

from vitlib import ViT
from vitlib.teach import digits
from vitlib.training import evaluate


def test_the_last_norm_and_the_head_alone_learn_a_batch_by_heart():
    images, labels = (part[:64] for part in digits("train"))
    torch.manual_seed(0)
    model = ViT(
        image_size=28,
        patch_size=7,
        in_channels=1,
        num_classes=10,
        embed_dim=64,
        depth=4,
        num_heads=4,
    ).requires_grad_(False)
    learned = [*model.norm.parameters(), *model.head.parameters()]
    for parameter in learned:
        parameter.requires_grad_()
    optimizer = torch.optim.AdamW(learned, lr=1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    assert evaluate(model, images, labels) == 1
