"""What readers of graphs refuse: which error is the one to name, and its words."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from regions.errors import CaptureError, NotPiecewiseLinearError, UnsupportedOperationError
from regions.frontends.layers import refusals

OPERATION = SimpleNamespace(name="thing", place="module 'a'")


def test_what_rules_out_regions_by_any_definition_is_raised_before_other_errors():
    seen = []

    def errors():
        for error in (
            CaptureError("first"),
            refusals.unsupported(OPERATION),
            refusals.product(OPERATION),
            CaptureError("last"),
        ):
            seen.append(error)
            yield error

    with pytest.raises(NotPiecewiseLinearError, match=r"\(thing\) at module 'a'; such a product is not piecewise"):
        refusals.raise_first(errors())
    assert len(seen) == 3
    with pytest.raises(CaptureError, match="first"):
        refusals.raise_first([CaptureError("first"), CaptureError("last")])
    refusals.raise_first([])


@pytest.mark.parametrize(
    ("curves", "jumps", "said"),
    [
        (("thing",), (), "thing is not piecewise linear, so the model has no linear regions by any definition"),
        ((), ("thing",), "thing jumps, so it is not continuous and piecewise linear"),
        (("other",), ("another",), None),
    ],
)
def test_an_operator_is_refused_by_its_name(curves, jumps, said):
    error = refusals.by_name(OPERATION, curves, jumps, "leave it out.")
    if said is None:
        assert error is None
    else:
        assert str(error) == f"The model uses thing at module 'a'; {said}. {refusals.ONLY} Replace it, or leave it out."


def test_a_form_that_is_not_read_is_named_with_its_place():
    error = refusals.unsupported(OPERATION, "with axes")
    assert type(error) is UnsupportedOperationError
    assert str(error).startswith("The model uses thing at module 'a' with axes; that is not supported.")
