"""Pictures of cards: what they are made of, and what they say they were made with."""

import shutil

import matplotlib as mpl
import pytest
from PIL import Image

import epizoo
from epizoo.errors import InputError
from epizoo.recipes.card_pictures import LABELLED, WEIGHTS_KEY, draw_card
from epizoo.zoo import list_entries
from epizoo.zoo.card import PICTURE_FILE


@pytest.mark.parametrize("name", ["chromatin_states/encode-10", "peak_caller/atac", "peak_caller/cutrun"])
def test_a_picture_is_drawn_again_from_what_ships(name, tmp_path, monkeypatch):
    # A user's settings of matplotlib are not the pictures'.
    monkeypatch.setitem(mpl.rcParams, "font.size", 17)
    shipped = epizoo.load(name)
    copy = tmp_path / name
    shutil.copytree(shipped.folder, copy, ignore=shutil.ignore_patterns(PICTURE_FILE))
    with Image.open(draw_card(epizoo.load(copy), None)) as drawn, Image.open(shipped.folder / PICTURE_FILE) as kept:
        assert drawn.text[WEIGHTS_KEY] == shipped.sha256
        assert drawn.size == kept.size
        colors = {color for _, color in drawn.convert("RGB").getcolors(1 << 16)}
    for state in getattr(shipped.config, "states", ()):
        assert state.style.color in colors, state.name


@pytest.mark.parametrize("name", sorted(LABELLED))
def test_labelled_loci_need_the_data(name):
    assert name in list_entries()
    with pytest.raises(InputError, match=rf"{name}.*--data"):
        draw_card(epizoo.load(name), None)
