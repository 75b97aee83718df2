"""What Browse shows: the digits that match a query, and how they are described."""

from dataclasses import dataclass

from torch import Tensor

from mnist_demo.classifier import Classifier
from mnist_demo.data import Digits
from mnist_demo.data.pen_digits import TRAINING_WRITERS
from mnist_demo.digit_query import DigitQuery
from mnist_demo.evaluation import Evaluation


@dataclass(frozen=True)
class Grid:
    """The digits that match a query, with the predictions of one or two models."""

    classifier: Classifier
    set_key: str
    set_name: str
    digits: Digits  # of the whole set
    query: DigitQuery  # its page exists
    rows: Tensor  # indices of the digits that match, in the query's order and on all pages: int64 (M,)
    evaluation: Evaluation
    other: Evaluation | None  # of the model to compare with
    other_name: str

    @property
    def full_set_name(self) -> str:
        """The set's name, with a warning if the model was trained on it: its accuracy then says little."""
        recipe = self.classifier.metadata.recipe if self.classifier.metadata else None
        if self.set_key == "pen" and recipe and recipe.pen_writers == "training":
            return f"{self.set_name}; trained on {TRAINING_WRITERS} of their 30 writers"
        is_trained = self.set_key == "train" and (recipe is None or self.set_name.startswith("MNIST"))
        is_trained |= self.set_key == "pen" and recipe is not None and recipe.pen_writers == "all"
        return f"{self.set_name}; trained on these" if is_trained else self.set_name

    def describe(self) -> str:
        """Say which digits match, such as "sketch: 38 4s predicted as 9"."""
        query, count, total, name = self.query, len(self.rows), len(self.digits), self.classifier.name
        if query.compare and self.other:
            winner = name if query.compare == "only this one" else self.other_name
            return f"Only {winner} is correct: {count:,}"
        noun = "digit" if query.truth is None else str(query.truth)
        number = f"one {noun}" if count == 1 else f"{count:,} {noun}s"
        if query.read is not None:
            verb = {"all": "predicted as", "right": "correctly predicted as", "wrong": "mistaken for"}[query.show]
            return f"{name}: {number} {verb} {query.read}"
        if query.truth is not None:
            of_label = int((self.evaluation.labels == query.truth).sum())
            kind = {"all": "", "right": " correct", "wrong": " wrong"}[query.show]
            return f"{name}: {number}" if not kind else f"{name}: {count:,} of {of_label:,} {noun}s{kind}"
        if query.show == "right":
            return f"{name}: {count:,} of {total:,} correct"
        return f"{name}: {self.wrong_count:,} of {total:,} wrong"

    @property
    def wrong_count(self) -> int:
        return int((~self.evaluation.correct).sum())
