"""A warm-up that is only spoken of, and one that is read. TODO: warmup."""

import argparse

import torch
from torch import nn
from torch.optim import lr_scheduler


class Settings:
    warmup_steps: int = 500
    epochs: int = 10


def encoder():
    return nn.Sequential(nn.Linear(40, 512), nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8), 12))


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("--warmup-epochs", type=int, default=5, help="epochs of linear warmup")
    parser.add_argument("--epochs", type=int, default=100)
    return parser.parse_args()


def declared(loader, args, warmup=500):
    # warmup would go here
    model = encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)  # TL108
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs)
    for _ in range(args.epochs):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
        scheduler.step()


def read(loader, args, set_rate):
    model = encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = lr_scheduler.CosineAnnealingLR(optimizer, T_max=args.epochs - args.warmup_epochs)
    for epoch in range(args.epochs):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
        if epoch >= args.warmup_epochs:
            scheduler.step()


def from_a_table(loader, config, run):
    model = encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step, (x, y) in enumerate(loader):
        if step < config["warmup_steps"]:
            run.slowly()
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()


def decays_by_a_function(loader, epochs):
    model = encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)  # TL108
    scheduler = lr_scheduler.LambdaLR(optimizer, lr_lambda=lambda epoch: 0.95**epoch)
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
        scheduler.step()


def rises_by_a_function(loader, epochs):
    model = encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = lr_scheduler.LambdaLR(optimizer, lr_lambda=lambda step: min(1.0, step / 1000))
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            nn.functional.mse_loss(model(x), y).backward()
            optimizer.step()
            scheduler.step()
