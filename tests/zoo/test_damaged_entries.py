"""Whatever a ``model.yaml`` holds, reading it and using what it says ends in one sentence or in an answer."""

import copy
import itertools
import random

import pytest
import yaml

import epizoo
from epizoo.errors import EntryError, EpizooError
from epizoo.zoo import ZOO_FOLDER, ChromatinStateEntry, PeakCallerEntry, PeakScorerEntry
from epizoo.zoo.card import render_card

NAMES = epizoo.list_entries()
# Some are fit for some keys, and none of them is fit for all.
VALUES = [
    *(None, True, False, 0, -1, 7, 2**31, 10**30, 0.5, -0.0, 1e300, float("nan"), float("inf")),
    *("", "x", "x" * 70_000, "../../../etc/passwd", "a\x00b", "0,0,0", "256,0,0", "'", "<script>"),
    *([], [[]], ["x"], [1, "x"], {}, {"a": 1}, {"a": {"b": []}}),
]
PER_ENTRY = 40


@pytest.fixture(scope="module")
def originals():
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return {name: yaml.load((ZOO_FOLDER / name / "model.yaml").read_text(encoding="utf-8"), loader) for name in NAMES}


def places(value, keys=()):
    """The keys of every value in a document."""
    if keys:
        yield keys
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*keys, key))


def mutated(content, rng):
    """A document with one value replaced, removed, doubled or moved, and where that is."""
    changed = copy.deepcopy(content)
    keys = rng.choice([place for place in places(content) if rng.random() < 0.7 or "calibration" not in place])
    *path, last = keys
    parent = changed
    for key in path:
        parent = parent[key]
    kind = rng.choice(["replace"] * 6 + ["remove", "rename", "wrap"])
    if kind == "replace":
        parent[last] = rng.choice(VALUES)
    elif kind == "wrap":
        parent[last] = [parent[last]]
    elif kind == "rename" and isinstance(parent, dict):
        parent[f"{last}x"] = parent.pop(last)
    else:
        del parent[last]
    return changed, keys


def use(entry):
    """Everything that reads the description alone."""
    assert len(repr(entry).splitlines()) == 1
    assert "<script>" not in entry._repr_html_()
    render_card(entry)
    entry.check_files()
    assert entry.window.input_bins > 0
    if isinstance(entry, PeakCallerEntry):
        assert entry.config.calling.to_dict() is not None
        assert entry.config.transform.to_dict() is not None
    elif isinstance(entry, PeakScorerEntry):
        assert entry.config.candidates.to_dict() is not None
    else:
        assert len(entry.states) == entry.config.model.n_states
        assert all(max(state.style.color) < 256 for state in entry.config.states)


@pytest.mark.parametrize("name", NAMES)
def test_a_damaged_description_is_told_in_one_sentence(originals, name, tmp_path):
    rng, refused = random.Random(name), 0
    folder = tmp_path / "entry"
    folder.mkdir()
    for file in (ZOO_FOLDER / name).iterdir():
        if file.is_file() and file.name != "model.yaml":
            (folder / file.name).symlink_to(file)
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    for _ in range(PER_ENTRY):
        content, keys = mutated(originals[name], rng)
        (folder / "model.yaml").write_text(yaml.dump(content, Dumper=dumper), encoding="utf-8")
        told = outcome(folder, keys)
        refused += told is not None
        assert told is None or (len(told.splitlines()) == 1 and str(folder) in told), (keys, told)
    assert refused > PER_ENTRY / 3


def outcome(folder, keys):
    """What an entry is refused with, if it is."""
    try:
        use(epizoo.load(folder))
    except EpizooError as error:
        return str(error)
    except Exception as error:
        raise AssertionError(f"{keys}: {error!r}") from error
    return None


def change(keys, value):
    def apply(content):
        *path, last = keys
        for key in path:
            content = content[key]
        content[last] = value

    return apply


CALIBRATION = ("zoo", "config", "calling", "calibration")


@pytest.mark.parametrize(
    ("name", "keys", "value"),
    [
        ("chromatin_states/encode-10", ("zoo", "config", "states", 9, "description"), False),
        ("chromatin_states/encode-10", ("zoo", "config", "model", "marks", 6), 2**31),
        ("chromatin_states/encode-10", ("zoo", "config", "model", "n_states"), 11),
        ("peak_caller/h3k4me3", (*CALIBRATION, 15), 0.3368999367774488),
        ("peak_caller/h3k4me3", (*CALIBRATION, 6, 1), "x"),
        ("peak_caller/h3k4me3", (*CALIBRATION, 3), True),
        ("peak_caller/h3k4me3", ("zoo", "config", "transform", "scale_factor"), {"a": 1}),
        ("peak_caller/h3k4me3", ("zoo", "config", "model", "n_filters"), 10**9),
        ("peak_caller/h3k4me3", ("zoo", "config", "model", "bin_bp"), 51),
        ("peak_caller/h3k4me3", ("zoo", "window", "window_bins"), True),
        ("peak_caller/h3k4me3", ("zoo", "weights"), "../weights.safetensors"),
        ("peak_caller/h3k4me3", ("info", "authors"), "me"),
        ("peak_caller/h3k4me3", ("schema", "inputs", "coverage"), None),
    ],
)
def test_the_key_and_the_file_are_named(originals, name, keys, value, tmp_path):
    content = copy.deepcopy(originals[name])
    change(keys, value)(content)
    (tmp_path / "model.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    # What does not fit something else is told where the two are compared.
    shown = {"n_states": "zoo.config: states", "bin_bp": "zoo.window.bin_bp"}.get(keys[-1], ".".join(map(str, keys)))
    with pytest.raises(EntryError) as error:
        epizoo.load(tmp_path)
    assert str(error.value).startswith(f"{tmp_path / 'model.yaml'}: {shown}"), str(error.value)


DEEP = 100_000
BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in itertools.pairwise("abcdefghi")
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("zoo: " + "[" * DEEP + "]" * DEEP, "nested more than 50 deep"),
        ("zoo: " + "{a: " * DEEP + "}" * DEEP, "nested more than 50 deep"),
        ("- " * DEEP + "x", "nested more than 50 deep"),
        ("zoo: &a [*a]", "contains itself"),
        ("zoo: .nan", "zoo: nan found, expected a finite number"),
        ("zoo: 1" + "0" * 400, "zoo: 10+ found, expected a finite number below"),
        ("zoo: 1" + "0" * 9000, "not a YAML file"),
        ("zoo: 2012-01-01", "zoo: a date found"),
        ("zoo: {1: 2}", "zoo: 1 found as a key, expected text"),
        ("zoo: {[1]: 2}", "not a YAML file"),
        ("zoo: [", "not a YAML file"),
        (BOMB, "more values than such a file holds"),
        ("", "the zoo block is missing"),
        ("zoo: 5", "the zoo block is missing"),
    ],
    ids=range(14),
)
def test_a_file_that_is_no_description_is_refused(tmp_path, text, message):
    (tmp_path / "model.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(EntryError, match=message) as error:
        epizoo.load(tmp_path)
    assert len(str(error.value)) < 500


@pytest.mark.parametrize("entry", [None, 5, "", "a\0b", b"x", ["peak_caller/tf"]])
def test_what_is_no_name_is_refused(entry):
    with pytest.raises(EntryError, match="not an entry; give its name"):
        epizoo.load(entry)


def test_the_whole_description_survives():
    for name in NAMES:
        entry = epizoo.load(name)
        config = entry.zoo.config
        assert isinstance(entry, (PeakCallerEntry, PeakScorerEntry, ChromatinStateEntry)), name
        if isinstance(entry, PeakCallerEntry):
            for part, settings in (("transform", entry.config.transform), ("calling", entry.config.calling)):
                assert config[part].items() <= settings.to_dict().items()
            assert config["model"].items() <= entry.config.model.to_dict().items()
        elif isinstance(entry, PeakScorerEntry):
            assert config["candidates"] == entry.config.candidates.to_dict()
            assert config["model"] == entry.config.model.to_dict()
        else:
            assert config["model"].items() <= entry.config.model.to_dict().items()
            assert [state.model_dump(exclude_unset=True) for state in entry.config.states] == config["states"]
