"""Loading that is safe, or one's own business."""

import os
import pickle

import numpy as np
import torch
from huggingface_hub import hf_hub_download
from safetensors.torch import load_file


def own(path, trusted=False):
    return torch.load(path, weights_only=False), torch.load(path, weights_only=not trusted)


def tensors_only(repository):
    path = hf_hub_download(repo_id=repository, filename="model.pt")
    return torch.load(path, map_location="cpu", weights_only=True)


def safe_format(repository):
    return load_file(hf_hub_download(repo_id=repository, filename="model.safetensors"))


def cached(url, directory, weights_only=True):
    path = os.path.join(directory, os.path.basename(url))
    if not os.path.exists(path):
        torch.hub.download_url_to_file(url, path)
    return torch.load(path, weights_only=weights_only)


def other(path):
    with open(path, "rb") as file:
        return pickle.load(file), np.load(path)


class Store:
    def load(self, path, weights_only=False):
        return path, weights_only


def from_store(repository):
    return Store().load(hf_hub_download(repository, "x"), weights_only=False)
