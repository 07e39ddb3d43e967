"""What is known about torch operations that are not read: which are piecewise linear, and which are not."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["JUMPING", "NOT_PIECEWISE_LINEAR", "PIECEWISE_LINEAR", "UNREADABLE_MODULES", "is_piecewise_linear_norm"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Names of operators in torch's `aten` namespace, without the trailing underscore of the in-place form.
NOT_PIECEWISE_LINEAR = _words("""
    _native_multi_head_attention _safe_softmax _scaled_dot_product_attention _scaled_dot_product_attention_math
    _scaled_dot_product_efficient_attention _scaled_dot_product_flash_attention
    _scaled_dot_product_flash_attention_for_cpu _log_softmax _softmax _thnn_fused_gru_cell
    _thnn_fused_lstm_cell _transformer_encoder_layer_fwd acos acosh addcdiv addcmul asin asinh atan atan2 atanh
    bilinear cdist celu cos cosh cosine_similarity cross cumprod det elu erf erfc erfinv exp exp2 expm1
    frobenius_norm gelu glu group_norm gru gru_cell hardswish hypot instance_norm inverse layer_norm lgamma
    linalg_norm linalg_vector_norm local_response_norm log log10 log1p log2 log_sigmoid log_softmax logaddexp
    logaddexp2 logcumsumexp logit logsumexp lstm lstm_cell mish mkldnn_rnn_layer native_group_norm
    native_layer_norm norm pairwise_distance pow prod reciprocal renorm rms_norm rnn_relu rnn_relu_cell rnn_tanh
    rnn_tanh_cell rsqrt scaled_dot_product_attention selu sigmoid silu sin sinc sinh softmax softplus special_expit
    special_log_softmax special_softmax sqrt square std std_mean tan tanh var var_mean
""")

JUMPING = _words("""
    argmax argmin argsort bitwise_and bitwise_not bitwise_or bucketize ceil eq floor floor_divide fmod frac ge gt
    hardshrink heaviside isfinite isinf isnan le logical_and logical_not logical_or logical_xor lt ne remainder
    round searchsorted sgn sign signbit trunc
""")

PIECEWISE_LINEAR = _words("""
    _adaptive_avg_pool1d _adaptive_avg_pool2d _native_batch_norm_legit _native_batch_norm_legit_no_training
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d aminmax amax
    amin avg_pool1d avg_pool2d avg_pool3d batch_norm clamp clamp_max clamp_min clip constant_pad_nd conv1d
    conv2d conv3d conv_transpose1d conv_transpose2d convolution cudnn_batch_norm cummax cummin cumsum div
    fmax fmin hardsigmoid hardtanh lerp masked_fill max max_pool1d max_pool2d max_pool3d max_pool2d_with_indices
    maximum mean median min minimum native_batch_norm nn_pad pad relu6 rrelu softshrink sort sum threshold topk
    tril triu upsample_bilinear2d upsample_linear1d upsample_nearest1d upsample_nearest2d where
""")

# Classes of torch.nn that take no flat batch of points, and why such a model cannot be read.
UNREADABLE_MODULES = {
    **dict.fromkeys(
        ("GRU", "GRUCell", "LSTM", "LSTMCell", "MultiheadAttention", "RNN", "RNNCell", "Transformer"),
        "is not piecewise linear",
    ),
    **dict.fromkeys(
        (
            *(f"{kind}{d}d" for kind in ("Conv", "ConvTranspose", "MaxPool", "AvgPool") for d in (1, 2, 3)),
            *(f"Adaptive{kind}Pool{d}d" for kind in ("Avg", "Max") for d in (1, 2, 3)),
            "BatchNorm2d",
            "BatchNorm3d",
        ),
        "is piecewise linear, but not supported yet",
    ),
}

# What the operators call the order of their norm, and the order where it is left out.
_NORMS = {
    "cdist": ("p", 2),
    "linalg_norm": ("ord", 2),
    "linalg_vector_norm": ("ord", 2),
    "norm": ("p", 2),
    "pairwise_distance": ("p", 2),
}


def is_piecewise_linear_norm(name: str, arguments: dict[str, Any]) -> bool:
    """Tell the norms that are a sum or an extremum of absolute values from those that are not piecewise linear.

    Parameters
    ----------
    name : str
        Of the operator.
    arguments : dict
        Its arguments by name.

    Returns
    -------
    bool
    """
    if name not in _NORMS:
        return False
    argument, default = _NORMS[name]
    order = arguments.get(argument, default)
    return isinstance(order, int | float) and (order == 1 or math.isinf(order))
