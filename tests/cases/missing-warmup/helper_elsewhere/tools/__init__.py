from .speeds import pace as pace
