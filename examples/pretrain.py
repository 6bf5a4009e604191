"""Train the language model whose encoder the classifier starts from."""

import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from config import Config
from data import make_loaders
from model import LanguageModel


def main(config: Config) -> None:
    torch.manual_seed(config.seed)
    device = torch.device(config.device)
    loader, _ = make_loaders(config)
    model = LanguageModel(config).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = CosineAnnealingLR(optimizer, T_max=config.epochs)

    model.train()
    for epoch in range(config.epochs):
        total = torch.zeros((), device=device)
        for tokens, _ in loader:
            tokens = tokens.to(device)
            optimizer.zero_grad()
            loss = model(tokens[:, :-1], labels=tokens[:, 1:])
            loss.backward()
            optimizer.step()
            scheduler.step()
            total += loss.detach()
        print(f"epoch {epoch}: loss {total.item() / len(loader):.3f}")
    torch.save(model.encoder.state_dict(), "encoder.pt")


if __name__ == "__main__":
    main(Config())
