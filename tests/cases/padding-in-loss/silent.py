"""Padded targets that are left out of the loss, or that are not known to be padded."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from transformers import AutoModelForSequenceClassification, AutoTokenizer, DataCollatorForLanguageModeling


class LanguageModel(nn.Module):
    def __init__(self, words, pad=0):
        super().__init__()
        self.embed = nn.Embedding(words, 64, padding_idx=pad)
        self.rnn = nn.GRU(64, 64, batch_first=True)
        self.head = nn.Linear(64, words)

    def forward(self, tokens):
        return self.head(self.rnn(self.embed(tokens))[0])


def ignored(model: LanguageModel, tokens):
    return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=0)


def criterion_knows(model: LanguageModel, tokens):
    criterion = nn.CrossEntropyLoss(ignore_index=0)
    return criterion(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())


def masked_by_hand(model: LanguageModel, tokens):
    targets = tokens[:, 1:]
    losses = F.cross_entropy(model(tokens[:, :-1]).transpose(1, 2), targets, reduction="none")
    keep = targets != 0
    return losses[keep].mean()


def selected_first(model: LanguageModel, tokens):
    targets = tokens[:, 1:]
    keep = targets != 0
    return F.cross_entropy(model(tokens[:, :-1])[keep], targets[keep])


def marked(model: LanguageModel, tokens):
    targets = tokens[:, 1:].masked_fill(tokens[:, 1:] == 0, -100)
    return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), targets.flatten())


def marked_in_place(model: LanguageModel, tokens):
    targets = tokens[:, 1:].clone()
    targets[targets == 0] = -100
    return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), targets.flatten())


def class_weights(model: LanguageModel, tokens, words):
    weight = torch.ones(words)
    weight[0] = 0.0
    return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten(), weight=weight)


def one_label_a_sequence(model, sequences, labels):
    words = pad_sequence(sequences, batch_first=True)
    return F.cross_entropy(model(words), torch.tensor(labels))


def packed(model, sequences, targets, lengths):
    words = pad_sequence(sequences, batch_first=True)
    tags = pad_sequence(targets, batch_first=True)
    out = model(pack_padded_sequence(words, lengths, batch_first=True))
    gold = pack_padded_sequence(tags, lengths, batch_first=True)
    return F.cross_entropy(out.data, gold.data)


def classified(texts, labels):
    tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
    model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")
    batch = tokenizer(texts, padding=True, return_tensors="pt")
    return model(**batch, labels=torch.tensor(labels)).loss


def collated(texts):
    tokenizer = AutoTokenizer.from_pretrained("gpt2")
    return DataCollatorForLanguageModeling(tokenizer, mlm=False)([tokenizer(t) for t in texts])
