"""What gReLU, Lightning and their dependencies warn of in their own code, whatever is done with them."""

import pytest

_TEXTS = (
    ".*does not have many workers",
    ".*tensorboardX",
    "The inplace keyword",
    ".*LeafSpec",
    ".*isinstance\\(treespec",
    "The number of training batches",
    "Checkpoint directory .* exists",
    "You are using the plain ModelCheckpoint",
    "No (positive|negative) samples",
    "No genome is provided",
    ".*Pandas4Warning",
    "You called .self.log.*num_workers",
    "Average precision score for one or more classes",
    ".*in1d",
    "is_categorical_dtype",
    "Setting forward, backward hooks",
)
IGNORED = [pytest.mark.filterwarnings(f"ignore:{text}") for text in _TEXTS]
