"""The rate is a command-line option with a default."""

import argparse

import torch
from torch import nn
from transformers import BertConfig, BertForMaskedLM


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    return parser.parse_args()


def pretrain(args, loader):
    model = BertForMaskedLM(BertConfig())
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate)  # TL108
    model.train()
    for _ in range(args.epochs):
        for batch in loader:
            optimizer.zero_grad()
            model(**batch).loss.backward()
            optimizer.step()


def shallow(args, loader):
    model = nn.Sequential(nn.Linear(8, 64), nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4), 2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate)
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()


if __name__ == "__main__":
    pretrain(parse(), [])
    shallow(parse(), [])
