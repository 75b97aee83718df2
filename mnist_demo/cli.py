"""The command line: python -m mnist_demo train | evaluate | predict | show | export | recipes."""

import random
import signal
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from tqdm import tqdm
from typer import Argument, Exit, Option, Typer
from typer.core import TyperGroup

from mnist_demo.checkpoints import CHECKPOINT_FOLDER, find_checkpoint, list_checkpoints, load_metadata
from mnist_demo.classifier import DEFAULT_MODEL, Classifier, Prediction
from mnist_demo.data import Dataset
from mnist_demo.data.mnist import DATA_FOLDER, download_mnist, load_mnist, missing_files
from mnist_demo.data.sketch_dataset import PenStrokes, create_sketch_dataset, load_pen_strokes
from mnist_demo.data.synthetic import synthetic_dataset
from mnist_demo.devices import default_device
from mnist_demo.errors import DemoError, InputError
from mnist_demo.evaluation import evaluate
from mnist_demo.files import write_atomically
from mnist_demo.preprocess.photo_file import open_photo
from mnist_demo.recipes import RECIPES, find_recipe
from mnist_demo.reports import evaluation_table, format_percent, metadata_note, recipe_table
from mnist_demo.train_command import TrainingRun, train_and_save, train_seeds

MAX_SEED = 2**63 - 1  # of PyTorch's generators

DATA_HELP = "Folder that holds MNIST/raw, or 'synthetic' for synthetic digits. MNIST is downloaded if it is missing."

ModelOption = Annotated[str, Option(metavar="NAME", help="Name or file of a checkpoint.")]
DataOption = Annotated[
    str, Option(metavar="DIR", envvar="MNIST_DEMO_DATA", help=DATA_HELP, show_default="data/ beside app.py")
]
OutOption = Annotated[Path | None, Option(metavar="FILE", help="File or folder to write.", show_default="checkpoints/")]


class Commands(TyperGroup):
    """Commands whose errors, and Ctrl-C, are reported in one line."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except DemoError as error:
            print(f"Error: {error}", file=sys.stderr)
            raise Exit(1) from None
        except KeyboardInterrupt:
            print("Interrupted; nothing was saved.", file=sys.stderr)
            raise Exit(128 + signal.SIGINT) from None


app = Typer(
    cls=Commands,
    help="Train, evaluate and use models that classify handwritten digits.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main(arguments: list[str] | None = None) -> int:
    """Run one command, by default that of the command line, and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8")  # the tables' arrows are missing in Windows' code pages
    try:
        app(arguments, prog_name="python -m mnist_demo")
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@app.command("train")
def run_train(
    recipe_name: Annotated[str, Argument(metavar="RECIPE", help=f"One of {', '.join(RECIPES)}.")],
    epochs: Annotated[int | None, Option(metavar="N", help="Passes over the training set.")] = None,
    batch_size: Annotated[int | None, Option(metavar="N", help="Digits in each step.")] = None,
    lr: Annotated[float | None, Option(help="Learning rate.")] = None,
    seed: Annotated[int, Option(min=0, max=MAX_SEED, metavar="N", help="Seed of all random choices.")] = 0,
    seeds: Annotated[int | None, Option(min=1, metavar="N", help="Compare N seeds, from --seed on.")] = None,
    device: Annotated[Literal["cpu", "cuda"] | None, Option(show_default="cuda if there is a GPU")] = None,
    data: DataOption = str(DATA_FOLDER),
    log: Annotated[int | None, Option(min=1, metavar="N", help="Also print the loss every N steps.")] = None,
    out: OutOption = None,
) -> None:
    """Train a recipe's model and save it.

    --epochs, --batch-size and --lr override the recipe; the file's name shows it, as in cnn-epochs-1.safetensors.
    With --seeds, print the mean and the spread of the test accuracies, and save nothing.
    Ctrl-C or SIGTERM stops after the current step and saves what was learned to a separate file.
    """
    chosen_device: str = device or default_device()
    if chosen_device == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda: PyTorch finds no CUDA GPU here; use --device cpu.")
    if seeds and out:
        raise InputError("--seeds saves nothing, so it cannot be combined with --out.")
    recipe = find_recipe(recipe_name).change(epochs=epochs, batch_size=batch_size, lr=lr)
    # Small files first: if one is missing, the user should not have to wait for MNIST or the training.
    strokes = PenStrokes([], [])
    if recipe.pen_writers:
        if data == "synthetic":
            raise InputError(f"Recipe {recipe.name!r} learns pen strokes too: --data must name a folder that has them.")
        strokes = load_pen_strokes(Path(data), recipe.pen_writers)
    borrowed = load_metadata(find_checkpoint(recipe.based_on)).calibration if recipe.based_on else None
    dataset = load_data(data)
    if recipe.pen_writers:
        dataset = create_sketch_dataset(dataset, strokes.training)
    run = TrainingRun(recipe, dataset, seed, chosen_device, strokes.held_out, borrowed)
    raise Exit(train_seeds(run, seeds) if seeds else train_and_save(run, out, log))


@app.command("evaluate")
def run_evaluate(
    names: Annotated[
        list[str] | None, Argument(metavar="NAME", help="Names or files of checkpoints.", show_default="all")
    ] = None,
    data: DataOption = str(DATA_FOLDER),
) -> None:
    """Evaluate models on the test set. Print accuracy, loss, and the percentage of each digit that is correct."""
    names = names or list_checkpoints()
    classifiers = [Classifier.load(name) for name in names]
    if not classifiers:
        raise InputError(f"There are no checkpoints in {CHECKPOINT_FOLDER}; run: python -m mnist_demo train cnn")
    dataset = load_data(data)
    results = [evaluate(each.model, dataset.test) for each in tqdm(classifiers, disable=None, leave=False)]
    print(f"{dataset.name}, {len(dataset.test):,} test digits; for each digit, the percentage classified correctly\n")
    print(evaluation_table(names, results))


@app.command("predict")
def run_predict(
    photos: Annotated[list[str], Argument(metavar="PHOTO", help="PNG, JPEG, WebP, GIF or BMP files.")],
    model: ModelOption = DEFAULT_MODEL,
) -> None:
    """Classify photos of single digits. A photo may be of any size, dark on light or light on dark."""
    classifier = Classifier.load(model)
    exit_code = 0
    for photo in photos:
        try:
            print(f"{photo}: {format_prediction(classifier.predict_image(open_photo(photo)))}")
        except InputError as error:
            print(f"Error: {error}", file=sys.stderr)
            exit_code = 1
    raise Exit(exit_code)


@app.command("show")
def run_show(
    index: Annotated[
        int | None, Argument(metavar="INDEX", help="Index of a test digit, from 0.", show_default="random")
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    data: DataOption = str(DATA_FOLDER),
    out: Annotated[Path | None, Option(metavar="FILE", help="Plot to write, as PNG, PDF or SVG.")] = None,
) -> None:
    """Classify one test digit. With --out, also plot it with each pixel's value in its cell."""
    classifier = Classifier.load(model)
    dataset = load_data(data)
    index = random.randrange(len(dataset.test)) if index is None else index
    if not 0 <= index < len(dataset.test):
        raise InputError(f"INDEX must be from 0 to {len(dataset.test) - 1:,}; got {index}.")
    image, label = dataset.test.images[index, 0].numpy(), int(dataset.test.labels[index])
    predicted = format_prediction(classifier.predict_mnist(image))
    caption = f"{dataset.name} test digit {index}: labeled {label}, predicted {predicted}"
    print(f"{caption} by {classifier.name}")
    if out:
        from mnist_demo import plots  # here, since matplotlib loads slowly

        plots.save_figure(plots.pixel_values(image, caption), out)
        print(f"Its pixel values are plotted in {out}")


@app.command("export")
def run_export(
    name: Annotated[str, Argument(metavar="NAME", help="Name or file of a checkpoint.")] = DEFAULT_MODEL,
    out: Annotated[Path, Option(metavar="FILE", help="Web page to write.")] = Path("digits.html"),
) -> None:
    """Write a model as a web page: one file, which predicts drawings in any browser, without a server."""
    classifier = Classifier.load(name)
    from mnist_demo.ui.export import to_web_page  # here, since Gradio loads slowly

    page = to_web_page(classifier).encode()
    try:
        write_atomically(out, page)
    except OSError as error:
        raise InputError(f"The web page {out} could not be written: {error}") from error
    print(f"{classifier.name} is in {out} ({len(page) / 1000:,.0f} kB); open it in a browser.")


@app.command("recipes")
def run_recipes() -> None:
    """List the recipes. For each, print what its tutorial reports and what our checkpoint reaches."""
    metadata_by_name = {name: load_metadata(find_checkpoint(name)) for name in RECIPES if name in list_checkpoints()}
    print(recipe_table(RECIPES, metadata_by_name))
    if metadata_by_name:
        print(f"\n{metadata_note(metadata_by_name)}")


def load_data(source: str) -> Dataset:
    """Return synthetic digits if `source` is "synthetic", otherwise MNIST from that folder; download it if missing."""
    if source == "synthetic":
        return synthetic_dataset()
    folder = Path(source)
    if missing_files(folder):
        with tqdm(total=100, desc=f"MNIST to {folder}", unit="%", disable=None) as bar:
            download_mnist(folder, report=lambda fraction: bar.update(int(100 * fraction) - bar.n))
    return load_mnist(folder)


def format_prediction(prediction: Prediction) -> str:
    if prediction.digit is None:
        return "no ink found"
    digit = f"{prediction.digit} ({format_percent(prediction.confidence)})"
    if prediction.is_digit:
        return digit
    return f"{'more than one digit' if prediction.is_multiple else 'not a digit'}; most similar to {digit}"
