"""The ``zoo`` block of an entry's ``model.yaml``, checked when it is read.

Kipoi ignores keys that it does not know, so the block lives in Kipoi's own file and an entry has one description.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from epizoo.calling.peak_rule import PeakCallingConfig
from epizoo.calling.state_colors import StateStyle
from epizoo.genome.candidates import CandidateConfig
from epizoo.genome.coverage_transform import CoverageTransform
from epizoo.models.hmm.config import ChromatinStateConfig
from epizoo.models.peak_caller.config import PeakCallerConfig
from epizoo.models.peak_scorer.config import PeakScorerConfig
from epizoo.states.regulatory_activity import N_PARTS
from epizoo.validation import Size

Family = Literal["peak_caller", "peak_scorer", "chromatin_states"]
Backend = Literal["jax", "onnx", "torch"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[_A-Za-z0-9-][._A-Za-z0-9-]*$", max_length=200)]
"""A file in the entry's own folder."""

LOCUS = r"^[^\s:]+:[0-9]+-[0-9]+$"
_COLOR = r"^(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(,(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])){2}$"

DENOISED = "denoised_coverage"
"""Name of the output of peak callers that denoise."""


class Strict(BaseModel):
    """A record without unknown keys: a misspelt key is an error, not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Window(Strict):
    """One Kipoi row: ``window_bins`` bins of output, computed with ``flank_bins`` more on both sides."""

    window_bins: Size = Field(gt=0)
    flank_bins: Size = Field(ge=0)
    bin_bp: Size = Field(gt=0)

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
    """Data of the training, and data held out from it; empty lists say that nothing was.

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
    sha256: Sha256


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
    """Hand-written text of a card; a section without words is left out.

    Attributes:
        intended_use: what the model is for, one sentence each.
        out_of_scope: what it should not be used for, one sentence each.
        caption: of the picture ``card.png`` beside ``model.yaml``.
        p_values_caption: of the picture ``p_values.png`` beside it.
        headline: the figures at the top, at most eight with those of `epizoo evaluate`.
    """

    intended_use: list[str] = []
    out_of_scope: list[str] = []
    caption: str = ""
    p_values_caption: str = ""
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


class PeakCallerSettings(Strict):
    """The ``config`` of a peak caller: its network, what it sees of a file, and how its probabilities become peaks."""

    model: PeakCallerConfig
    transform: CoverageTransform = CoverageTransform()
    calling: PeakCallingConfig = PeakCallingConfig()


class PeakScorerSettings(Strict):
    """The ``config`` of a peak scorer: its network, the candidates that it scores, and the score of a peak."""

    model: PeakScorerConfig
    candidates: CandidateConfig = CandidateConfig()
    least_score: float = Field(default=0.5, ge=0, le=1)


class State(Strict):
    """A chromatin state.

    Attributes:
        name: unique in its model.
        description: of the state.
        color: as ``red,green,blue``.
        confidence: of the name, where a rule gave it; see `epizoo.states.state_names`.
        enrichment: where the state lies, measured on what the name does not follow from.
        regulatory_weights: of the state in an element, and in each ring around it; see
            `epizoo.states.regulatory_activity`.
    """

    name: str = Field(min_length=1)
    description: str = ""
    color: str = Field(pattern=_COLOR)
    confidence: float | None = Field(default=None, ge=0, le=1)
    enrichment: dict[str, float] = {}
    regulatory_weights: list[Annotated[float, Field(allow_inf_nan=False)]] = []

    @property
    def style(self) -> StateStyle:
        """Name and colour, as files of states hold them."""
        red, green, blue = map(int, self.color.split(","))
        return StateStyle(self.name, (red, green, blue))


class RegulatoryActivity(Strict):
    """The rest of regulatory activity beside the states' ``regulatory_weights``.

    Attributes:
        intercept: what is added to the weighted features, in log-odds.
        trained_on: elements that the weights were fitted to.
    """

    intercept: float = Field(allow_inf_nan=False)
    trained_on: str


class ChromatinStateSettings(Strict):
    """The ``config`` of a chromatin-state model: its HMM, and what its states are called, in their order.

    ``order`` is ChromHMM's letter for what the states are ordered by (emissions, transitions, user, fixed), which its
    files put before their numbers. ``measured_on`` says what the states' enrichments are, and where they were measured.
    With ``regulatory_activity`` each state has weights.
    """

    model: ChromatinStateConfig
    states: tuple[State, ...]
    order: Literal["E", "T", "U", "F"] = "E"
    measured_on: str = ""
    regulatory_activity: RegulatoryActivity | None = None

    @model_validator(mode="after")
    def _each_state_has_its_weights(self) -> Self:
        expected = 0 if self.regulatory_activity is None else N_PARTS
        for state in self.states:
            if len(state.regulatory_weights) != expected:
                raise ValueError(
                    f"regulatory_weights: {len(state.regulatory_weights)} of state {state.name} found, expected "
                    f"{N_PARTS} of each state with regulatory_activity, and none without"
                )
        return self

    @model_validator(mode="after")
    def _each_state_has_a_name(self) -> Self:
        found, distinct = len(self.states), len({state.name for state in self.states})
        if (found, distinct) != (self.model.n_states, self.model.n_states):
            raise ValueError(
                f"states: {found} with {distinct} different names found, expected a name of its own for each of the "
                f"{self.model.n_states} of the model"
            )
        return self


Settings = PeakCallerSettings | PeakScorerSettings | ChromatinStateSettings
SETTINGS: dict[Family, type[PeakCallerSettings] | type[PeakScorerSettings] | type[ChromatinStateSettings]] = {
    "peak_caller": PeakCallerSettings,
    "peak_scorer": PeakScorerSettings,
    "chromatin_states": ChromatinStateSettings,
}


class ZooBlock(Strict):
    """The ``zoo`` block of a ``model.yaml``: everything that epizoo needs to know about an entry.

    Attributes:
        name: the entry's name in the zoo, ``family/tag``.
        family: which kind of model it is.
        version: raised at least by a minor step whenever the weights change.
        config: as it stands in the file; an entry's own ``config`` is this as one of `SETTINGS`.
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
        backends: what computes it, with proof; the default is chosen among these.
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
    weights: FileName
    sha256: Sha256
    golden: FileName
    golden_sha256: Sha256
    expect_sha256: Sha256
    base_model: str | None = None
    lineage: list[Ancestor] = []
    trained_on: TrainedOn
    training: dict[str, Any] = {}
    metrics: list[Metric] = []
    backends: list[Backend] = ["jax"]
    onnx: FileName | None = None
    onnx_sha256: Sha256 | None = None
    weights_license: str
    limits: list[str] = Field(min_length=1)
    datasets: list[str] = []
    card: CardText = CardText()

    @field_validator("training")
    @classmethod
    def _told_in_text(cls, training: dict[str, Any]) -> dict[str, Any]:
        parts = {"": training, "denoising.": training.get("denoising") or {}}
        for name, part in parts.items():
            if not isinstance(part, dict):
                raise ValueError(f"denoising is {str(part)[:40]!r}; expected names and values")
            for key in ("procedure", "command"):
                if not isinstance(part.get(key, ""), str):
                    raise ValueError(f"{name}{key} is {str(part[key])[:40]!r}; expected text")
        return training


class _Named(BaseModel):
    name: str


class _Array(BaseModel):
    shape: str
    doc: str


class _Schema(BaseModel):
    inputs: dict[str, _Array]
    targets: dict[str, _Array]


class _Info(BaseModel):
    authors: list[_Named]
    doc: str
    license: str
    tags: list[str] = []
    cite_as: str | None = None


class _Test(BaseModel):
    expect: FileName | None = None


class KipoiPart(BaseModel):
    """The keys that epizoo reads of Kipoi's part of a ``model.yaml``; the others are Kipoi's to check."""

    info: _Info
    schema_: _Schema = Field(alias="schema")
    test: _Test | None = None
