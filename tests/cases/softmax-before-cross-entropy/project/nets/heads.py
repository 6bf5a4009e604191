from torch import nn


def block(inputs, outputs, norm=True):
    layers = [nn.Linear(inputs, outputs), nn.LeakyReLU(0.2)]
    if norm:
        layers.append(nn.BatchNorm1d(outputs))
    return layers


class Classifier(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.body = nn.Sequential(*block(8, 16, norm=False), *block(16, 32))
        self.head = nn.Sequential(nn.Linear(32, classes), nn.Softmax(dim=1))
        self.logits = nn.Linear(32, classes)

    def forward(self, x):
        features = self.body(x)
        return self.head(features), self.logits(features)


def build(name, **options):
    if name == "classifier":
        return Classifier(**options)
    raise ValueError(name)
