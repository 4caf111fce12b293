"""Products in OpenBLAS, as its wheel has it: every name begins with scipy_."""
import ctypes
import functools
import os

import scipy_openblas32
import torch
import torch.nn.functional as F

library = ctypes.CDLL(os.path.join(scipy_openblas32.get_lib_dir(), scipy_openblas32.get_library(fullname=True)))
ROW_MAJOR, PLAIN, TRANSPOSED = 101, 111, 112


def blas(function, *arguments):
    """A call whose arguments are converted beforehand: numbers with a point are floats, tensors are their addresses."""
    def converted(argument):
        if isinstance(argument, torch.Tensor):
            return ctypes.c_void_p(argument.data_ptr())
        return ctypes.c_float(argument) if isinstance(argument, float) else ctypes.c_int(argument)
    run = functools.partial(getattr(library, "scipy_cblas_" + function), *map(converted, arguments))
    run.holds = arguments  # the tensors, for as long as their addresses are used
    return run


def matmul(n):
    a, b, c = torch.randn(n, n), torch.randn(n, n), torch.empty(n, n)
    run = blas("sgemm", ROW_MAJOR, PLAIN, PLAIN, n, n, n, 1.0, a, n, b, n, 0.0, c, n)
    run()
    torch.testing.assert_close(c, a @ b, rtol=0, atol=1e-5 * n)
    return run


def linear(m):
    """On a copy of the bias; a single row as the product of a matrix and a vector."""
    x, weight, bias, y = torch.randn(m, 512), torch.randn(2048, 512), torch.randn(2048), torch.empty(m, 2048)
    if m == 1:
        product = blas("sgemv", ROW_MAJOR, PLAIN, 2048, 512, 1.0, weight, 512, x, 1, 1.0, y, 1)
    else:
        product = blas("sgemm", ROW_MAJOR, PLAIN, TRANSPOSED, m, 2048, 512, 1.0, x, 512, weight, 512, 1.0, y, 2048)

    def run():
        y.copy_(bias)
        product()
    run()
    torch.testing.assert_close(y, F.linear(x, weight, bias), rtol=0, atol=1e-3)
    return run


def version():
    return scipy_openblas32.get_openblas_config().split()[1]


def set_threads(count):
    library.scipy_openblas_set_num_threads(count)
