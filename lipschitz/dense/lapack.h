// CBLAS and LAPACKE with C++'s complex numbers. Internal to lipschitz; sources include it, headers do not.
#pragma once

#include <complex>

#define lapack_complex_float std::complex<float>
#define lapack_complex_double std::complex<double>
#include <cblas.h>
#include <lapacke.h>
