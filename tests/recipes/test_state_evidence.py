"""Where states lie, counted on small truths and, for the shipped entries, on the real ones."""

import numpy as np
import pandas as pd
import pytest

import epizoo
from epizoo.errors import InputError
from epizoo.recipes import state_evidence
from epizoo.recipes.state_evidence import MEASURED_ON, decode_cell, measure_states, name_by_evidence, require_true
from epizoo.states.name_evidence import StateEvidence
from epizoo.states.state_names import base_name

ENTRIES = ("encode-10", "encode-15")


@pytest.fixture
def truth(tmp_path):
    (tmp_path / "truth/rampage_tss").mkdir(parents=True)
    (tmp_path / "truth/crispri_k562").mkdir()
    tss = [("chr1", 2100, "+", "active"), ("chr1", 30_000, "-", "active"), ("chr1", 4000, "+", "silent")]
    columns = ["chrom", "pos", "strand", "class_K562", "class_GM12878"]
    table = pd.DataFrame([(*row, row[3]) for row in tss], columns=columns)
    table.to_csv(tmp_path / state_evidence.TSS, sep="\t", index=False)
    elements = [("chr1", 2000, 2400, True), ("chr1", 3800, 4200, False), ("chr2", 0, 400, True)]
    table = pd.DataFrame(elements, columns=["chrom", "start", "end", "regulates"])
    table.to_csv(tmp_path / state_evidence.ELEMENTS, sep="\t", index=False)
    return tmp_path


def test_folds_are_shares_of_places_over_the_share_of_the_genome(truth):
    states = np.zeros(200, np.int8)
    states[10:12] = 1  # 2,000 to 2,400: a TSS in use and an element that regulates
    states[20] = 2  # 4,000 to 4,200: a silent TSS and half of the other element
    states[165:175] = 3  # 33,000 to 35,000: upstream of the TSS on the minus strand
    found = measure_states(truth, "K562", {"chr1": states, "chr8": np.full(50, 3, np.int8)})
    assert [one.genome for one in found] == pytest.approx([187 / 200, 2 / 200, 1 / 200, 10 / 200])
    assert found[1].active_tss == pytest.approx(1 / 2 / (2 / 200))
    assert found[2].silent_tss == pytest.approx(1 / (1 / 200))
    assert found[1].silent_tss == 0
    assert found[2].n_tested == 0.5
    assert found[1].tested == pytest.approx(1 / 2 / (2 / 200))
    assert found[1].regulating == pytest.approx(1 / (2 / 200))
    assert (found[1].regulate, found[1].regulate_anywhere) == (1.0, 0.5)
    # Two places, at 33 and 34 kb, of the 28 upstream of the second TSS; 7 of these lie beyond the chromosome, as do
    # 26 of those of the first TSS, which begins 2 kb from the chromosome's start.
    assert found[3].upstream == pytest.approx(2 / 7 / (10 / 200))
    assert found[3].body == pytest.approx(0.0)


def test_elements_speak_of_the_cell_type_they_were_tested_in(truth):
    found = measure_states(truth, "GM12878", {"chr1": np.zeros(200, np.int8)})
    assert np.isnan(found[0].tested)
    assert np.isnan(found[0].regulates)


def test_a_name_that_evidence_contradicts_is_refused():
    flank = StateEvidence(0.01, 6, 3, 18, 4, 4, 63, 111, 560, 0.22, 0.12)
    require_true(["EnhA"], [[flank]])
    with pytest.raises(InputError, match=r"state 2: TssFlnk is contradicted.*flanks.*another name"):
        require_true(["EnhA", "TssFlnk"], [[flank], [flank]])


def test_missing_truth_is_told(tmp_path):
    with pytest.raises(InputError, match=r"tss_hg19.*no such file"):
        measure_states(tmp_path, "K562", {"chr1": np.zeros(200, np.int8)})


@pytest.mark.data
@pytest.mark.parametrize("name", ENTRIES)
def test_the_shipped_names_and_figures_are_those_that_the_recipe_gives(data_dir, name):
    entry = epizoo.load(f"chromatin_states/{name}")
    named = name_by_evidence(entry.parameters(), entry.channels, data_dir)
    assert [state.name for state in entry.config.states] == [state.name for state in named]
    assert [state.enrichment for state in entry.config.states] == [state.enrichment for state in named]
    assert entry.config.measured_on == MEASURED_ON


@pytest.mark.data
@pytest.mark.parametrize("name", ENTRIES)
def test_names_say_where_regulating_elements_are_on_chromosomes_never_seen(data_dir, name):
    entry = epizoo.load(f"chromatin_states/{name}")
    states = decode_cell(entry.parameters(), data_dir, "K562")
    unseen = measure_states(data_dir, "K562", states, left_out=[one for one in states if one not in ("chr11", "chr19")])
    shares = {}
    for state, one in zip(entry.config.states, unseen, strict=True):
        counts = shares.setdefault(base_name(state.name), np.zeros(2))
        counts += np.array([one.n_tested, one.n_tested * np.nan_to_num(one.regulate)])
    percent = {name: 100 * regulating / tested for name, (tested, regulating) in shares.items() if tested >= 20}
    assert percent["EnhA"] > 1.5 * 100 * unseen[0].regulate_anywhere
    assert percent["EnhWk"] < 0.5 * 100 * unseen[0].regulate_anywhere
    assert percent["TssFlnk"] < percent["EnhA"]
