"""What an entry's ``model.yaml`` says in its ``zoo`` block, checked when it is read.

Kipoi ignores keys that it does not know, so the block lives in Kipoi's own file and an entry has one description.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Family = Literal["peak_caller", "chromatin_states"]

SHA256 = r"^[0-9a-f]{64}$"
LOCUS = r"^[^\s:]+:[0-9]+-[0-9]+$"

DENOISED = "denoised_coverage"
"""Name of the output of peak callers that denoise."""


class Strict(BaseModel):
    """A record without unknown keys: a misspelt key is an error, not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Window(Strict):
    """One Kipoi row: ``window_bins`` bins of output, computed with ``flank_bins`` more on both sides."""

    window_bins: int = Field(gt=0)
    flank_bins: int = Field(ge=0)
    bin_bp: int = Field(gt=0)

    @property
    def input_bins(self) -> int:
        """Bins that the model sees of one window."""
        return self.window_bins + 2 * self.flank_bins


class DataSource(Strict):
    """One data set that training saw, with its licence."""

    name: str
    source: str
    license: str


class TrainedOn(Strict):
    """What training saw and what was held out from it; empty lists say that nothing was.

    ``loci``, as ``chr2:1000-2000`` from 0, are those whose labels were trained on, where the recipe knows them.
    """

    data: list[DataSource] = Field(min_length=1)
    assembly: str
    cell_types: list[str]
    chromosomes: list[str]
    held_out_chromosomes: list[str]
    held_out_cell_types: list[str]
    loci: list[Annotated[str, Field(pattern=LOCUS)]] = []


class Ancestor(Strict):
    """An entry that another one was fine-tuned from, and the hash of the weights that it started with."""

    name: str
    version: str
    sha256: str = Field(pattern=SHA256)


class Metric(Strict):
    """One measurement on held-out data, with what other tools reach on the same."""

    name: str
    value: float | int | str
    on: str
    compared_with: dict[str, float | int | str] = {}


class HeadlineMetric(Strict):
    """One of an entry's metrics, shown at the top of its card.

    Attributes:
        metric: the metric's name.
        on: what the metric's ``on`` begins with; several metrics may share a name.
        title: what to call the figure.
        better: whether lower or higher values are better.
    """

    metric: str
    on: str = ""
    title: str
    better: Literal["lower", "higher"]


class CardText(Strict):
    """What a card says that follows from nothing else; a section without words is left out.

    Attributes:
        intended_use: what the model is for, one sentence each.
        out_of_scope: what it should not be used for, one sentence each.
        caption: of the picture ``card.png`` beside ``model.yaml``.
        headline: the figures at the top, at most eight with those of `epizoo evaluate`.
    """

    intended_use: list[str] = []
    out_of_scope: list[str] = []
    caption: str = ""
    headline: list[HeadlineMetric] = Field(default=[], max_length=8)


class About(Strict):
    """The prose of a card, and the terms of the weights.

    Attributes:
        doc: what the model is and does, one paragraph.
        license: SPDX name of the weights' licence, as Hugging Face and Kipoi show it.
        weights_license: what the licence of the training data means for the weights.
        limits: what the model does not know or do, one sentence each.
        authors: names.
        tags: words to be found by.
        datasets: Hugging Face or plain names of the training data.
        base_model: name of the entry that this one was fine-tuned from, if any.
        cite_as: what to cite, if anything.
        card: intended use, picture and headline figures of the card.
    """

    doc: str
    license: str
    weights_license: str
    limits: list[str] = Field(min_length=1)
    authors: list[str] = Field(min_length=1)
    tags: list[str] = []
    datasets: list[str] = []
    base_model: str | None = None
    cite_as: str | None = None
    card: CardText = CardText()


class ZooBlock(Strict):
    """The ``zoo`` block of a ``model.yaml``: everything that epizoo needs to know about an entry.

    Attributes:
        name: the entry's name in the zoo, ``family/tag``.
        family: which kind of model it is.
        version: raised at least by a minor step whenever the weights change.
        config: keyword arguments of the model (``model``), of its input transform (``transform``), of the calling of
            peaks (``calling``), and names and colours of states (``states``), as the family needs them.
        window: what one row is.
        weights: file of the weights, beside ``model.yaml``.
        sha256: hash of the weights' file, checked whenever they are read.
        golden: file of one input and everything that the model makes of it.
        golden_sha256: hash of that file.
        expect_sha256: hash of the predictions that ``kipoi test`` expects.
        base_model: name of the entry that this one was fine-tuned from.
        lineage: that entry with its version and hash, after those that it was itself fine-tuned from.
        trained_on: what training saw, and what it did not.
        training: how it was trained: ``procedure``, ``command``, ``seed`` and whatever the recipe noted.
        metrics: how good it is on what was held out; none only where a user's own model was not measured.
        backends: what can compute it.
        onnx: file of the model for ONNX Runtime, where the entry has one.
        onnx_sha256: hash of that file.
        weights_license: what the licence of the training data means for the weights.
        limits: what the model does not know or do.
        datasets: names of the training data, for the card's front matter.
        card: intended use, picture and headline figures of the card.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+/[A-Za-z0-9._-]+$")
    family: Family
    version: str
    config: dict[str, Any]
    window: Window
    weights: str
    sha256: str = Field(pattern=SHA256)
    golden: str
    golden_sha256: str = Field(pattern=SHA256)
    expect_sha256: str = Field(pattern=SHA256)
    base_model: str | None = None
    lineage: list[Ancestor] = []
    trained_on: TrainedOn
    training: dict[str, Any] = {}
    metrics: list[Metric] = []
    backends: list[Literal["jax", "onnx", "torch"]] = ["jax"]
    onnx: str | None = None
    onnx_sha256: str | None = Field(default=None, pattern=SHA256)
    weights_license: str
    limits: list[str] = Field(min_length=1)
    datasets: list[str] = []
    card: CardText = CardText()

    @model_validator(mode="after")
    def _config_names_the_model(self) -> "ZooBlock":
        if not isinstance(self.config.get("model"), dict):
            raise ValueError("config.model is missing; it holds the keyword arguments of the model's config")
        return self
