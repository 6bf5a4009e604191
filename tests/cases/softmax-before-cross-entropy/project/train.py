import torch

import losses
from nets import build


class Runner:
    def __init__(self, options):
        self.model = build("classifier", classes=options.classes).to(options.device)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)

    def fit(self, loader):
        self.model.train()
        for x, y in loader:
            self.optimizer.zero_grad()
            loss = losses.classification_loss(self.model(x), y)  # TL201
            loss.backward()
            self.optimizer.step()

    def fit_logits(self, loader):
        self.model.train()
        for x, y in loader:
            self.optimizer.zero_grad()
            loss = losses.logit_loss(self.model(x), y)
            loss.backward()
            self.optimizer.step()
