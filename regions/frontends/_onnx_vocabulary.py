"""What is known about ONNX operators that are not read: which are piecewise linear, and which are not."""

from __future__ import annotations

__all__ = ["HINTS", "NOT_PIECEWISE_LINEAR", "ONLY", "RANDOM"]

ONLY = (
    "Affine maps, convolutions, normalisation in inference mode, pools, rearrangements, sums, multiples by constants, "
    "and ReLU, its relatives, maxima, minima and clips can be read."
)

_CURVED = "is not piecewise linear, so the model has no linear regions"
_JUMPS = "jumps, so it is not continuous and piecewise linear"

NOT_PIECEWISE_LINEAR = {
    **dict.fromkeys(
        """Acos Acosh Asin Asinh Atan Atanh Attention Celu Cos Cosh CumProd DeformConv Det Elu Erf Exp GRU Gelu
        GridSample GroupNormalization HardSwish InstanceNormalization LRN LSTM LayerNormalization Log LogSoftmax
        LpNormalization LpPool GlobalLpPool MeanVarianceNormalization Mish Pow RMSNormalization RNN Reciprocal ReduceL2
        ReduceLogSum ReduceLogSumExp ReduceProd ReduceSumSquare Selu Sigmoid Sin Sinh Softmax Softplus Softsign Sqrt
        Swish Tan Tanh""".split(),
        _CURVED,
    ),
    **dict.fromkeys(
        """And ArgMax ArgMin BitShift Ceil DequantizeLinear DynamicQuantizeLinear Equal Floor Greater GreaterOrEqual
        Hardmax IsInf IsNaN Less LessOrEqual Mod NonMaxSuppression NonZero Not Or QLinearConv QLinearMatMul
        QuantizeLinear Round Sign TopK Unique Xor""".split(),
        _JUMPS,
    ),
}
for _name in ("DequantizeLinear", "TopK"):
    # They do not jump by themselves; what feeds or follows them does.
    del NOT_PIECEWISE_LINEAR[_name]

RANDOM = frozenset("Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike".split())

_LAST = " A last {} leaves the order of the outputs as it is: without it, the network computes the scores that are compared."
HINTS = {
    **{name: _LAST.format(name) for name in ("LogSoftmax", "Sigmoid", "Softmax")},
    **{
        name: f" Without a last {name}, the network computes the scores that are compared."
        for name in ("ArgMax", "Hardmax")
    },
    **dict.fromkeys(
        ("If", "Loop", "Scan"),
        " Control flow inside the file is not read: export the model for one course of it.",
    ),
}
