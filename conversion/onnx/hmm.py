"""The hidden Markov model of `epizoo.models.hmm.reference` as an ONNX graph, in float64."""

import functools
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Shaped
from onnx import TensorProto

from epizoo.conversion.onnx.graph import Graph
from epizoo.mark_values import OUTSIDE
from epizoo.models.hmm.floors import LOG_FLOOR, LOG_ZERO


class HMMGraph:
    """Adds to a graph what is asked for of a chain over marks (batch, bin, mark): 0, 1, soft, NaN missing, -1 outside.

    Args:
        graph: the graph to add to.
        marks: its input, float32.
        arrays: the logits, by their names in an entry's weights.
        start: ``stationary`` or ``initial``: the distribution of the first bin.
    """

    def __init__(self, graph: Graph, marks: str, arrays: Mapping[str, Shaped[np.ndarray, "..."]], start: str) -> None:
        self._graph = graph
        self._initial = _softmax(arrays["initial_logits"])
        self._transition = _softmax(arrays["transition_logits"])
        self._start = _stationary(self._transition) if start == "stationary" else self._initial
        emission = np.exp(-np.logaddexp(0, -np.asarray(arrays["emission_logits"], np.float64)))
        self._marks = graph.op("Cast", marks, to=TensorProto.DOUBLE)
        self.log_emissions = self._log_emissions(emission)

    @functools.cached_property
    def inside(self) -> str:
        """Bins inside the chromosome, (batch, bin, 1) bool."""
        g = self._graph
        outside = g.op("Cast", g.op("Equal", self._marks, _double(g, OUTSIDE)), to=TensorProto.FLOAT)
        return g.op("Not", g.op("Cast", g.op("ReduceMax", outside, g.constant([2])), to=TensorProto.BOOL))

    @property
    def filtered(self) -> str:
        """p(state | bins up to this one), (batch, bin, state)."""
        return self._forward[0]

    @property
    def log_likelihood_per_bin(self) -> str:
        """Log p(bin | bins before it), (batch, bin)."""
        return self._graph.op("Squeeze", self._forward[2], self._graph.constant([2]))

    def posteriors(self) -> str:
        """p(state | all bins), (batch, bin, state)."""
        g, one = self._graph, _double(self._graph, 1.0)
        backwards = g.constant(self._transition.T)
        zero = _double(g, 0.0)

        def step(b: Graph, carries: list[str], bins: list[str]) -> tuple[list[str], list[str]]:
            (ratio,), (probabilities, predicted, inside) = carries, bins
            joint = b.op("Mul", probabilities, b.op("MatMul", ratio, backwards))
            total = b.op("ReduceSum", joint, b.constant([-1]))
            posterior = b.op("Div", joint, b.op("Where", b.op("Greater", total, zero), total, one))
            reached = b.op("Greater", predicted, zero)
            earlier = b.op("Div", posterior, b.op("Where", reached, predicted, one))
            earlier = b.op("Where", reached, earlier, zero)
            return [b.op("Where", inside, earlier, one)], [posterior]

        double = TensorProto.DOUBLE
        sequences = [(self.filtered, double), (self._forward[1], double), (self.inside, TensorProto.BOOL)]
        first = self._per_row(np.ones_like(self._initial))
        return g.scan(step, [(first, double)], sequences, [double], reverse=True)[0]

    def viterbi_path(self) -> str:
        """The most probable path, (batch, bin) int32, -1 outside the chromosome."""
        g = self._graph
        path = g.scan(
            _follow_pointers,
            [(self._per_row(np.zeros(1, np.int64)), TensorProto.INT64)],
            [(self._pointers(), TensorProto.INT64)],
            [TensorProto.INT64],
            reverse=True,
        )[0]
        path = g.op("Where", self.inside, path, g.constant(np.int64(-1)))
        return g.op("Cast", g.op("Squeeze", path, g.constant([2])), to=TensorProto.INT32)

    def _log_emissions(self, emission: Float[np.ndarray, "state mark"]) -> str:
        g, zero = self._graph, _double(self._graph, 0.0)
        seen = g.op("GreaterOrEqual", self._marks, zero)
        present = g.op("Where", seen, self._marks, zero)
        absent = g.op("Where", seen, g.op("Sub", _double(g, 1.0), self._marks), zero)
        shown = g.op("MatMul", present, g.constant(_log(emission).T))
        logs = g.op("Add", shown, g.op("MatMul", absent, g.constant(_log(1 - emission).T)))
        floor = _double(g, LOG_FLOOR)
        possible = g.op("GreaterOrEqual", g.op("ReduceMax", logs, g.constant([2])), floor)
        return g.op("Where", possible, logs, floor)

    @functools.cached_property
    def _forward(self) -> list[str]:
        """Filtered and predicted probabilities (batch, bin, state), and the log-likelihood per bin (batch, bin, 1)."""
        g, zero = self._graph, _double(self._graph, 0.0)
        transition, initial = g.constant(self._transition), g.constant(self._initial)
        floor, log_zero, never, most = (_double(g, x) for x in (LOG_FLOOR, LOG_ZERO, LOG_ZERO / 2, 40.0))

        def step(b: Graph, carries: list[str], bins: list[str]) -> tuple[list[str], list[str]]:
            (predicted,), (log_emission, inside) = carries, bins
            states = b.constant([-1])
            reached = b.op("Greater", predicted, zero)
            top = b.op("ReduceMax", b.op("Where", reached, log_emission, log_zero), states)
            possible = b.op("Greater", top, never)
            relative = b.op("Min", b.op("Sub", log_emission, top), most)
            weights = b.op("Mul", predicted, b.op("Exp", b.op("Where", possible, relative, zero)))
            total = b.op("ReduceSum", weights, states)
            filtered = b.op("Div", weights, total)
            likelihood = b.op("Add", b.op("Where", possible, top, floor), b.op("Log", total))
            following = b.op("Where", inside, b.op("MatMul", filtered, transition), initial)
            kept = [b.op("Where", inside, filtered, zero), predicted, b.op("Where", inside, likelihood, zero)]
            return [following], kept

        double = TensorProto.DOUBLE
        sequences = [(self.log_emissions, double), (self.inside, TensorProto.BOOL)]
        return g.scan(step, [(self._per_row(self._start), double)], sequences, [double] * 3)

    def _pointers(self) -> str:
        """For each bin, the best state before each state of the next bin, (batch, bin, state)."""
        g = self._graph
        log_transition, log_initial = g.constant(_log(self._transition)), g.constant(_log(self._initial))
        log_zero, never = _double(g, LOG_ZERO), _double(g, LOG_ZERO / 2)
        end = np.iinfo(np.int64).max
        later = g.op("Slice", self.inside, g.constant([1]), g.constant([int(end)]), g.constant([1]))
        next_inside = g.op("Concat", later, self._per_row(np.zeros((1, 1), bool)), axis=1)

        def step(b: Graph, carries: list[str], bins: list[str]) -> tuple[list[str], list[str]]:
            (predicted,), (log_emission, inside, is_next_inside) = carries, bins
            scores = b.op("Add", predicted, log_emission)
            possible = b.op("Greater", b.op("ReduceMax", scores, b.constant([-1])), never)
            scores = b.op("Where", possible, scores, predicted)
            scores = b.op("Max", b.op("Sub", scores, b.op("ReduceMax", scores, b.constant([-1]))), log_zero)
            joined = b.op("Add", b.op("Unsqueeze", scores, b.constant([2])), log_transition)
            best = b.op("ReduceMax", joined, b.constant([1]), keepdims=0)
            here = b.op("ArgMax", scores, axis=1, keepdims=1)
            pointers = b.op("Where", is_next_inside, b.op("ArgMax", joined, axis=1, keepdims=0), here)
            return [b.op("Where", inside, best, log_initial)], [pointers]

        double, bool_ = TensorProto.DOUBLE, TensorProto.BOOL
        sequences = [(self.log_emissions, double), (self.inside, bool_), (next_inside, bool_)]
        return g.scan(step, [(self._per_row(_log(self._start)), double)], sequences, [TensorProto.INT64])[0]

    def _per_row(self, values: Shaped[np.ndarray, "*axes"]) -> str:
        """A constant repeated for every row of the batch, (batch, *axes)."""
        g = self._graph
        batch = g.op("Shape", self._marks, start=0, end=1)
        shape = g.op("Concat", batch, g.constant(list(values.shape)), axis=0)
        return g.op("Expand", g.constant(values[None]), shape)


def _follow_pointers(b: Graph, carries: list[str], bins: list[str]) -> tuple[list[str], list[str]]:
    state = b.op("GatherElements", bins[0], carries[0], axis=1)
    return [state], [state]


def _double(graph: Graph, value: float) -> str:
    return graph.constant(np.float64(value))


def _softmax(logits: Shaped[np.ndarray, "*axes state"]) -> Float[np.ndarray, "*axes state"]:
    logits = np.asarray(logits, np.float64)
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)


def _log(probabilities: Float[np.ndarray, "*axes"]) -> Float[np.ndarray, "*axes"]:
    positive = probabilities > 0
    return np.where(positive, np.log(np.where(positive, probabilities, 1)), LOG_ZERO)


def _stationary(transition: Float[np.ndarray, "state state"]) -> Float[np.ndarray, " state"]:
    """See `epizoo.models.hmm.reference.stationary`."""
    lazy = (transition + np.eye(len(transition))) / 2
    for _ in range(40):
        lazy = lazy @ lazy
        lazy = lazy / lazy.sum(axis=-1, keepdims=True)
    return lazy.mean(axis=0)
