"""Found in helpers of forward, base classes and other spellings."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.functional import dropout, scaled_dot_product_attention


class Base(nn.Module):
    def __init__(self, p=0.1):
        super().__init__()
        self.p = p


class Child(Base):
    def drop(self, x):
        return dropout(x, self.p)  # TL409

    def forward(self, x):
        return self.drop(x)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.rate = config.attention_dropout
        self.drop = nn.Dropout(config.dropout)
        self.out = nn.Linear(8, 8)

    def forward(self, q, k, v):
        x = scaled_dot_product_attention(q, k, v, None, self.rate)  # TL409
        x = scaled_dot_product_attention(x, k, v, dropout_p=0.1)  # TL409
        return self.drop(self.out(x))


class Mixed(nn.Module):
    def forward(self, x):
        x = F.dropout(x, 0.5, training=self.training)
        x = torch.relu(x)
        return F.dropout(x)  # TL409


class Local(nn.Module):
    def __init__(self):
        super().__init__()
        self.out = nn.Linear(8, 8)

    def forward(self, x):
        drop = nn.Dropout(p=0.5)  # TL409
        return self.out(drop(x))


class Masked(nn.Module):
    """The tests are about data, not about dropout."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x, mask=None, scale=1.0):
        if mask is not None:
            x = F.dropout(x * mask, 0.1)  # TL409
        if scale > 1:
            x = F.dropout(x, 0.1)  # TL409
        return self.layer(x)
