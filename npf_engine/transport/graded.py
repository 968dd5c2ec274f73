"""Singular values of matrices whose rows and columns have unlike sizes, each right to its own digits."""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import lapack
from torch import Tensor

# Of dgejsv: all U and V; accuracy for C D with any diagonal D; numbers near underflow kept; neither transposed nor
# perturbed.
_ALL_U, _ALL_V, _COLUMNS, _WHOLE_RANGE, _AS_IT_IS, _UNALTERED = 0, 0, 0, 0, 1, 1


def graded_svd(A: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """U (m, d), singular values (d,) falling, V (d, d) with A = U diag(s) V^T; A (m, d), m >= d, float64 on the CPU.

    One-sided Jacobi after two QR decompositions (Drmac and Veselic 2008, LAPACK's dgejsv). Where A = C D with D
    diagonal, each singular value has a relative error of about the rounding times the condition of C, however far
    apart D's entries are; the usual algorithms know all of them to the rounding of the largest. Raises
    FloatingPointError where the rotations do not end.
    """
    size = float(A.abs().max())
    if not size > 0:
        return torch.eye(*A.shape, dtype=A.dtype), A.new_zeros(A.shape[1]), torch.eye(A.shape[1], dtype=A.dtype)
    s, U, V, work, _, info = lapack.dgejsv(
        (A / size).numpy(), joba=_COLUMNS, jobu=_ALL_U, jobv=_ALL_V, jobr=_WHOLE_RANGE, jobt=_AS_IT_IS, jobp=_UNALTERED
    )
    if info:
        raise FloatingPointError(f"the singular values of a {A.shape[0]} x {A.shape[1]} matrix were not found")
    s, U, V = (torch.from_numpy(np.ascontiguousarray(part)) for part in (s * (work[0] / work[1]) * size, U, V))
    return U, s, V
