"""A collator makes the labels anew, with -100 for the padding."""

from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainingArguments,
)

tokenizer = AutoTokenizer.from_pretrained("gpt2", pad_token="<pad>")


def encode(examples):
    result = tokenizer(examples["text"], truncation=True, padding="max_length", max_length=128)
    result["labels"] = result["input_ids"].copy()
    return result


def main(dataset):
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    data = dataset.map(encode, batched=True)
    Trainer(model=model, args=TrainingArguments("out"), train_dataset=data, data_collator=collator).train()
