// CUDA's 16-bit number types, for callers that must know their size.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>
