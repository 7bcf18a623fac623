// Functions that take most of the time are compiled once more for newer processors; the loader chooses.
//
// What they call is inlined, so nothing that other files share is compiled for a processor that may not be there.
// Sums and products must not be fused (-ffp-contract=off), or a score would depend on the processor.
#pragma once

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define FASTLM_CLONED __attribute__((target_clones("default", "arch=x86-64-v3"), flatten))
#else
#define FASTLM_CLONED
#endif
