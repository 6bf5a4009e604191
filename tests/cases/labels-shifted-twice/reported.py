"""Shifted labels for a model that shifts, further apart."""

import torch
from torch.nn.parallel import DistributedDataParallel
from transformers import GPT2Config, GPT2LMHeadModel


def pairs(batch):
    x = batch["input_ids"].long()
    return x[:, :-1].contiguous(), x[:, 1:].contiguous()


class Trainer:
    def __init__(self):
        self.model = DistributedDataParallel(GPT2LMHeadModel(GPT2Config()))
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5)

    def step(self, batch):
        inputs, targets = pairs(batch)
        self.optimizer.zero_grad()
        outputs = self.model(input_ids=inputs, labels=targets)  # TL301
        outputs.loss.backward()
        self.optimizer.step()
