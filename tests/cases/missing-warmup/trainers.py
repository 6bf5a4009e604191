"""The settings of a Hugging Face `Trainer`, which has no warm-up unless it is told to."""

from thirdparty import Rates
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    EarlyStoppingCallback,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    T5Config,
    T5ForConditionalGeneration,
    Trainer,
    TrainingArguments,
)
from trl import SFTConfig, SFTTrainer


def from_scratch(data):
    model = BertForMaskedLM(BertConfig())
    args = TrainingArguments("out", learning_rate=1e-3, num_train_epochs=10)  # TL108
    Trainer(model=model, args=args, train_dataset=data).train()


def sequence_to_sequence(data):
    model = T5ForConditionalGeneration(T5Config(num_layers=12))
    args = Seq2SeqTrainingArguments("out", learning_rate=5e-4, lr_scheduler_type="cosine", warmup_steps=0)  # TL108
    trainer = Seq2SeqTrainer(model, args, train_dataset=data, callbacks=[EarlyStoppingCallback(3)])
    trainer.train()


def fine_tuned_hot(data):
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    trainer = SFTTrainer(model=model, args=SFTConfig(learning_rate=2e-3), train_dataset=data)  # TL108
    trainer.train()


def fine_tuned_gently(data):
    model = AutoModelForSequenceClassification.from_pretrained("bert-base-uncased")
    Trainer(model=model, args=TrainingArguments("out", learning_rate=2e-5), train_dataset=data).train()


def default_rate(data):
    Trainer(model=BertForMaskedLM(BertConfig()), args=TrainingArguments("out"), train_dataset=data).train()


def shallow(data):
    model = BertForMaskedLM(BertConfig(num_hidden_layers=2))
    Trainer(model=model, args=TrainingArguments("out", learning_rate=1e-3), train_dataset=data).train()


def by_steps(data):
    args = TrainingArguments("out", learning_rate=1e-3, warmup_steps=500)
    Trainer(model=BertForMaskedLM(BertConfig()), args=args, train_dataset=data).train()


def by_ratio(data, config):
    args = TrainingArguments("out", learning_rate=1e-3, warmup_ratio=config.ratio)
    Trainer(model=BertForMaskedLM(BertConfig()), args=args, train_dataset=data).train()


def from_elsewhere(data, settings):
    args = TrainingArguments("out", learning_rate=1e-3, **settings)
    Trainer(model=BertForMaskedLM(BertConfig()), args=args, train_dataset=data).train()


def engine(data):
    args = TrainingArguments("out", learning_rate=1e-3, deepspeed="zero2.json")
    Trainer(model=BertForMaskedLM(BertConfig()), args=args, train_dataset=data).train()


def own_schedule(data, optimizer, schedule):
    args = TrainingArguments("out", learning_rate=1e-3)
    model = BertForMaskedLM(BertConfig())
    Trainer(model=model, args=args, train_dataset=data, optimizers=(optimizer, schedule)).train()


def own_callback(data):
    args = TrainingArguments("out", learning_rate=1e-3)
    Trainer(model=BertForMaskedLM(BertConfig()), args=args, train_dataset=data, callbacks=[Rates()]).train()


def other_optimizer(data):
    args = TrainingArguments("out", learning_rate=1e-3, optim="adafactor")
    Trainer(model=BertForMaskedLM(BertConfig()), args=args, train_dataset=data).train()


class Scheduled(Trainer):
    def create_optimizer_and_scheduler(self, num_training_steps):
        self.optimizer, self.lr_scheduler = Rates().build(self.model, num_training_steps)


def own_class(data):
    args = TrainingArguments("out", learning_rate=1e-3)
    Scheduled(model=BertForMaskedLM(BertConfig()), args=args, train_dataset=data).train()
