"""Token means that are accumulated, further apart."""

import torch
import torch.nn.functional as F

PAD = 0


class Trainer:
    def __init__(self, model, k):
        self.model, self.k = model, k
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)

    def loss(self, batch):
        logits = self.model(batch["src"], batch["tgt_in"]).flatten(0, 1)
        return F.cross_entropy(logits, batch["tgt_out"].flatten(), ignore_index=PAD)  # TL113

    def epoch(self, loader):
        self.model.train()
        for i, batch in enumerate(loader):
            (self.loss(batch) / self.k).backward()
            if (i + 1) % self.k == 0:
                self.optimizer.step()
                self.optimizer.zero_grad()
