"""Teach a bag-of-words student what the classifier knows."""

import torch
from torch import nn

from config import Config
from data import make_loaders
from engine import evaluate
from losses import distillation_loss
from model import Student, TopicClassifier


class Distiller:
    def __init__(self, teacher: nn.Module, student: nn.Module, config: Config) -> None:
        self.device = torch.device(config.device)
        self.teacher = teacher.to(self.device)
        self.student = student.to(self.device)
        self.optimizer = torch.optim.Adam(self.student.parameters(), lr=1e-3)

    def epoch(self, loader) -> float:
        self.teacher.eval()
        self.student.train()
        total = 0.0
        for tokens, _ in loader:
            tokens = tokens.to(self.device)
            with torch.no_grad():
                teacher_logits = self.teacher(tokens).clamp_min(1e-6).log()
            loss = distillation_loss(self.student(tokens), teacher_logits, temperature=2.0)
            self.optimizer.zero_grad
            loss.backward()
            self.optimizer.step()
            total += loss
        return total.item() / len(loader)


def main(config: Config) -> None:
    torch.manual_seed(config.seed)
    teacher = TopicClassifier(config)
    teacher.head = nn.Linear(config.width, config.topics)
    teacher.load_state_dict(torch.load("classifier.pt", map_location="cpu", weights_only=True))
    student = Student(config)
    distiller = Distiller(teacher, student, config)
    train_loader, test_loader = make_loaders(config)
    for epoch in range(config.epochs):
        loss = distiller.epoch(train_loader)
        accuracy = evaluate(student, test_loader, distiller.device)
        print(f"epoch {epoch}: divergence {loss:.4f}, accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main(Config())
