"""Plain values, as YAML and JSON hold them, checked against types: the one place where configurations are validated.

Values are checked strictly: ``true`` is no number and ``"5"`` is no 5. Lists become tuples where a type says so.
"""

import dataclasses
import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from epizoo.errors import EpizooError, InputError

Kind = TypeVar("Kind")
_adapter: Callable[[Any], TypeAdapter[Any]] = functools.lru_cache(TypeAdapter)
Size = Annotated[int, Field(le=1_000_000)]
"""A number of bins, bp, filters or states that a model can have."""

_DEEPEST, _SHOWN_KEYS, _MOST_VALUES, _LARGEST_NUMBER = 50, 5, 100_000, 2**63


class Config:
    """Base of frozen dataclasses that files hold: from plain values and back.

    Types, unknown keys and constraints in annotations are checked by `from_dict`, and what ``__post_init__`` checks by
    the constructor too.

    Attributes:
        title: what errors call the settings.
    """

    title: ClassVar[str]
    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The config with these values, as `to_dict` gives them; absent ones keep their default.

        Raises:
            InputError: a key is unknown or missing, or a value is of another type or out of range.
        """
        return parse(cls, dict(values), cls.title, InputError)

    def to_dict(self) -> dict[str, Any]:
        """Plain values by field name, for YAML and JSON."""
        plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(self)))  # type: ignore[call-overload]
        return plain


def parse(kind: type[Kind], value: Any, where: str, error: type[EpizooError]) -> Kind:
    """``value`` as ``kind``: a dataclass, a pydantic model, or any other type that pydantic knows.

    Args:
        kind: the type.
        value: a plain value.
        where: what the error names first, such as a file and a key.
        error: what is raised.
    """
    try:
        # JSON has what YAML has: in strict mode its arrays may be tuples, and its objects dataclasses.
        found: Kind = _adapter(kind).validate_json(json.dumps(value), strict=True)
    except ValidationError as invalid:
        raise error(_first_problem(invalid, where)) from invalid
    return found


def stated(**values: Any) -> dict[str, Any]:
    """The values that are stated, without those that are None.

    >>> stated(width_bp=200, strand=None)
    {'width_bp': 200}
    """
    return {name: value for name, value in values.items() if value is not None}


def require_one(**sources: object) -> None:
    """Check that one of several sources is given, and no other.

    >>> require_one(marks={"H3K4me3": "a.bw"}, table=None)

    Raises:
        InputError: none or several are.
    """
    given = [name for name, source in sources.items() if source]
    if len(given) != 1:
        raise InputError(f"{', '.join(sources)}: {' and '.join(given) or 'none'} given, expected one of them")


def read_yaml(path: str | os.PathLike[str], error: type[EpizooError]) -> Any:
    """The plain values of a YAML file: text, finite numbers, booleans, nulls, lists, and mappings by text.

    Raises:
        EpizooError: of the type ``error``; the file is not YAML, is nested more than 50 deep or holds another value.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = Path(path).read_text(encoding="utf-8")
        depth = 0
        for event in yaml.parse(text, Loader=loader):
            # Deeper than some thousands of levels, libyaml overflows the stack and ends the process.
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise error(f"{path}: nested more than {_DEEPEST} deep, which no such file is; restore the file")
        content = yaml.load(text, Loader=loader)
    except (yaml.YAMLError, ValueError) as invalid:
        if isinstance(invalid, EpizooError):
            raise
        raise error(f"{path}: not a YAML file ({' '.join(str(invalid).split())}); restore the file") from invalid
    # Aliases can make a short text into a cycle, or into more values than fit in memory.
    for number, (keys, problem) in enumerate(_leaves(content, ())):
        if problem or number >= _MOST_VALUES:
            problem = problem or "more values than such a file holds"
            raise error(f"{path}: {'.'.join(keys) or 'the file'}: {problem}; restore the file")
    return content


def _leaves(value: Any, keys: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """The keys of every value, and what is wrong with it."""
    if len(keys) > _DEEPEST:
        yield keys[:_SHOWN_KEYS], "contains itself"
    elif isinstance(value, dict):
        for name, part in value.items():
            yield keys, "" if isinstance(name, str) else f"{name!r} found as a key, expected text"
            yield from _leaves(part, (*keys, str(name)))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _leaves(part, (*keys, str(number)))
    elif isinstance(value, int | float) and not abs(value) < _LARGEST_NUMBER:
        yield keys, f"{str(value)[:20]} found, expected a finite number below 2**63"
    elif not isinstance(value, str | int | float | None):
        yield keys, f"a {type(value).__name__} found, expected text or a number"
    else:
        yield keys, ""


def _first_problem(error: ValidationError, where: str) -> str:
    """The first problem that pydantic found, as ``where.key: what is wrong``, and how many more there are."""
    problem = error.errors()[0]
    *_, last = location = [where, *map(str, problem["loc"])]
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{_joined(location[:-1])}: unknown key {last!r}; correct or remove it{more}"
    if problem["type"] == "value_error":
        return f"{_joined(location)}: {problem['ctx']['error']}{more}"
    found = "" if problem["type"] == "missing" else f", found {str(problem['input'])[:40]!r}"
    return f"{_joined(location)}: {problem['msg'].lower()}{found}{more}"


def _joined(location: list[str]) -> str:
    """Keys after the file or the settings that they stand in.

    >>> _joined(["model.yaml: zoo", "window", "bin_bp"]), _joined(["peak caller", "bin_bp"])
    ('model.yaml: zoo.window.bin_bp', 'peak caller: bin_bp')
    """
    where, *keys = location
    if not keys:
        return where
    return f"{where}{'.' if ': ' in where and not where.endswith(' ') else ': '}{'.'.join(keys)}"
