"""Options of a command, made from the function that the command calls.

    @app.command()
    @options_of("epizoo.jobs.evaluate.evaluate", {"Callers": "peaks probabilities entry", "Output": "metrics"})
    def evaluate(**given: Any) -> None: ...

Name, type, default and help text of an option are those of the function's parameter, so that both cannot differ. They
are read from the function's source, since importing what it computes with takes seconds, and ``--help`` none.
"""

import ast
import functools
import importlib.util
import inspect
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_type_hints

import typer

from epizoo.cli.file_roles import FOLDER, INPUT, FileRole
from epizoo.errors import InputError

PYTHON_ALONE = {
    "annotated",
    "assembly_is_checked",
    "command",
    "config",
    "file_hashes",
    "file_names",
    "progress",
    "report",
}
"""Parameters of functions that no option stands for."""
METAVARS = {
    "about": "TEXT",
    "base_model": "ORG/NAME",
    "allow": "LEAK",
    "base": "ENTRY",
    "binarized": "FOLDER",
    "blacklist": "ASSEMBLY|FILE",
    "cell": "CELL",
    "chrom_sizes": "ASSEMBLY|FILE",
    "control_signal_kind": "KIND",
    "controls": "MARK=FILE",
    "entry": "ENTRY",
    "evaluate": "SCHEME",
    "exclude": "NAMES",
    "fraction": "SHARE",
    "hold_out": "CHROM,CHROM",
    "init": "START",
    "known_states": "[CELL=]FILE",
    "marks": "MARK=FILE",
    "name": "NAME",
    "output_format": "FORMAT",
    "signal_kind": "KIND",
    "source": "TEXT",
    "strength": "BINS",
    "table": "FILE",
    "tolerance": "NATS",
    "train": "WHAT",
    "training_log": "KIND",
    "version": "VERSION",
}
"""Placeholders of values, where the type of a parameter does not say enough."""
FLAGS = {
    "license_name": ("--license",),
    "output": ("--output", "-o"),
    "output_format": ("--format",),
    "version": ("--entry-version",),
}
"""Names of options that are not those of their parameters."""

_OF_MARKS = ("--marks", "--controls")
_FILES = r"\b(File|Intervals|Path|Reads|Signal)\b"
_REQUIRED = inspect.Parameter.empty


class Parameter(NamedTuple):
    """A parameter of a function as its source declares it: annotation, default, and its text in the docstring."""

    annotation: str
    default: Any
    text: str

    @property
    def is_named(self) -> bool:
        """True if it takes files by name."""
        return "Mapping[" in self.annotation

    @property
    def is_repeated(self) -> bool:
        """True if it takes several values."""
        return re.search(r"Mapping\[|Sequence\[|Collection\[|\bReads\b", self.annotation) is not None

    @property
    def kind(self) -> type:
        """The type of one value."""
        if self.is_named or re.search(r"Literal\[|\bstr \|", self.annotation):
            return str
        if re.search(_FILES, self.annotation):
            return Path
        return next((kind for kind in (bool, int, float) if re.search(rf"\b{kind.__name__}\b", self.annotation)), str)


def options_of(
    function: str,
    groups: Mapping[str, str],
    *,
    metavars: Mapping[str, str] | None = None,
    flags: Mapping[str, tuple[str, ...]] | None = None,
    files: Mapping[str, FileRole] | None = None,
    texts_of: str | None = None,
    trailing: str | None = None,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that gives a command the options of a function.

    Parameters that the command declares itself are left to it, at their place in the groups if they have one. Its
    ``**given`` are those options that the user gives or that have a default, as the function takes them.

    Args:
        function: the function, by its full name.
        groups: names of parameters, separated by blanks, by the title of their panel in the help; a panel without a
            title is that of all other options.
        metavars: placeholders that differ from `METAVARS`.
        flags: names of options that differ from `FLAGS`.
        files: roles of files; others are folders, if their placeholder says so, or inputs.
        texts_of: another function, which describes the parameters that the docstring of the first does not.
        trailing: parameter whose further values may follow its option, as in ``--marks A=a.bw B=b.bw``.

    Raises:
        LookupError: a parameter of the function has no group or no text.
    """
    known, others = parameters_of(function), parameters_of(texts_of) if texts_of else {}
    shown = METAVARS | dict(metavars or {})
    names = {name: ("--" + name.replace("_", "-"),) for name in known} | FLAGS | dict(flags or {})

    def option(name: str, title: str) -> inspect.Parameter:
        text = _help(known[name].text or others[name].text, names)
        if name == trailing:
            text += f" For several: {names[name][0]} {shown[name]} {shown[name]} …."
        of = _option(name, known[name], text, names[name], shown.get(name), title)
        role = (files or {}).get(name, _role(known[name], shown.get(name, "")))
        return of if role is None else of.replace(annotation=Annotated[of.annotation, role])

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = {one.name: one for one in own_parameters(command)}
        placed = {name: title for title, group in groups.items() for name in group.split()}
        lost = set(known) - set(placed) - set(own) - PYTHON_ALONE
        if lost:
            raise LookupError(f"{function}: no option for {', '.join(sorted(lost))}")
        derived = {name: option(name, title) for name, title in placed.items() if name not in own}

        @functools.wraps(command)
        def run(**given: Any) -> None:
            if trailing is not None and (rest := given.pop("more")):
                given[trailing] = [*(given[trailing] or []), *rest]
            for name in derived:
                given[name] = _value(known[name], given[name], names[name][0], shown.get(name, ""))
            command(**{name: value for name, value in given.items() if name not in derived or value is not None})

        order = [*(name for name in own if name not in placed), *placed]
        more = [] if trailing is None else [_trailing(shown[trailing])]
        return declare(run, [*((own | derived)[name] for name in order), *more])

    return decorate


def declare(command: Callable[..., None], parameters: Sequence[inspect.Parameter]) -> Callable[..., None]:
    """The command, with parameters as Typer reads them."""
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def own_parameters(command: Callable[..., None]) -> list[inspect.Parameter]:
    """The parameters that a command declares itself."""
    hints = get_type_hints(command, include_extras=True)
    return [
        one.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY)
        for name, one in inspect.signature(command).parameters.items()
        if one.kind is not inspect.Parameter.VAR_KEYWORD
    ]


@functools.cache
def parameters_of(function: str) -> dict[str, Parameter]:
    """The parameters of a function by name, read from its source without importing it."""
    top, *parts, name = function.split(".")
    spec = importlib.util.find_spec(f"{top}.{parts[0]}" if parts else top)
    assert spec is not None, function
    # Finding a deeper module would import the packages that it is in.
    folders = spec.submodule_search_locations
    path = Path(folders[0], *parts[1:]).with_suffix(".py") if folders else Path(str(spec.origin))
    tree = ast.parse(path.read_text(encoding="utf-8"))
    node = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    texts = argument_texts(ast.get_docstring(node) or "")
    defaults: list[ast.expr | None] = [None] * (len(node.args.args) - len(node.args.defaults))
    defaults += [*node.args.defaults, *node.args.kw_defaults]
    return {
        one.arg: Parameter(
            ast.unparse(one.annotation) if one.annotation else "",
            _REQUIRED if default is None else ast.literal_eval(default),
            texts.get(one.arg, ""),
        )
        for one, default in zip([*node.args.args, *node.args.kwonlyargs], defaults, strict=True)
    }


def argument_texts(docstring: str) -> dict[str, str]:
    r"""The texts of a Google-style docstring's ``Args``, by the name of the argument.

    >>> argument_texts("Sum.\n\nArgs:\n    first: A number,\n        in bp.\n    other: 2.\n\nReturns:\n    More.")
    {'first': 'A number, in bp.', 'other': '2.'}
    """
    _, _, section = docstring.partition("Args:\n")
    section = re.split(r"\n(?=\S)", section)[0]
    found = re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", section, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def pooled_files(texts: Collection[str], option: str) -> dict[str, list[Path]]:
    """`NAME=FILE` texts as a dict of all files of each name.

    Raises:
        InputError: a text is not of this form.
    """
    files: dict[str, list[Path]] = {}
    for text in texts:
        name, separator, path = text.partition("=")
        if not (name and separator and path):
            form = "MARK=FILE, such as H3K4me3=h3k4me3.bw" if option in _OF_MARKS else "NAME=FILE"
            raise InputError(f"{option}: {text!r} is not of the form {form}")
        files.setdefault(name, []).append(Path(path))
    return files


def named_files(texts: Collection[str], option: str) -> dict[str, Path]:
    """`NAME=FILE` texts as a dict.

    Raises:
        InputError: a text is not of this form, or a name stands there twice.
    """
    pooled = pooled_files(texts, option)
    for name, files in pooled.items():
        if len(files) > 1:
            raise InputError(f"{option}: {name} is given twice, {files[0]} and {files[1]}; give one file for each")
    return {name: file for name, (file,) in pooled.items()}


def spread(arguments: Sequence[str], flags: Collection[str]) -> list[str]:
    """Arguments of a command, in which each further NAME=VALUE after an option has the option before it.

    >>> spread(["--groups", "a=x", "b=y", "-o", "c=z", "d.tsv"], {"--groups"})
    ['--groups', 'a=x', '--groups', 'b=y', '-o', 'c=z', 'd.tsv']

    Args:
        arguments: what a user types after the command's name.
        flags: options that take several values of this form.
    """
    found: list[str] = []
    flag, is_value = "", False
    for number, argument in enumerate(arguments):
        if argument == "--":
            return [*found, *arguments[number:]]
        if is_value:
            is_value = False
        elif argument.startswith("-"):
            name, joined, _ = argument.partition("=")
            flag = name if name in flags else ""
            is_value = bool(flag) and not joined
        elif flag and "=" in argument:
            found.append(flag)
        else:
            flag = ""
        found.append(argument)
    return found


def _help(text: str, names: Mapping[str, tuple[str, ...]]) -> str:
    """A help text: a parameter in backticks becomes its option, other backticks go, and a sentence is one.

    >>> _help("with `hold_out`, the ``best``", {"hold_out": ("--hold-out",)})
    'With --hold-out, the best.'
    """
    text = re.sub(r"`+(.*?)`+", lambda match: names.get(match[1], (match[1],))[0], text)
    return text[:1].upper() + text[1:].removesuffix(".") + "."


def _option(
    name: str, of: Parameter, text: str, flags: tuple[str, ...], metavar: str | None, title: str
) -> inspect.Parameter:
    """The option for a parameter; a default is shown where it is a value of its own."""
    kind: Any = of.kind
    if metavar is None and kind is not bool:
        numbers = "BP" if name.endswith("_bp") else "NUMBER"
        metavar = "NAME=FILE" if of.is_named else {Path: "FILE", str: "NAME"}.get(kind, numbers)
    # Texts that may be a name instead of a file are no paths.
    kind = str if metavar and kind is Path and ("|" in metavar or metavar == "ENTRY") else kind
    # One file alone is a list too, so that a second one is refused and not preferred in silence.
    is_list, default = (of.is_repeated and "," not in (metavar or "")) or kind is Path, of.default
    if of.is_repeated:
        default = _REQUIRED if default is _REQUIRED else None
        text += " May be repeated." if is_list and not re.search("several", text, re.IGNORECASE) else ""
    if kind is bool:
        flags = (f"{flags[0]}/--no-{flags[0][2:]}",) if default else flags
    annotation = list[kind] if is_list else kind
    info = typer.Option(
        *flags,
        metavar=metavar,
        help=text,
        show_default=default is not False and default not in (None, _REQUIRED, ""),
        rich_help_panel=title or None,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[annotation | None if default is None else annotation, info],
    )


def _role(of: Parameter, metavar: str) -> FileRole | None:
    """The role of a parameter's files, of which nothing is said."""
    if metavar == "FOLDER":
        return FOLDER
    is_file = "FILE" in metavar or of.is_named or (of.kind is Path and metavar != "ENTRY")
    return INPUT if is_file else None


def _trailing(metavar: str) -> inspect.Parameter:
    info = typer.Argument(metavar=f"[{metavar} …]", hidden=True)
    annotation = Annotated[list[str] | None, info, INPUT]
    return inspect.Parameter("more", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _value(of: Parameter, given: Any, flag: str, metavar: str) -> Any:
    """A value as the function takes it, or None where the function's own default is meant.

    Raises:
        InputError: two values are given where one is expected, or files by name are not of that form.
    """
    if given is None or given == []:
        return None
    if of.is_named:
        one_file = len(given) == 1 and "=" not in given[0] and re.match(r"File \|", of.annotation)
        if one_file:
            return Path(given[0])
        # Files of reads are pooled, those of one name too.
        return (pooled_files if re.search(r"\bReads\b", of.annotation) else named_files)(given, flag)
    if not of.is_repeated and isinstance(given, list):
        if len(given) > 1:
            raise InputError(f"{flag}: {', '.join(map(str, given))} given, expected one file")
        return given[0]
    if isinstance(given, str) and given.isdecimal() and re.search(r"\bint\b", of.annotation):
        return int(given)
    if of.is_repeated and "," in metavar:
        return [part.strip() for part in given.split(",") if part.strip()]
    return given
