"""Commands whose options come in groups."""

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from epizoo.cli.option_groups import grouped


@dataclass(frozen=True)
class Rule:
    """Peak rule.

    More words.
    """

    width: Annotated[int, typer.Option("--min-width", help="Leave out narrower peaks.")]
    gaps: Annotated[list[int] | None, typer.Option("--gap")] = None


@dataclass(frozen=True)
class Output:
    """Output."""

    format: Annotated[str, typer.Option()] = "bed"


def application(seen: list) -> typer.Typer:
    app = typer.Typer(rich_markup_mode="markdown")

    @app.command()
    @grouped
    def call(entry: Annotated[str, typer.Argument()], rule: Rule, output: Output, loud: bool = False) -> None:
        """Call."""
        seen.append((entry, rule, output, loud))

    return app


def test_a_command_gets_its_groups_filled():
    seen: list = []
    result = CliRunner().invoke(application(seen), ["tf", "--min-width", "5", "--gap", "1", "--gap", "2", "--loud"])
    assert result.exit_code == 0, result.output
    assert seen == [("tf", Rule(5, [1, 2]), Output("bed"), True)]


def test_an_option_without_a_default_is_required_and_a_wrong_one_is_refused():
    assert CliRunner().invoke(application([]), ["tf"]).exit_code == 2
    assert CliRunner().invoke(application([]), ["tf", "--min-width", "wide"]).exit_code == 2


def test_each_group_is_a_panel_of_the_help():
    text = CliRunner().invoke(application([]), ["--help"], terminal_width=100).output
    assert "Peak rule" in text
    assert "More words" not in text
    assert text.index("Peak rule") < text.index("--min-width") < text.index("Output") < text.index("--format")
