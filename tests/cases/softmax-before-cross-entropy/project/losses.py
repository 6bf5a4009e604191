import torch.nn.functional as F


def classification_loss(outputs, labels, weight=None):
    probabilities, _ = outputs
    return F.cross_entropy(probabilities, labels, weight=weight)


def logit_loss(outputs, labels):
    _, logits = outputs
    return F.cross_entropy(logits, labels)
