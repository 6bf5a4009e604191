"""Learning rates, attention and depth: one table of programs and answers."""

import ast

import pytest

from torchlint.model.project import Project
from torchlint.model.rates import attention_in, starting_rate, weight_layers
from torchlint.model.syntax import Source
from torchlint.model.values import Value

HEAD = """
import argparse

import timm
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models import resnet18, vit_b_16
from transformers import AutoModel, BertConfig, BertModel

RATE = 3e-4


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        return self.out(F.scaled_dot_product_attention(q, k, v))


class Model(nn.Module):
    def __init__(self, depth=12):
        super().__init__()
        self.blocks = nn.ModuleList([Block(64) for _ in range(depth)])


class ByHand(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x):
        scores = self.q(x) @ self.k(x).transpose(-2, -1)
        return F.softmax(scores, dim=-1) @ self.v(x)


class Fused(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.qkv, self.soft = nn.Linear(width, 3 * width), nn.Softmax(dim=-1)

    def forward(self, x):
        q, k, v = self.qkv(x).chunk(3, -1)
        return torch.matmul(self.soft(torch.matmul(q, k.mT)), v)


class Additive(nn.Module):
    def __init__(self, width=64):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, 1)

    def forward(self, state, memory):
        weights = F.softmax(self.c(torch.tanh(self.a(state) + self.b(memory))), dim=1)
        return torch.bmm(weights.mT, memory)


class Post(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention, self.norm1, self.norm2 = ByHand(), nn.LayerNorm(64), nn.LayerNorm(64)
        self.mlp = nn.Linear(64, 64)

    def forward(self, x):
        x = self.norm1(x + self.attention(x))
        return self.norm2(x + self.mlp(x))


class Pre(Post):
    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Stack(nn.Module):
    def __init__(self, depth):
        super().__init__()
        self.blocks = nn.Sequential(*[ByHand() for _ in range(depth)])


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--other", type=float)
    return parser.parse_args()


args = options()
layer, pre = nn.TransformerEncoderLayer(64, 4), nn.TransformerEncoderLayer(64, 4, norm_first=True)


def f(p, n, rate=0.01):
"""

RATES = [
    ("torch.optim.Adam(p, lr=1e-3)", 1e-3),
    ("torch.optim.Adam(p, RATE)", 3e-4),
    ("torch.optim.AdamW(p)", 1e-3),
    ("torch.optim.SGD(p, lr=rate)", 0.01),
    ("torch.optim.SGD(p, lr=args.learning_rate)", 1e-3),
    ("torch.optim.SGD(p, lr=args.other)", None),
    ("torch.optim.SGD(p, lr=n)", None),
    ("torch.optim.SGD(p, **n)", None),
]
ATTENTION = [
    ("nn.TransformerEncoder(layer, 12)", (12, True, False)),
    ("nn.TransformerEncoder(pre, num_layers=6)", (6, False, False)),
    ("nn.TransformerEncoder(layer, n)", (None, True, False)),
    ("nn.Sequential(nn.Linear(8, 64), nn.TransformerEncoder(layer, 8))", (8, True, False)),
    ("nn.Transformer(64)", (12, True, False)),
    ("Model()", (12, None, False)),
    ("Model(depth=24)", (24, None, False)),
    ("Model(n)", (None, None, False)),
    ("Block(64)", (1, None, False)),
    ("ByHand()", (1, None, False)),
    ("Fused()", (1, None, False)),
    ("Additive()", None),
    ("Stack(6)", (6, None, False)),
    ("nn.ModuleList([Post() for _ in range(8)])", (8, True, False)),
    ("nn.ModuleList([Pre() for _ in range(8)])", (8, False, False)),
    ("nn.ModuleDict(dict(h=nn.ModuleList([Block(8) for _ in range(24)])))", (24, None, False)),
    ("AutoModel.from_pretrained('bert-base-uncased')", (None, None, True)),
    ("BertModel(BertConfig())", (None, None, False)),
    ("vit_b_16()", (12, False, False)),
    ("timm.create_model('vit_base_patch16_224', pretrained=True)", (12, False, True)),
    ("timm.create_model('resnet50')", None),
    ("resnet18()", None),
    ("nn.Sequential(nn.Linear(8, 8), nn.ReLU())", None),
    ("n", None),
]
LAYERS = [
    ("nn.Linear(8, 8)", 1),
    ("nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))", 2),
    ("Model()", 2),
    ("resnet18()", 2),
    ("nn.EmbeddingBag(8, 8)", 0),
    ("n", 0),
]


def value_of(expression: str) -> Value:
    text = HEAD + f"    return {expression}\n"
    source = Source("m.py", text, ast.parse(text))
    project = Project("", lambda path: None)
    project.add(source)
    function = next(f for f in source.functions if f.name == "f")
    return project.frame(source, function).value(function.returns[0])


@pytest.mark.parametrize(("expression", "expected"), RATES, ids=[e for e, _ in RATES])
def test_starting_rate(expression: str, expected: float | None) -> None:
    assert starting_rate(value_of(expression)) == expected


@pytest.mark.parametrize(("expression", "expected"), ATTENTION, ids=[e for e, _ in ATTENTION])
def test_attention(expression: str, expected: tuple[int | None, bool | None, bool] | None) -> None:
    found = attention_in(value_of(expression))
    assert (tuple(found) if found is not None else None) == expected


@pytest.mark.parametrize(("expression", "expected"), LAYERS, ids=[e for e, _ in LAYERS])
def test_layers_with_weights(expression: str, expected: int) -> None:
    assert weight_layers(value_of(expression)) == expected
