"""What is known about ONNX operators that are not read: which are piecewise linear, and which are not."""

from __future__ import annotations

from regions.frontends.layers.refusals import words

__all__ = ["CONTROL", "CURVED", "HINTS", "INFERENCE", "JUMPING", "ML", "RANDOM"]

INFERENCE = "Export the model in inference mode."


CURVED = words("""
    Acos Acosh Asin Asinh Atan Atanh Attention Celu Cos Cosh CumProd Det Elu Erf Exp GRU Gelu GlobalLpPool
    GridSample GroupNormalization HardSwish InstanceNormalization LRN LSTM LayerNormalization Log LogSoftmax
    LpNormalization LpPool MeanVarianceNormalization Mish Normalizer Pow RMSNormalization Reciprocal ReduceL2
    ReduceLogSum ReduceLogSumExp ReduceProd ReduceSumSquare Selu Sigmoid Sin Sinh Softmax Softplus Softsign Sqrt
    Swish Tan Tanh
""")
JUMPING = words("""
    And ArgMax ArgMin Binarizer BitShift CastMap CategoryMapper Ceil DictVectorizer DynamicQuantizeLinear Equal
    Floor Greater GreaterOrEqual Hardmax IsInf IsNaN LabelEncoder Less LessOrEqual Mod NonMaxSuppression NonZero
    Not OneHotEncoder Or QLinearConv QLinearMatMul QuantizeLinear Round SVMClassifier Sign TreeEnsemble
    TreeEnsembleClassifier TreeEnsembleRegressor Unique Xor
""")

RANDOM = words("Bernoulli Multinomial RandomNormal RandomNormalLike RandomUniform RandomUniformLike")

CONTROL = words("If Loop Scan SequenceMap")

# The operator set of classical machine learning.
ML = "ai.onnx.ml"

_SCORES = " Where it comes last, the network without it computes the scores that are compared."
HINTS = dict.fromkeys(words("ArgMax Hardmax LogSoftmax Normalizer Sigmoid Softmax ZipMap"), _SCORES)
