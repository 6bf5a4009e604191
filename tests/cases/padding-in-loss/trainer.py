"""Labels that a preprocessing function copies from padded input."""

from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments

tokenizer = AutoTokenizer.from_pretrained("gpt2", pad_token="<pad>")


def encode(examples):
    result = tokenizer(examples["text"], truncation=True, padding="max_length", max_length=128)
    result["labels"] = result["input_ids"].copy()  # TL213
    return result


def encode_without_padding(examples):
    result = tokenizer(examples["text"], truncation=True, max_length=128)
    result["labels"] = result["input_ids"].copy()
    return result


def encode_with_a_mask(examples):
    result = tokenizer(examples["text"], truncation=True, padding="max_length", max_length=128)
    result["labels"] = [
        [token if token != tokenizer.pad_token_id else -100 for token in row] for row in result["input_ids"]
    ]
    return result


def main(dataset):
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    data = dataset.map(encode, batched=True)
    Trainer(model=model, args=TrainingArguments("out"), train_dataset=data).train()
