"""What is known about ONNX operators that are not read: which are piecewise linear, and which are not."""

from __future__ import annotations

__all__ = ["CONTROL", "HINTS", "ML", "NOT_PIECEWISE_LINEAR", "ONLY", "RANDOM"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ONLY = (
    "Affine maps, convolutions, normalisation in inference mode, pools, rearrangements, sums, multiples by constants, "
    "and ReLU, its relatives, maxima, minima and clips can be read."
)

_CURVED = _words("""
    Acos Acosh Asin Asinh Atan Atanh Attention Celu Cos Cosh CumProd Det Elu Erf Exp GRU Gelu GlobalLpPool
    GridSample GroupNormalization HardSwish InstanceNormalization LRN LSTM LayerNormalization Log LogSoftmax
    LpNormalization LpPool MeanVarianceNormalization Mish Normalizer Pow RMSNormalization Reciprocal ReduceL2
    ReduceLogSum ReduceLogSumExp ReduceProd ReduceSumSquare Selu Sigmoid Sin Sinh Softmax Softplus Softsign Sqrt
    Swish Tan Tanh
""")
_JUMPING = _words("""
    And ArgMax ArgMin Binarizer BitShift CastMap CategoryMapper Ceil DictVectorizer DynamicQuantizeLinear Equal
    Floor Greater GreaterOrEqual Hardmax IsInf IsNaN LabelEncoder Less LessOrEqual Mod NonMaxSuppression NonZero
    Not OneHotEncoder Or QLinearConv QLinearMatMul QuantizeLinear Round SVMClassifier Sign TreeEnsemble
    TreeEnsembleClassifier TreeEnsembleRegressor Unique Xor
""")

NOT_PIECEWISE_LINEAR = {
    **dict.fromkeys(_CURVED, "is not piecewise linear, so the model has no linear regions by any definition"),
    **dict.fromkeys(_JUMPING, "jumps, so it is not continuous and piecewise linear"),
}

RANDOM = _words("Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike")

CONTROL = _words("If Loop Scan SequenceMap")

# The operator set of classical machine learning.
ML = "ai.onnx.ml"

_SCORES = " Where it comes last, the network without it computes the scores that are compared."
HINTS = {
    **dict.fromkeys(("ArgMax", "Hardmax", "LogSoftmax", "Normalizer", "Sigmoid", "Softmax", "ZipMap"), _SCORES),
}
