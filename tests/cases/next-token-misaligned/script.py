"""A training script: memory-mapped tokens, a model in a module dictionary, wrapped under conditions."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.parallel import DistributedDataParallel as DDP

block_size, batch_size, device, ddp, compiled = 256, 12, "cuda", False, True


class LayerNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, None, 1e-5)


class GPT(nn.Module):
    def __init__(self, words, width=384):
        super().__init__()
        self.transformer = nn.ModuleDict(
            dict(
                wte=nn.Embedding(words, width),
                h=nn.ModuleList([nn.TransformerEncoderLayer(width, 6, norm_first=True) for _ in range(6)]),
                ln_f=LayerNorm(width),
            )
        )
        self.lm_head = nn.Linear(width, words, bias=False)

    def forward(self, idx, targets=None):
        x = self.transformer.wte(idx)
        for block in self.transformer.h:
            x = block(x)
        x = self.transformer["ln_f"](x)
        if targets is not None:
            logits = self.lm_head(x)
            loss = F.cross_entropy(logits.view(-1, logits.size(-1)), targets.view(-1), ignore_index=-1)
        else:
            logits, loss = self.lm_head(x[:, [-1], :]), None
        return logits, loss


def get_batch(split, ahead):
    name = "train.bin" if split == "train" else "val.bin"
    data = np.memmap(name, dtype=np.uint16, mode="r")
    ix = torch.randint(len(data) - block_size, (batch_size,))
    x = torch.stack([torch.from_numpy((data[i : i + block_size]).astype(np.int64)) for i in ix])
    y = torch.stack([torch.from_numpy((data[i + ahead : i + ahead + block_size]).astype(np.int64)) for i in ix])
    if device == "cuda":
        x, y = x.pin_memory().to(device, non_blocking=True), y.pin_memory().to(device, non_blocking=True)
    else:
        x, y = x.to(device), y.to(device)
    return x, y


model = GPT(50304).to(device)
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
if compiled:
    model = torch.compile(model)
if ddp:
    model = DDP(model)
X, Y = get_batch("train", 2)
for _ in range(100):
    logits, loss = model(X, Y)  # TL302
    X, Y = get_batch("train", 2)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
A, B = get_batch("train", 1)
for _ in range(100):
    logits, loss = model(A, B)
    A, B = get_batch("train", 1)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
