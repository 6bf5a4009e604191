"""Constructors that do run Module.__init__, or need not."""

import torch
from torch import nn
from torch.utils.data import Dataset

from elsewhere import Base, Mixin


class NoInit(nn.Module):
    def forward(self, x):
        return x


class Old(nn.Module):
    def __init__(self):
        super(Old, self).__init__()
        self.fc = nn.Linear(2, 2)


class ByClass(nn.Module):
    def __init__(self):
        torch.nn.Module.__init__(self)
        self.fc = nn.Linear(2, 2)


class UnknownBase(Base):
    def __init__(self):
        self.fc = nn.Linear(2, 2)


class UnknownMixin(Mixin, nn.Module):
    def __init__(self):
        self.start()
        self.fc = nn.Linear(2, 2)


class Local(Old):
    def __init__(self):
        Old.__init__(self)
        self.extra = nn.Linear(2, 2)


class InBothBranches(nn.Module):
    def __init__(self, a):
        if a:
            super().__init__()
        else:
            nn.Module.__init__(self)
        self.fc = nn.Linear(2, 2)


class Data(Dataset):
    def __init__(self):
        self.net = nn.Linear(2, 2)


class Plain:
    def __init__(self):
        self.net = nn.Linear(2, 2)


class Bypassed(nn.Module):
    def __init__(self, teacher):
        self.__dict__["teacher"] = teacher
        self.width = 3
        super().__init__()
        self.fc = nn.Linear(2, 2)


class Container(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(2, 2))
        self.size = 2


class Prepared(type):
    def __call__(cls, *args, **kwargs):
        made = cls.__new__(cls)
        nn.Module.__init__(made)
        made.__init__(*args, **kwargs)
        return made


class PreparedModule(nn.Module, metaclass=Prepared):
    pass


class WithMetaclass(PreparedModule):
    def __init__(self):
        self.fc = nn.Linear(2, 2)


class OtherInit(nn.Module):
    def __init__(self):
        nn.Module.__init__()
        self.fc = nn.Linear(2, 2)
