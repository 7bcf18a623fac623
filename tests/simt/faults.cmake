# Faults planted in copies of the kernels: each must be found by the means that claims to find it.
#
# A fault is a change of one place in csrc/cuda. It is built with the sanitizers of this build; the test passes if what
# is found is in the output. A place that is no longer there stops the configuration: then the fault must be written anew.

file(GLOB fault_files RELATIVE ${PROJECT_SOURCE_DIR} CONFIGURE_DEPENDS
  ${PROJECT_SOURCE_DIR}/csrc/core/*.h ${PROJECT_SOURCE_DIR}/csrc/core/rnn/*.h ${PROJECT_SOURCE_DIR}/csrc/cuda/*)
list(TRANSFORM fault_files PREPEND ${PROJECT_SOURCE_DIR}/ OUTPUT_VARIABLE fault_paths)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${fault_paths})

# simt_fault(<name> <file in csrc/cuda> <from> <to> <found>): found is a regular expression.
function(simt_fault name file from to found)
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/faults/${name})
  foreach(path ${fault_files})
    if(NOT path STREQUAL "csrc/cuda/${file}")
      configure_file(${PROJECT_SOURCE_DIR}/${path} ${folder}/${path} COPYONLY)
    endif()
  endforeach()
  if(file)
    file(READ ${PROJECT_SOURCE_DIR}/csrc/cuda/${file} text)
    string(FIND "${text}" "${from}" place)
    if(place EQUAL -1)
      message(FATAL_ERROR "simt: the fault ${name} cannot be planted: csrc/cuda/${file} has no '${from}'")
    endif()
    string(REPLACE "${from}" "${to}" text "${text}")
    file(CONFIGURE OUTPUT ${folder}/csrc/cuda/${file} CONTENT "${text}" @ONLY)
  endif()
  set_source_files_properties(${folder}/csrc/cuda/dropout.cu PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
  add_executable(simt_fault_${name} fault.cc ${folder}/csrc/cuda/dropout.cu)
  target_include_directories(simt_fault_${name} PRIVATE ${folder}/csrc)
  target_compile_options(simt_fault_${name} PRIVATE -O0) # there are many, and each runs but a moment
  target_link_libraries(simt_fault_${name} PRIVATE simt)
  add_test(NAME SimtFault.${name} COMMAND simt_fault_${name})
  set_tests_properties(SimtFault.${name} PROPERTIES PASS_REGULAR_EXPRESSION "${found}"
    ENVIRONMENT "TSAN_OPTIONS=halt_on_error=1")
endfunction()

simt_fault(none "" "" "" "^all is well")

set(barrier_forward "    __syncthreads();\n    if (works) {\n      const int64_t row")
set(barrier_backward "    __syncthreads();\n    if (works) {\n      Sums")
set(barrier_step "      if (first > 0) __syncthreads();")
set(one_copy_from "next = shared.take<T>(depth * rows)")

if(FASTLM_SANITIZE MATCHES thread)
  # Races, whatever the order and even where the numbers come out right.
  foreach(name forward backward)
    string(REPLACE "__syncthreads();" "" without "${barrier_${name}}")
    simt_fault(no_barrier_${name} rnn_persistent.cuh "${barrier_${name}}" "${without}" "data race")
  endforeach()
  simt_fault(no_barrier_step rnn_step.cuh "${barrier_step}" "" "data race")
  simt_fault(one_copy rnn_persistent.cuh "${one_copy_from}" "next = now" "data race")
  simt_fault(blocks_overlap rnn_persistent.cuh "begin = int64_t(blockIdx.x) * kRows" "begin = int64_t(blockIdx.x) * (kRows - 1)"
    "data race")
else()
  # A race makes the numbers wrong.
  simt_fault(one_copy rnn_persistent.cuh "${one_copy_from}" "next = now" "wrong in order [0-5]: output")
  # What was not written is NaN.
  simt_fault(unwritten rnn_persistent.cuh "if (works) publish(shared.now);" "" "is -?nan, wanted")
  # Barriers.
  simt_fault(divergent rnn_persistent.cuh "${barrier_backward}"
    "if (works) __syncthreads(); else __syncthreads();\n    if (works) {\n      Sums"
    "divergent barrier: .* waits at .*rnn_persistent.cuh:[0-9]+, but .*rnn_persistent.cuh:[0-9]+")
  simt_fault(deadlock rnn_persistent.cuh "const bool works = unit < hidden;"
    "const bool works = unit < hidden; if (!works) return;" "deadlock: .* waits at .*rnn_persistent.cuh:[0-9]+, but")
  # Launches.
  simt_fault(too_little_shared rnn_plan.h "exchange = 2 *" "exchange = 1 *" "takes shared memory up to byte")
  simt_fault(not_asked device.cuh "shape.shared_bytes > kDefaultSharedBytes" "false"
    "could not launch persistent_forward .*cudaErrorInvalidValue")
endif()
if(FASTLM_SANITIZE MATCHES address)
  # One element too many: of shared memory, of global memory.
  simt_fault(shared_overrun rnn_product.cuh "for (; k < depth; k++)" "for (; k <= depth; k++)" "heap-buffer-overflow")
  simt_fault(global_overrun rnn_step.cuh "if (unit >= hidden) return;" "" "heap-buffer-overflow")
endif()
if(FASTLM_SANITIZE MATCHES undefined)
  simt_fault(misaligned dropout.cu "% 16 == 0" "% 4 == 0" "misaligned address")
endif()
