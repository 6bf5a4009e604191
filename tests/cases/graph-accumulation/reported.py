"""Live losses that are kept, further apart."""

import torch
from transformers import AutoModelForCausalLM


def fine_tune(loader):
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    model.train()
    total_loss = 0
    for batch in loader:
        outputs = model(**batch)
        loss = outputs.loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total_loss += loss  # TL207
    return total_loss / len(loader)


def weighted(model, criterion, loader, optimizer):
    model.train()
    losses = []
    for x, y in loader:
        loss = criterion(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss * len(x))  # TL207
    return sum(losses)


def mixed(model, criterion, loader, optimizer, scaler, amp):
    model.train()
    total = 0.0
    for x, y in loader:
        optimizer.zero_grad()
        if amp:
            with torch.autocast("cuda"):
                loss = criterion(model(x), y)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        else:
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        total += loss  # TL207
    return total


def over_a_setting(model, loader, optimizer, config, history):
    for x, y in loader:
        loss = torch.nn.functional.mse_loss(model(x), y) / config.accumulation
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss * config.accumulation)  # TL207
