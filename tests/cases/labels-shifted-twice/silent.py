"""Labels that are shifted once."""

import torch.nn.functional as F
from torch import nn
from transformers import AutoModelForMaskedLM, GPT2LMHeadModel, T5ForConditionalGeneration


class Plain(nn.Module):
    """Does not shift by itself."""

    def __init__(self, words):
        super().__init__()
        self.embed = nn.Embedding(words, 64)
        self.rnn = nn.GRU(64, 64, batch_first=True)
        self.head = nn.Linear(64, words)

    def forward(self, tokens, labels=None):
        logits = self.head(self.rnn(self.embed(tokens))[0])
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


class Shifting(Plain):
    def forward(self, tokens, labels=None):
        logits = self.head(self.rnn(self.embed(tokens))[0])
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())


def shifted_by_the_caller(tokens):
    model = Plain(100)
    return model(tokens[:, :-1], tokens[:, 1:])


def shifted_by_the_model(tokens):
    model = Shifting(100)
    return model(tokens, tokens)


def cropped_alike(tokens, length):
    model = GPT2LMHeadModel.from_pretrained("gpt2")
    return model(tokens[:, :length], labels=tokens[:, :length]).loss


def without_the_first(tokens):
    """A start symbol is cut off both."""
    model = GPT2LMHeadModel.from_pretrained("gpt2")
    return model(tokens[:, 1:], labels=tokens[:, 1:]).loss


def labels_ready(tokens):
    model = GPT2LMHeadModel.from_pretrained("gpt2")
    return model(tokens[:, :-1], shift_labels=tokens[:, 1:]).loss


def encoder_decoder(source, target):
    model = T5ForConditionalGeneration.from_pretrained("t5-small")
    return model(input_ids=source, decoder_input_ids=target[:, :-1], labels=target[:, 1:]).loss


def masked_language_model(tokens, corrupted):
    model = AutoModelForMaskedLM.from_pretrained("bert-base-uncased")
    return model(corrupted[:, 1:], labels=tokens[:, 1:]).loss


def other_tensors(prompts, answers):
    model = GPT2LMHeadModel.from_pretrained("gpt2")
    return model(prompts[:, :-1], labels=answers[:, 1:]).loss


def unknown_offset(tokens, start):
    model = GPT2LMHeadModel.from_pretrained("gpt2")
    return model(tokens[:, start:], labels=tokens[:, 1:]).loss
