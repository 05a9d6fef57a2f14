"""Groups of options that several commands take, each declared once as a dataclass.

    @dataclass(frozen=True)
    class PeakRule:
        \"\"\"Peak rule.\"\"\"

        min_width_bp: Annotated[int | None, option("BP", "Leave out narrower peaks.")] = None

    @app.command()
    @grouped
    def call_peaks(entry: Entry, rule: PeakRule) -> None: ...

The command has the option ``--min-width-bp`` in a panel of its help that is titled as the group, and gets a `PeakRule`.
"""

import copy
import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_type_hints

from typer.models import OptionInfo


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose parameters of a dataclass's type are options, one for each field.

    The first line of a dataclass's docstring, without its full stop, titles the panel of its options in the help.
    """
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, type[Any]] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        if dataclasses.is_dataclass(hints[name]):
            groups[name] = hints[name]
            parameters += _options(groups[name])
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def run(**given: Any) -> None:
        for name, group in groups.items():
            given[name] = group(**{field.name: given.pop(field.name) for field in dataclasses.fields(group)})
        command(**given)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _options(group: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    title = (inspect.getdoc(group) or group.__name__).split("\n")[0].rstrip(".")
    options = []
    for field in dataclasses.fields(group):
        kind, info, *others = get_args(hints[field.name])
        if isinstance(info, OptionInfo):
            info = copy.copy(info)
            info.rich_help_panel = title
        options.append(
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
                annotation=Annotated[(kind, info, *others)],
            )
        )
    return options
