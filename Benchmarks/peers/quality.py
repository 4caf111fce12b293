"""Trains a recipe's model with `attend train` and in PyTorch, an epoch each in turns, and prints how good each is when.

Seconds are those of training and of decoding the development examples. Starting, reading, saving and scoring are left
out.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import torch

from recipe import problem
from train import Training


class Attend:
    """`attend train`, which goes on for one epoch a turn: it trains as if it had never stopped."""

    def __init__(self, command, arguments, recipe, epochs, folder):
        self.command = command
        self.recipe = recipe
        self.model, self.config = folder / "model", folder / "recipe.json"
        self.options = [
            "--train", arguments.train, "--dev", arguments.dev, "--output", self.model, "--config", self.config,
            "--threads", str(arguments.threads), "--log-every", "1000000000", "--quiet"]
        self.epochs = 0
        # Both sides train on as long as the driver asks for.
        training = self.recipe.setdefault("training", {})
        training["patience"] = None
        if training.get("schedule", {}).get("shape") == "cosine":
            training["schedule"]["epochs"] = epochs

    def epoch(self):
        self.epochs += 1
        self.config.write_text(json.dumps({**self.recipe, "epochs": self.epochs}))
        resume = ["--resume"] if self.epochs > 1 else []
        code = subprocess.run([self.command, "train", *self.options, *resume], stdout=subprocess.DEVNULL).returncode
        if code:
            raise SystemExit(code)
        lines = (self.model / "log.jsonl").read_text().splitlines()
        return json.loads(lines[-1])

    def whole_recipe(self):
        """With what the file leaves to defaults."""
        return json.loads((self.model / "recipe.json").read_text())

    def vocabulary(self, side):
        return json.loads((self.model / f"{side}.vocabulary.json").read_text())["tokens"]


class Side:
    """What one side has done, and when it was done."""

    def __init__(self, name, target):
        self.name, self.target, self.reports = name, target, []

    def add(self, report):
        self.reports.append(report)

    @property
    def is_done(self):
        return bool(self.reports) and self.target is not None and self.error <= self.target

    @property
    def error(self):
        return min(report["development"]["sequenceErrorRate"] for report in self.reports)

    @property
    def seconds(self):
        return sum(report["seconds"] + report["development"]["seconds"] for report in self.reports)

    @property
    def summary(self):
        epochs = f"{len(self.reports)} epoch{'s' if len(self.reports) > 1 else ''}"
        result = f"{self.name}: {epochs} in {self.seconds:.1f} s, least sequence errors {self.error:.2%}"
        return result if self.target is None or self.is_done else f"{result}; {self.target:.2%} was not reached"


HEADINGS = ("epoch", "side", "loss", "train s", "tokens/s", "decode s", "seq. err", "tok. err")


def row(values):
    return f"{values[0]:>5}  {values[1]:<8}" + "".join(f"{value:>10}" for value in values[2:])


def cells(epoch, name, report, words):
    dev = report["development"]
    values = [
        epoch, name, f"{report['loss']:.4f}", f"{report['seconds']:.1f}", f"{report['tokensPerSecond']:,.0f}",
        f"{dev['seconds']:.2f}", f"{dev['sequenceErrorRate']:.2%}", f"{dev['tokenErrorRate']:.2%}"]
    return values + ([f"{dev['bleu']:.2f}"] if words else [])


def read_arguments():
    parser = argparse.ArgumentParser(prog="Benchmarks/quality", description=__doc__)
    parser.add_argument("--train", required=True, help="the pairs to learn")
    parser.add_argument("--dev", required=True, help="the pairs to judge every epoch by")
    parser.add_argument("--config", required=True, help="the recipe, as attend train --config reads it")
    parser.add_argument("--epochs", type=int, help="train so many (default: the recipe's)")
    parser.add_argument(
        "--until-sequence-errors", type=float, metavar="SHARE", help="each side stops where it has come so low, 0 to 1")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of both sides (default: the cores)")
    arguments = parser.parse_args()
    if arguments.epochs is not None and arguments.epochs < 1:
        parser.error(f"--epochs is {arguments.epochs}; expected at least 1")
    if not 1 <= arguments.threads <= 1024:
        parser.error(f"--threads is {arguments.threads}; expected 1 to 1024")
    if not 0 <= (arguments.until_sequence_errors or 0) <= 1:
        parser.error(f"--until-sequence-errors is {arguments.until_sequence_errors}; expected 0 to 1")
    return arguments


def read_recipe(path):
    try:
        recipe = json.loads(pathlib.Path(path).read_text())
    except OSError as error:
        raise SystemExit(f"quality: {path}: {error.strerror}")
    except ValueError as error:
        raise SystemExit(f"quality: {path}: not JSON ({error}); correct it")
    if not isinstance(recipe, dict):
        raise SystemExit(f"quality: {path}: no object in braces; correct it")
    return recipe


def refuse(path, recipe):
    wrong = problem(recipe)
    if wrong:
        raise SystemExit(f"quality: {path}: {wrong}")


def epochs_of(path, recipe):
    schedule = recipe.get("training", {}).get("schedule", {})
    epochs = schedule.get("epochs") if schedule.get("shape") == "cosine" else None
    epochs = recipe.get("epochs") if epochs is None else epochs
    if type(epochs) is not int or epochs < 1:
        raise SystemExit(f"quality: {path}: names no number of epochs; give --epochs")
    return epochs


def main():
    arguments = read_arguments()
    recipe = read_recipe(arguments.config)
    refuse(arguments.config, recipe)
    epochs = arguments.epochs or epochs_of(arguments.config, recipe)
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        attend = Attend(os.environ["ATTEND"], arguments, recipe, epochs, pathlib.Path(folder))
        compare(attend, arguments, epochs)


def pytorch(attend, arguments):
    whole = attend.whole_recipe()
    refuse(arguments.config, whole)
    training = Training(whole, arguments.train, arguments.dev)
    for side, vocabulary in (("source", training.source), ("target", training.target)):
        if vocabulary.own != attend.vocabulary(side):
            raise SystemExit(f"quality: {arguments.train}: Python and Swift cut the {side} into different tokens")
    return training


def compare(attend, arguments, epochs):
    ours, theirs = (Side(name, arguments.until_sequence_errors) for name in ("attend", "PyTorch"))
    training, words = None, False
    for epoch in range(1, epochs + 1):
        if not ours.is_done:
            ours.add(attend.epoch())
        if training is None:
            training = pytorch(attend, arguments)
            words = attend.whole_recipe()["target"]["unit"] == "words"
            print(f"PyTorch {torch.__version__}, {training.parameters:,} parameters, {arguments.threads} threads")
            print(row(HEADINGS + (("BLEU",) if words else ())))
        if len(ours.reports) == epoch:
            print(row(cells(epoch, ours.name, ours.reports[-1], words)), flush=True)
        if not theirs.is_done:
            theirs.add(training.epoch())
            print(row(cells(epoch, theirs.name, theirs.reports[-1], words)), flush=True)
        if ours.is_done and theirs.is_done:
            break
    print(ours.summary)
    print(theirs.summary)
    if arguments.until_sequence_errors is None or ours.is_done and theirs.is_done:
        print(f"PyTorch takes {theirs.seconds / ours.seconds:.2f} times as long")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
