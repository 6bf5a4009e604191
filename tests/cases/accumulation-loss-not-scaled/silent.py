"""Several backward passes to one step, rightly so or not decidable."""

import torch
from accelerate import Accelerator
from torch import nn
from torch.nn import functional as F


def divided_under_a_condition(model, loader, optimizer, args):
    model.train()
    for step, (x, y) in enumerate(loader):
        loss = F.cross_entropy(model(x), y)
        if args.gradient_accumulation_steps > 1:
            loss = loss / args.gradient_accumulation_steps
        loss.backward()
        if (step + 1) % args.gradient_accumulation_steps == 0:
            optimizer.step()
            optimizer.zero_grad()


def divided_by_another_name(model, loader, optimizer, k):
    scale = 1.0 / k
    model.train()
    for step, (x, y) in enumerate(loader):
        loss = F.cross_entropy(model(x), y)
        loss *= scale
        loss.backward()
        if (step + 1) % k == 0:
            optimizer.step()
            optimizer.zero_grad()


def gradients_divided(model, loader, optimizer, k):
    model.train()
    for step, (x, y) in enumerate(loader):
        F.cross_entropy(model(x), y).backward()
        if (step + 1) % k == 0:
            for p in model.parameters():
                p.grad.div_(k)
            optimizer.step()
            optimizer.zero_grad()


def two_terms_on_one_batch(model, loader, optimizer):
    model.train()
    for x, y in loader:
        optimizer.zero_grad()
        for term in (F.cross_entropy, F.multi_margin_loss):
            term(model(x), y).backward()
        optimizer.step()


def critic_updates(generator, critic, loader, g_optimizer, c_optimizer, n_critic=5):
    for i, (real, noise) in enumerate(loader):
        c_optimizer.zero_grad()
        (critic(generator(noise).detach()).mean() - critic(real).mean()).backward()
        c_optimizer.step()
        if i % n_critic == 0:
            g_optimizer.zero_grad()
            (-critic(generator(noise)).mean()).backward()
            g_optimizer.step()


def log_every(model, loader, optimizer, log_interval=100):
    model.train()
    for i, (x, y) in enumerate(loader):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        if i % log_interval == 0:
            print(loss.item())


def accelerated(model, optimizer, loader):
    accelerator = Accelerator(gradient_accumulation_steps=8)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    model.train()
    for x, y in loader:
        with accelerator.accumulate(model):
            accelerator.backward(F.cross_entropy(model(x), y))
            optimizer.step()
            optimizer.zero_grad()


def summed(model, loader, optimizer, k, total):
    criterion = nn.CrossEntropyLoss(reduction="sum")
    model.train()
    for i, (x, y) in enumerate(loader):
        criterion(model(x), y).backward()
        if (i + 1) % k == 0:
            for p in model.parameters():
                p.grad /= total
            optimizer.step()
            optimizer.zero_grad()


def loss_of_the_projects_own(model, loader, optimizer, compute_loss, k):
    model.train()
    for i, batch in enumerate(loader):
        compute_loss(model, batch).backward()
        if (i + 1) % k == 0:
            optimizer.step()
            optimizer.zero_grad()


def through_time(model, sequences, targets, optimizer):
    """Truncated back-propagation: the parts are one sequence, and their sum is the loss."""
    model.train()
    optimizer.zero_grad()
    state = torch.zeros(8)
    for x, y in zip(sequences, targets):
        out, state = model(x, state.detach())
        F.mse_loss(out, y).backward()
    optimizer.step()
