"""Attribution by captum needs gradients of the model that it is given, and of no other."""

import torch
from captum.attr import IntegratedGradients, LayerGradCam, Saliency
from torch import nn

from data import loader

model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 5))
model.load_state_dict(torch.load("model.pt", weights_only=True))
model.eval()

integrated = IntegratedGradients(model)
for x, _ in loader:
    label = model(x).argmax(1)
    print(integrated.attribute(x, target=label))

judge = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 5))
judge.load_state_dict(torch.load("judge.pt", weights_only=True))
judge.eval()
hits = 0
for x, y in loader:
    hits += (judge(x).argmax(1) == y).sum()  # TL408
print(hits)


def saliency(net: nn.Module) -> list[torch.Tensor]:
    net.eval()
    found = []
    for x, _ in loader:
        found.append(Saliency(net).attribute(x, target=net(x).argmax(1)))
    return found


def grad_cam() -> None:
    net = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, 5))
    net.eval()
    cam = LayerGradCam(lambda x: net(x).softmax(-1), net[1])
    for x, _ in loader:
        print(cam.attribute(x, target=net(x).argmax(1)))
