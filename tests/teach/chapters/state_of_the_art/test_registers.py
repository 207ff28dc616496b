"""What chapter 13 says of its registers: zeros would stay one token."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from vitlib import ViT, add_positions, prepend_cls

PAGE = Path(__file__).parents[4] / "book/13_state_of_the_art.ipynb"


class WithRegisters(ViT):
    """As the page has it, with registers that begin as they are given."""

    def __init__(self, registers, **settings):
        super().__init__(**settings)
        self.registers = nn.Parameter(registers)

    def forward_features(self, images):
        tokens = prepend_cls(self.patch_embed(images), self.cls_token)
        tokens = add_positions(tokens, self.pos_embed)
        extra = self.registers.expand(len(tokens), -1, -1)
        tokens = torch.cat([tokens[:, :1], extra, tokens[:, 1:]], dim=1)
        return self.norm(self.blocks(tokens))


@pytest.mark.parametrize("size", [0.0, 0.02])
def test_registers_that_begin_alike_stay_alike(size):
    model = WithRegisters(
        size * torch.randn(1, 4, 24),
        image_size=16,
        patch_size=8,
        embed_dim=24,
        depth=2,
        num_heads=3,
        num_classes=5,
    )
    images, labels = torch.randn(8, 3, 16, 16), torch.arange(8) % 5
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    start = model.registers.detach().clone()
    for _ in range(20):
        optimiser.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimiser.step()
    registers = model.registers.detach()
    apart = (registers - registers[:, :1]).abs().max().item()
    assert (registers - start).abs().max() > 1e-3
    assert (apart < 1e-6) is (size == 0)


def test_the_page_begins_with_random_registers():
    cells = json.loads(PAGE.read_text(encoding="utf-8"))["cells"]
    text = "".join(line for cell in cells for line in cell["source"])
    assert "0.02 * torch.randn(1, registers, width)" in text
    assert "nn.Parameter(torch.zeros" not in text
