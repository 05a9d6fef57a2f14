"""Outputs are checked before work begins, and written whole or not at all."""

import pytest

from epizoo.errors import InputError
from epizoo.files import atomic_path, check_outputs


def test_an_output_is_never_an_input_under_whatever_name(tmp_path):
    source = tmp_path / "regions.bed"
    source.write_text("kept")
    (tmp_path / "link.bed").symlink_to(source)
    (tmp_path / "folder").mkdir()
    inside = tmp_path / "folder" / "marks.txt"
    inside.write_text("kept")
    for output, inputs in (
        (source, [source]),
        (tmp_path / "link.bed", [source]),
        (tmp_path / "folder" / ".." / "regions.bed", [source]),
        (inside, [tmp_path / "folder"]),
    ):
        with pytest.raises(InputError, match="would overwrite an input"):
            check_outputs([output], inputs)


def test_two_outputs_are_two_files(tmp_path):
    with pytest.raises(InputError, match="would overwrite another output"):
        check_outputs([tmp_path / "a.bed", tmp_path / "." / "a.bed"], [])
    check_outputs([tmp_path / "a.bed", tmp_path / "b.bed"], [tmp_path / "c.bed"])


def test_a_failed_write_keeps_what_was_there_and_leaves_nothing_else(tmp_path):
    target = tmp_path / "out.bed"
    target.write_text("before")

    def fail():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["out.bed"]
    assert target.read_text() == "before"
