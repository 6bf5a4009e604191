"""Losses that the programs share."""

import torch
from torch.nn import functional as F


def distillation_loss(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """The divergence of the student's topics from the teacher's, both given as logits."""
    log_student = F.log_softmax(student / temperature, dim=-1)
    soft_teacher = F.softmax(teacher / temperature, dim=-1)
    return F.kl_div(log_student, soft_teacher) * temperature**2
