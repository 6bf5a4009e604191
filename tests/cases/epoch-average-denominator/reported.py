"""Wrong counts, further apart."""

import torch
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm


def test_loop(dataloader: DataLoader, model, loss_fn):
    size = len(dataloader.dataset)
    num_batches = len(dataloader)
    loss_fn = nn.CrossEntropyLoss()
    test_loss, correct = 0, 0
    model.eval()
    with torch.no_grad():
        for x, y in dataloader:
            pred = model(x)
            test_loss += loss_fn(pred, y).item()
            correct += (pred.argmax(1) == y).type(torch.float).sum().item()
    test_loss /= size  # TL211
    correct /= num_batches  # TL211
    return test_loss, correct


class Trainer:
    def __init__(self, model, train_set, batch_size):
        self.model = model
        self.loader = DataLoader(train_set, batch_size=batch_size, shuffle=True)
        self.criterion = nn.MSELoss()
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def epoch(self):
        self.model.train()
        epoch_loss = 0.0
        for step, (x, y) in enumerate(tqdm(self.loader)):
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()
            epoch_loss = epoch_loss + loss.detach()
        return epoch_loss.item() / len(self.loader.dataset)  # TL211


class Autoencoder:
    def __init__(self, model, loader):
        self.model = model
        self.loader = loader

    def fit(self, epochs, optimizer):
        logs = []
        for epoch in range(epochs):
            train_loss, hits = 0, 0
            for iteration, (x, y) in enumerate(tqdm(self.loader, desc=str(epoch))):
                optimizer.zero_grad()
                loss = nn.functional.mse_loss(self.model(x), y)
                loss.backward()
                optimizer.step()
                train_loss += loss.item()
                if iteration > 100:
                    break
                if iteration % 10 == 0:
                    hits += 1
            logs.append((train_loss / iteration, hits / iteration))  # TL211
        return logs

    def score(self, batches):
        total = 0.0
        with torch.no_grad():
            for i in range(len(batches)):
                with torch.autocast("cuda"):
                    total += nn.functional.mse_loss(self.model(batches[i]), batches[i])
        total /= i  # TL211
        return total.item()


def counted_by_hand(model, loader, optimizer):
    criterion = nn.CrossEntropyLoss()
    running_loss, total, correct = 0.0, 0, 0
    model.train()
    for inputs, labels in loader:
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        total += labels.size(0)
        correct += outputs.argmax(1).eq(labels).sum().item()
    return running_loss / total, correct / total  # TL211


class Counter:
    def __init__(self, model):
        self.model = model
        self.criterion = nn.MSELoss()

    def validate(self, loader):
        loss_sum, seen = 0.0, 0
        for batch in tqdm(loader):
            x, y = batch["x"].cuda(), batch["y"].cuda()
            loss_sum = loss_sum + self.criterion(self.model(x), y).detach()
            seen += x.shape[0]
        loss_sum /= seen  # TL211
        return loss_sum.item()
