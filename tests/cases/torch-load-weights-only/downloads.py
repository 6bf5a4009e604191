"""Files from elsewhere that are unpickled."""

import os
from io import BytesIO

import requests
import torch
from huggingface_hub import hf_hub_download, snapshot_download
from torch.utils import model_zoo


class Model(torch.nn.Module):
    @classmethod
    def from_pretrained(cls, repository, local=False):
        model = cls()
        directory = repository if local else snapshot_download(repository)
        file = os.path.join(directory, "model.bin")
        state = torch.load(file, map_location="cpu", weights_only=False)  # TL903
        model.load_state_dict(state)
        return model


def from_memory(url):
    response = requests.get(url, timeout=10)
    return torch.load(BytesIO(response.content), weights_only=False)  # TL903


def to_file(url, directory):
    path = os.path.join(directory, "weights.pt")
    torch.hub.download_url_to_file(url, path)
    return torch.load(path, weights_only=False)  # TL903


def zoo(url):
    return model_zoo.load_url(url, map_location="cpu")  # TL903


def by_hub(name):
    return torch.load(hf_hub_download(name, "model.pt"), weights_only=False)  # TL903
