"""The digit browser: a page of digits with filters and sorting, a confusion matrix, and a dialog for one digit."""

from mnist_demo.ui.components.base import Component


class DigitBrowser(Component):
    """Show pages of digits. The value is the list of models to choose from, each [name, key].

    The page's address holds the current query. `functions` are `grid`, `digit`, `grid_file` and `table_file` of
    `BrowseTab`. Each takes the query as text by name, and returns {"busy": text} while it computes the result or
    {"error": text}. Options: `model` is the key of the model to start with, `sets` holds the names of the sets by key,
    and `page_size` is the number of digits on a page.
    """

    scripts = ("dom.js", "prediction.js", "download.js", "arrow_keys.js", "matrix.js", "dialog.js", "script.js")
