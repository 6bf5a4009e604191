"""Regression as tutorials write it."""

import pandas as pd
import torch
import torch.nn as nn
from sklearn.model_selection import train_test_split
from torch.utils.data import DataLoader, Dataset, TensorDataset


class Houses(Dataset):
    def __init__(self, path):
        table = pd.read_csv(path)
        self.x = torch.tensor(table.drop(columns="price").values, dtype=torch.float32)
        self.y = torch.tensor(table["price"].values, dtype=torch.float32)

    def __len__(self):
        return len(self.y)

    def __getitem__(self, index):
        return self.x[index], self.y[index]


class Regressor(nn.Module):
    def __init__(self, features, hidden=64, dropout=0.1):
        super().__init__()
        layers = []
        for _ in range(2):
            layers += [nn.Linear(features, hidden), nn.ReLU(), nn.Dropout(dropout)]
            features = hidden
        layers.append(nn.Linear(hidden, 1))
        self.net = nn.Sequential(*layers)

    def forward(self, x):
        return self.net(x)


def train(path, epochs=10):
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    loader = DataLoader(Houses(path), batch_size=64, shuffle=True)
    model = Regressor(8).to(device)
    criterion = nn.HuberLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for epoch in range(epochs):
        model.train()
        for x, y in loader:
            x, y = x.to(device), y.to(device)
            optimizer.zero_grad()
            predictions = model(x)
            loss = criterion(predictions, y)  # TL205
            loss.backward()
            optimizer.step()


def with_split(table):
    x_train, x_test, y_train, y_test = train_test_split(table.drop(columns="y").values, table["y"].values)
    train_set = TensorDataset(torch.FloatTensor(x_train), torch.FloatTensor(y_train))
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    model.train()
    for x, y in DataLoader(train_set, batch_size=16, shuffle=True):
        optimizer.zero_grad()
        loss = ((model(x) - y) ** 2).mean()  # TL205
        loss.backward()
        optimizer.step()
