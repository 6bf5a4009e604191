"""Only adapters are trained."""

from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments
from trl import SFTConfig, SFTTrainer


def wrapped(data):
    model = get_peft_model(AutoModelForCausalLM.from_pretrained("gpt2"), LoraConfig(task_type="CAUSAL_LM"))
    Trainer(model=model, args=TrainingArguments("out", learning_rate=2e-3), train_dataset=data).train()


def configured(data):
    model = AutoModelForCausalLM.from_pretrained("gpt2")
    args = SFTConfig(learning_rate=2e-3)
    SFTTrainer(model=model, args=args, train_dataset=data, peft_config=LoraConfig()).train()
