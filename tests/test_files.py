"""Outputs are checked before work begins, and written whole or not at all."""

import os
import subprocess
import sys
import tempfile

import pytest

from epizoo.errors import InputError
from epizoo.files import atomic_path, check_outputs, inside, remove_leftovers, scratch_folder


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
        with pytest.raises(InputError, match="overwrite an input"):
            check_outputs([output], inputs)


def test_two_outputs_are_two_files(tmp_path):
    with pytest.raises(InputError, match="overwrite another output"):
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


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "real.bed").write_text("before")
    for name, real in (("link.bed", "far/real.bed"), ("new.bed", "far/none-yet.bed")):
        link = tmp_path / name
        link.symlink_to(tmp_path / real)
        with atomic_path(link) as temporary:
            temporary.write_text("after")
        assert link.is_symlink()
        assert (tmp_path / real).read_text() == "after"
    assert len(list((tmp_path / "far").iterdir())) == 2


def test_a_link_to_nowhere_pipes_and_devices_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "lost").symlink_to(tmp_path / "none" / "x.bed")
    for path, message in (
        (tmp_path / "pipe", r"pipe: .*pipe or .*device"),
        ("/dev/null", "/dev/null: .*pipe or .*device"),
        (tmp_path / "lost", r"lost: .*none\b.*does not exist"),
    ):
        with pytest.raises(InputError, match=message):
            check_outputs([path], [])


def test_errors_name_the_file_that_the_user_knows(tmp_path, monkeypatch):
    def no_space(temporary):
        raise OSError(28, "No space left on device", str(temporary))

    def write():
        with atomic_path(tmp_path / "x.bed") as temporary:
            no_space(temporary)

    with pytest.raises(OSError, match="No space left") as caught:
        write()
    assert caught.value.filename == str(tmp_path / "x.bed")

    def read_only(*_, **options):
        raise OSError(30, "Read-only file system", "/somewhere/.epizoo-123")

    monkeypatch.setattr(tempfile, "mkdtemp", read_only)
    with pytest.raises(InputError, match=r"x\.bed: .*Read-only file system"):
        write()


@pytest.mark.parametrize("name", ["../../evil_binary.txt", "/etc/x", "a/b", "..", "", "a\nb", "a\x1b[31m", "x" * 300])
def test_names_from_files_stay_inside_their_folder(tmp_path, name):
    with pytest.raises(InputError, match="cannot be a file's name"):
        inside(tmp_path, name)


def test_any_other_name_is_a_files_name(tmp_path):
    for name in ("HLA-A*01:01:01_binary.txt", "Zellé 1_5_segments.bed", ".hidden", "=1+1"):
        assert inside(tmp_path, name).parent == tmp_path


def in_another_process(code, folder):
    """A process that runs this with ``folder``, and prints a line when it has begun to write."""
    script = f"from epizoo.files import atomic_path, scratch_folder\nfolder = {str(folder)!r}\n{code}"
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "writing\n"
    return child


WRITING = """
with atomic_path(f"{folder}/out.bed") as path:
    path.write_text("half")
    print("writing", flush=True)
    input()
"""


def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path):
    child = in_another_process(WRITING, tmp_path)
    child.kill()
    child.communicate()
    assert [path.name.startswith(".epizoo-") for path in tmp_path.iterdir()] == [True]
    with scratch_folder(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_what_others_are_writing_is_left_alone(tmp_path):
    child = in_another_process(WRITING, tmp_path)
    with scratch_folder(tmp_path):
        pass
    child.communicate("go on\n")
    assert child.returncode == 0
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("out.bed", "half")]


def test_leftovers_are_removed_from_all_folders_but_those_where_others_are_writing(tmp_path):
    folders = [tmp_path / name for name in ("killed", "killed/inner", "busy")]
    for folder in folders:
        folder.mkdir()
    for folder in folders[:2]:
        killed = in_another_process(WRITING, folder)
        killed.kill()
        killed.communicate()
        assert list(folder.glob(".epizoo-*"))
    child = in_another_process(WRITING, folders[2])
    remove_leftovers(tmp_path)
    assert [path.parent for path in tmp_path.rglob(".epizoo-*")] == [folders[2]]
    child.communicate("go on\n")
    assert (folders[2] / "out.bed").read_text() == "half"
