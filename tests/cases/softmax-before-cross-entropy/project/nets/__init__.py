from .heads import Classifier, build

__all__ = ["Classifier", "build"]
