"""`epizoo edit-states`."""

from typing import Any

from epizoo.cli.app import Entry, app, say
from epizoo.cli.option_groups import options_of


@app.command()
@options_of(
    "epizoo.jobs.edit_states.edit_states",
    {"": "order labels colors name output version"},
    metavars={"output": "FOLDER", "order": "STATE,STATE"},
)
def edit_states(entry: Entry, **given: Any) -> None:
    """Reorder, rename or recolour the states of an entry, and save it as a new entry.

    Segments follow: `epizoo annotate` with the new entry gives every bin the same state, under its new number, name and
    colour.
    """
    from epizoo.jobs.edit_states import edit_states as edit

    new = edit(entry, **given)
    shown = ", ".join(f"{number} {state.name}" for number, state in enumerate(new.config.states, start=1))
    say(f"Wrote {new.folder}: {shown}.")
