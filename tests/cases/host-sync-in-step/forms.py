"""The ways in which real loops read values in every step."""

import torch
from torch import nn
from tqdm import tqdm

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def script(model: nn.Module, loader, epochs: int) -> None:
    model = model.to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    criterion = nn.CrossEntropyLoss()
    model.train()
    for epoch in range(epochs):
        bar = tqdm(loader)
        for i, (images, labels) in enumerate(bar):
            images, labels = images.to(DEVICE), labels.to(DEVICE)
            outputs = model(images)
            correct = (outputs.argmax(1) == labels).sum().item()  # TL603
            loss = criterion(outputs, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            bar.set_postfix(loss=float(loss), correct=correct, epoch=epoch, step=i)


class Trainer:
    def __init__(self, model: nn.Module, args) -> None:
        self.device = torch.device(args.device)
        self.model = model.to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.losses = []

    def run(self, loader) -> None:
        self.model.train()
        for batch in loader:
            x = batch["x"].to(self.device, non_blocking=True)
            y = batch["y"].to(self.device, non_blocking=True)
            out = self.model(x)
            loss = nn.functional.mse_loss(out, y)
            print("loss", loss)  # TL603
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.cpu().detach().numpy())


class Stepper:
    def __init__(self, model: nn.Module) -> None:
        self.model = model.cuda()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def step(self, x: torch.Tensor, y: torch.Tensor) -> dict:
        out = self.model(x.cuda())
        largest = out.abs().max().item()  # TL603
        loss = nn.functional.mse_loss(out, y.cuda())
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {
            "loss": loss.item(),
            "largest": largest,
        }

    def fit(self, loader) -> None:
        self.model.train()
        for x, y in loader:
            print(self.step(x, y))
