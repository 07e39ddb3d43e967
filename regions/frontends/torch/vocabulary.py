"""What is known about torch operations that are not read: which are piecewise linear, and which are not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from regions.frontends.layers.refusals import training, words

if TYPE_CHECKING:
    from regions.errors import CaptureError
    from regions.frontends.torch.values import Operation

__all__ = [
    "DRAWS",
    "EVAL",
    "HINTS",
    "IMAGE_MODULES",
    "JUMPING",
    "NOT_PIECEWISE_LINEAR",
    "PIECEWISE_LINEAR",
    "UNREADABLE_MODULES",
    "dropping",
    "is_piecewise_linear_norm",
]


# Names of operators in torch's `aten` namespace, without the trailing underscore of the in-place form.
NOT_PIECEWISE_LINEAR = words("""
    _native_multi_head_attention _safe_softmax _scaled_dot_product_attention _scaled_dot_product_attention_math
    _scaled_dot_product_efficient_attention _scaled_dot_product_flash_attention
    _scaled_dot_product_flash_attention_for_cpu _log_softmax _softmax _thnn_fused_gru_cell
    _thnn_fused_lstm_cell _transformer_encoder_layer_fwd acos acosh addcdiv addcmul asin asinh atan atan2 atanh
    bilinear cdist celu cos cosh cosine_similarity cross cumprod det elu erf erfc erfinv exp exp2 expm1
    frobenius_norm gelu glu group_norm gru gru_cell hardswish hypot instance_norm inverse layer_norm lgamma
    linalg_norm linalg_vector_norm local_response_norm log log10 log1p log2 log_sigmoid log_softmax logaddexp
    logaddexp2 logcumsumexp logit logsumexp lstm lstm_cell mish mkldnn_rnn_layer native_group_norm
    native_layer_norm norm pairwise_distance pow prod reciprocal renorm rms_norm _fused_rms_norm rnn_tanh
    rnn_tanh_cell rsqrt scaled_dot_product_attention selu sigmoid silu sin sinc sinh softmax softplus special_expit
    special_log_softmax special_softmax sqrt square std std_mean tan tanh var var_mean
""")

JUMPING = words("""
    argmax argmin argsort bitwise_and bitwise_not bitwise_or bucketize ceil eq floor floor_divide fmod frac ge gt
    fake_quantize_per_channel_affine fake_quantize_per_tensor_affine hardshrink heaviside isfinite isinf isnan le
    logical_and logical_not logical_or logical_xor lt ne
    quantize_per_channel quantize_per_tensor quantize_per_tensor_dynamic remainder
    round searchsorted sgn sign signbit trunc
""")

# Of these some forms are read and others are not.
PIECEWISE_LINEAR = words("""
    _native_batch_norm_legit adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d
    adaptive_max_pool2d adaptive_max_pool3d addbmm addmm addmv amax amin aminmax avg_pool1d avg_pool2d avg_pool3d
    baddbmm batch_norm bmm clamp clamp_max clamp_min clip conv1d conv2d conv3d conv_transpose1d conv_transpose2d
    conv_transpose3d convolution copy cummax cummin cumsum div einsum fill fmax fmin fractional_max_pool2d hardtanh
    index_add index_copy index_fill index_put kron kthvalue lerp linear masked_fill masked_scatter matmul max
    max_pool1d max_pool2d max_pool3d max_unpool2d maximum mean median min minimum msort nanmean nanmedian nansum outer
    pad prelu quantile rnn_relu rnn_relu_cell scatter scatter_add sort sum tensordot threshold topk trace where zero
""")

# Modules of torch.nn that are not piecewise linear, and may not even run on points.
UNREADABLE_MODULES = words("GRU GRUCell LSTM LSTMCell MultiheadAttention RNN RNNCell Transformer")

# Modules of torch.nn that work on images or sequences, so that the shape of a point matters.
IMAGE_MODULES = frozenset(
    (
        *(
            f"{kind}{d}d"
            for d in (1, 2, 3)
            for kind in ("Conv", "ConvTranspose", "MaxPool", "AvgPool", "AdaptiveAvgPool", "AdaptiveMaxPool")
        ),
        *(
            f"{kind}Pad{d}d"
            for d in (1, 2, 3)
            for kind in ("Circular", "Constant", "Reflection", "Replication", "Zero")
        ),
        "BatchNorm2d",
        "BatchNorm3d",
        "RNN",
        "RNNCell",
        "Dropout2d",
        "Fold",
        "PixelShuffle",
        "PixelUnshuffle",
        "Unfold",
        "Upsample",
    )
)

EVAL = "Call model.eval() before the capture."
DRAWS = f"{EVAL[:-1]}; draw other random numbers once, in __init__."
# How to write what an operator that is not piecewise linear is mostly used for.
HINTS = {
    **dict.fromkeys(
        words("""
            group_norm instance_norm layer_norm native_group_norm native_layer_norm rms_norm _fused_rms_norm
            local_response_norm
        """),
        " It divides by the spread of its own input; BatchNorm in eval mode divides by stored numbers.",
    ),
    **dict.fromkeys(
        words("ge gt le lt"),
        " Write torch.where(x > 0, x, a * x) as F.leaky_relu(x, a), and other cases with clamp or maximum.",
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
    """Tell the norms that are a sum or an extremum of absolute values from those that are not piecewise linear."""
    if name not in _NORMS:
        return False
    argument, default = _NORMS[name]
    order = arguments.get(argument, default)
    return isinstance(order, int | float) and (order == 1 or math.isinf(order))


def dropping(operation: Operation) -> CaptureError:
    """Return the error for dropout in training mode."""
    return training(operation, f"drops values at random (dropout with p={operation.p})", EVAL)
