"""Transformers whose first steps are warmed up, need no warm-up, or cannot be judged."""

import argparse
import math

import torch
from peft import get_peft_model
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR
from transformers import AutoModelForSequenceClassification, get_scheduler

from somewhere import build_optimizer, build_scheduler


def encoder():
    return nn.Sequential(nn.Linear(40, 512), nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8), 12))


def one_cycle(loader):
    model = encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = OneCycleLR(optimizer, max_lr=1e-3, total_steps=len(loader))
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
        scheduler.step()


def from_a_library(loader):
    model = encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = get_scheduler("linear", optimizer, num_warmup_steps=500, num_training_steps=10_000)
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
        scheduler.step()


def by_an_unknown_helper(loader):
    model = encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = build_scheduler(optimizer)
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
        scheduler.step()


def unknown_optimizer(loader):
    model = encoder()
    optimizer = build_optimizer(model.parameters(), lr=1e-3)
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()


def rectified(loader):
    model = encoder()
    optimizer = torch.optim.RAdam(model.parameters(), lr=1e-3)
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()


def small_rate(loader):
    model = encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5)
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()


def fine_tuned_gently(loader):
    model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    model.train()
    for batch in loader:
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()


def adapters(loader, config):
    model = get_peft_model(AutoModelForSequenceClassification.from_pretrained("bert-base-uncased"), config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    model.train()
    for batch in loader:
        optimizer.zero_grad()
        model(**batch).loss.backward()
        optimizer.step()


def frozen_backbone(loader):
    body = nn.TransformerEncoder(nn.TransformerEncoderLayer(512, 8), 12)
    head = nn.Linear(512, 2)
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3)
    for x, y in loader:
        optimizer.zero_grad()
        with torch.no_grad():
            features = body(x)
        nn.functional.cross_entropy(head(features.mean(0)), y).backward()
        optimizer.step()


def lambda_in_a_variable(loader, steps=10_000, warmup=500):
    def factor(step):
        if step < warmup:
            return step / warmup
        return 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))

    model = encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = LambdaLR(optimizer, lr_lambda=factor)
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()
        scheduler.step()


def from_the_command_line(loader):
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, required=True)
    args = parser.parse_args()
    model = encoder()
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr)
    for x, y in loader:
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x), y).backward()
        optimizer.step()


class Base:
    """A subclass or a caller may well attach a schedule to `self.optimizer`."""

    def __init__(self, trainer):
        self.model = encoder()
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        trainer.register(self.optimizer)
