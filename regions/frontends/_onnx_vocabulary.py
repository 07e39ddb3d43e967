"""What is known about ONNX operators that are not read: which are piecewise linear, and which are not."""

from __future__ import annotations

__all__ = ["HINTS", "NOT_PIECEWISE_LINEAR", "ONLY", "RANDOM"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ONLY = (
    "Affine maps, convolutions, normalisation in inference mode, pools, rearrangements, sums, multiples by constants, "
    "and ReLU, its relatives, maxima, minima and clips can be read."
)

_CURVED = _words("""
    Acos Acosh Asin Asinh Atan Atanh Attention Celu Cos Cosh CumProd Det Elu Erf Exp GRU Gelu GlobalLpPool
    GridSample GroupNormalization HardSwish InstanceNormalization LRN LSTM LayerNormalization Log LogSoftmax
    LpNormalization LpPool MeanVarianceNormalization Mish Pow RMSNormalization RNN Reciprocal ReduceL2 ReduceLogSum
    ReduceLogSumExp ReduceProd ReduceSumSquare Selu Sigmoid Sin Sinh Softmax Softplus Softsign Sqrt Swish Tan Tanh
""")
_JUMPING = _words("""
    And ArgMax ArgMin BitShift Ceil DynamicQuantizeLinear Equal Floor Greater GreaterOrEqual Hardmax IsInf IsNaN Less
    LessOrEqual Mod NonMaxSuppression NonZero Not Or QLinearConv QLinearMatMul QuantizeLinear Round Sign Unique Xor
""")

NOT_PIECEWISE_LINEAR = {
    **dict.fromkeys(_CURVED, "is not piecewise linear, so the model has no linear regions by any definition"),
    **dict.fromkeys(_JUMPING, "jumps, so it is not continuous and piecewise linear"),
}

RANDOM = _words("Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike")

_SCORES = " Where it comes last, the network without it computes the scores that are compared."
HINTS = {
    **dict.fromkeys(("ArgMax", "Hardmax", "LogSoftmax", "Sigmoid", "Softmax"), _SCORES),
    **dict.fromkeys(
        ("If", "Loop", "Scan"), " Control flow in the file is not read: export the model for one course of it."
    ),
}
