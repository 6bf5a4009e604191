"""Shifted labels that come out of a data set."""

import torch
from torch.utils.data import DataLoader, Dataset
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments


class Shifted(Dataset):
    def __init__(self, tokens, length=128):
        self.tokens, self.length = tokens, length

    def __len__(self):
        return len(self.tokens) // self.length - 1

    def __getitem__(self, i):
        start = i * self.length
        chunk = self.tokens[start : start + self.length + 1]
        return {"input_ids": torch.tensor(chunk[:-1]), "labels": torch.tensor(chunk[1:])}


class Plain(Shifted):
    def __getitem__(self, i):
        start = i * self.length
        chunk = torch.tensor(self.tokens[start : start + self.length])
        return {"input_ids": chunk, "labels": chunk.clone()}


def by_hand(tokens):
    model = AutoModelForCausalLM.from_pretrained("gpt2").train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    for batch in DataLoader(Shifted(tokens), batch_size=8, shuffle=True):
        optimizer.zero_grad()
        loss = model(**batch).loss  # TL301
        loss.backward()
        optimizer.step()
    for batch in DataLoader(Plain(tokens), batch_size=8, shuffle=True):
        optimizer.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()


def by_a_trainer(tokens):
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    arguments = TrainingArguments("out", warmup_steps=100)
    Trainer(model=model, args=arguments, train_dataset=Shifted(tokens)).train()  # TL301
    Trainer(model=model, args=arguments, train_dataset=Plain(tokens)).train()
