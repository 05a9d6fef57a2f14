import multiprocessing
import pickle
import struct
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pyBigWig
import pytest

from epizoo.errors import InputError
from epizoo.genome import signal
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.genome.signal import BigWig


def brute_force(values, start_bin, end_bin, bin_bp):
    """Bin by bin and bp by bp, in plain Python."""
    means = []
    for index in range(start_bin, end_bin):
        inside = [bp for bp in range(index * bin_bp, (index + 1) * bin_bp) if 0 <= bp < len(values)]
        total = sum(0.0 if np.isnan(values[bp]) else float(values[bp]) for bp in inside)
        means.append(total / len(inside) if inside else 0.0)
    return means


@pytest.mark.parametrize("bin_bp", [1, 7, 10, 200])
@pytest.mark.parametrize(
    ("chrom", "start_bp", "end_bp"),
    [
        ("chr1", 0, 2345),
        ("chr1", -400, 400),
        ("chr1", 900, 1600),
        ("chr1", 1100, 1300),
        ("chr1", 2000, 3000),
        ("chr1", -600, -200),
        ("chr1", 3000, 3400),
        ("chr2", -200, 1000),
        ("chr3", -200, 1000),
    ],
)
def test_bins_are_means_with_absent_as_zero_at_both_edges(make_bigwig, sparse_values, chrom, start_bp, end_bp, bin_bp):
    start_bin, end_bin = start_bp // bin_bp, -(-end_bp // bin_bp)
    with BigWig(make_bigwig(sparse_values)) as bigwig:
        found = bigwig.binned(chrom, start_bin, end_bin, bin_bp)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, brute_force(sparse_values[chrom], start_bin, end_bin, bin_bp), rtol=1e-6)


@pytest.mark.parametrize("chunk_bp", [64, 300, 5000])
def test_chunks_join_without_a_seam(make_bigwig, sparse_values, monkeypatch, chunk_bp):
    monkeypatch.setattr(signal, "_CHUNK_BP", chunk_bp)
    bigwig = BigWig(make_bigwig(sparse_values))
    expected = brute_force(sparse_values["chr1"], 0, 235, 10)
    np.testing.assert_allclose(bigwig.binned("chr1", 0, 235, 10), expected, rtol=1e-6)


def bad_files(folder):
    (folder / "empty.bw").touch()
    (folder / "text.bw").write_text("track type=bedGraph\nchr1 0 10 1\n")
    (folder / "reads.bw").write_bytes(b"\x1f\x8b\x08\x04" + bytes(100))
    (folder / "bigbed.bw").write_bytes(b"\xeb\xf2\x89\x87" + bytes(100))
    with pyBigWig.open(str(folder / "no_values.bw"), "w") as file:
        file.addHeader([("chr1", 1000)])
    with pyBigWig.open(str(folder / "whole.bw"), "w") as file:
        file.addHeader([("chr1", 1000)])
        file.addEntries(["chr1"], [10], ends=[20], values=[3.0])
    (folder / "cut.bw").write_bytes((folder / "whole.bw").read_bytes()[:200])


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("missing.bw", "no such file"),
        ("empty.bw", "the file is empty"),
        ("text.bw", "not a bigWig"),
        ("bigbed.bw", "bigBed"),
        ("reads.bw", "--reads"),
        ("no_values.bw", "no value"),
        ("cut.bw", "damaged"),
        ("", "is a folder"),
    ],
)
def test_a_file_that_is_no_signal_is_refused(tmp_path, name, sentence):
    bad_files(tmp_path)
    with pytest.raises(InputError, match=sentence) as caught:
        BigWig(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("bin_bp", [1, 10, 64])
@pytest.mark.parametrize("whole", [True, False])
def test_bins_of_many_loci_are_those_of_each(make_bigwig, sparse_values, bin_bp, whole):
    values = sparse_values | {"dot": np.array([7.0]), "end": np.linspace(0.1, 3, 641)}
    bigwig = BigWig(make_bigwig(values))
    # As read with the flanks of a network; others reach into the chromosome alone.
    ends = {chrom: -(-len(of) // bin_bp) for chrom, of in values.items()}
    loci = [(chrom, -(i % 3), ends[chrom] + i if whole or i % 2 else 1) for i, chrom in enumerate(reversed(ends))]
    found = bigwig.binned_loci(loci, bin_bp)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.concatenate([bigwig.binned(*locus, bin_bp) for locus in loci]))
    expected = [brute_force(values[chrom], start, end, bin_bp) for chrom, start, end in loci]
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-6)


def test_records_beyond_the_end_of_a_chromosome_are_left_out_among_many_loci(make_bigwig):
    path = make_bigwig({"a": np.ones(300), "b": np.full(100, 2.0)})
    content = path.read_bytes()
    # The list of chromosomes says that the first one is shorter.
    place = content.index(struct.pack("<II", 0, 300), struct.unpack_from("<Q", content, 8)[0])
    path.write_bytes(content[:place] + struct.pack("<II", 0, 105) + content[place + 8 :])
    bigwig = BigWig(path)
    loci = [("a", 0, 11), ("b", 0, 10)]
    assert bigwig.binned_loci(loci, 10).tolist() == [1.0] * 11 + [2.0] * 10
    assert np.concatenate([bigwig.binned(*locus, 10) for locus in loci]).tolist() == [1.0] * 11 + [2.0] * 10


def test_an_infinite_value_among_many_loci_has_its_place(make_bigwig):
    values = {"chr1": np.ones(100), "chr2": np.ones(100)}
    values["chr2"][57] = np.inf
    with pytest.raises(InputError, match=r"infinite value .*chr2:50\b"):
        BigWig(make_bigwig(values)).binned_loci([("chr1", 0, 10), ("chr2", 0, 10)], 10)
    with pytest.raises(InputError, match=r"chrX.*chr1, chr2"):
        BigWig(make_bigwig(values)).binned_loci([("chr1", 0, 10), ("chrX", 0, 10)], 10)


def test_an_unknown_chromosome_is_refused(make_bigwig, sparse_values):
    with pytest.raises(InputError, match=r"chrX.*chr1, chr2, chr3"):
        BigWig(make_bigwig(sparse_values)).binned("chrX", 0, 5, 10)


def test_infinite_values_are_refused_with_their_place(make_bigwig):
    values = np.ones(100)
    values[57] = np.inf
    with pytest.raises(InputError, match=r"infinite value .*chr1:50\b"):
        BigWig(make_bigwig({"chr1": values})).binned("chr1", 0, 10, 10)


# Python warns of any fork in a process with threads, and other tests may have started some.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning", "ignore:os.fork:RuntimeWarning")
def test_forked_workers_read_side_by_side(make_bigwig, sparse_values):
    bigwig = BigWig(make_bigwig(sparse_values))
    expected = bigwig.binned("chr1", 0, 235, 10)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    def work():
        answers.put(bigwig.binned("chr1", 0, 235, 10).tolist())

    workers = [context.Process(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for _ in workers:
        assert answers.get(timeout=60) == expected.tolist()
    for worker in workers:
        worker.join(timeout=60)
    np.testing.assert_array_equal(bigwig.binned("chr1", 0, 235, 10), expected)


def test_a_spawned_worker_opens_the_file_anew(make_bigwig, sparse_values):
    bigwig = BigWig(make_bigwig(sparse_values))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(bigwig.binned, "chr1", 0, 235, 10).result(timeout=60)
    np.testing.assert_array_equal(found, bigwig.binned("chr1", 0, 235, 10))


def test_a_pickle_holds_the_path_and_reads_the_same(make_bigwig, sparse_values):
    bigwig = BigWig(make_bigwig(sparse_values))
    copy = pickle.loads(pickle.dumps(bigwig))
    assert copy._open is None
    np.testing.assert_array_equal(copy.binned("chr1", 0, 235, 10), bigwig.binned("chr1", 0, 235, 10))


def test_a_closed_file_opens_again(make_bigwig, sparse_values):
    bigwig = BigWig(make_bigwig(sparse_values))
    before = bigwig.binned("chr2", 0, 77, 10)
    bigwig.close()
    np.testing.assert_array_equal(bigwig.binned("chr2", 0, 77, 10), before)


def long_bigwig(make_bigwig):
    values = np.random.default_rng(0).integers(0, 99, 200_000).astype(float)
    return make_bigwig({"chr1": values})


def test_a_damaged_block_of_data_is_told(make_bigwig):
    path = long_bigwig(make_bigwig)
    content = bytearray(path.read_bytes())
    data, index = struct.unpack_from("<QQ", content, 16)
    middle = (data + index) // 2
    content[middle : middle + 4000] = b"\xff" * 4000
    path.write_bytes(content)
    bigwig = BigWig(path)
    message = r"signal\.bw: .*damaged"
    with pytest.raises(InputError, match=message):
        bigwig.values("chr1", 0, 200_000)
    with pytest.raises(InputError, match=message):
        bigwig.binned("chr1", 0, 1000, 200)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.97])
def test_a_bigwig_that_was_cut_short_is_told_when_it_is_opened_or_sampled(make_bigwig, share):
    path = long_bigwig(make_bigwig)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"signal\.bw: .*damaged"):
        CoverageTransform().fit(BigWig(path))


def test_zoom_levels_that_cannot_be_read_are_told(make_bigwig):
    path = long_bigwig(make_bigwig)
    content = bytearray(path.read_bytes())
    for level in range(struct.unpack_from("<H", content, 6)[0]):
        zoom_index = struct.unpack_from("<Q", content, 64 + 24 * level + 16)[0]
        content[zoom_index : zoom_index + 4] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"signal\.bw: .*damaged"):
        BigWig(path).covered_blocks(100_000)


def test_an_infinite_value_is_placed_on_the_chromosome_and_not_in_what_was_read(make_bigwig):
    values = np.ones(1_000)
    values[620] = np.inf
    bigwig = BigWig(make_bigwig({"chr1": values}))
    with pytest.raises(InputError, match=r"chr1:600\b"):
        bigwig.binned("chr1", 10, 20, 50)
