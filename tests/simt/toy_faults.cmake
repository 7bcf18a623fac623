# Faults in kernels of a few lines: each must be found by the means that claims to find it.
add_executable(simt_toy_faults toy_faults.cc)
target_include_directories(simt_toy_faults PRIVATE ${PROJECT_SOURCE_DIR}/csrc)
target_link_libraries(simt_toy_faults PRIVATE simt)

# toy_fault(<name> <found>): the name is toy_faults.cc's, found a regular expression.
function(toy_fault name found)
  add_test(NAME SimtToyFault.${name} COMMAND simt_toy_faults ${name})
  set_tests_properties(SimtToyFault.${name} PROPERTIES PASS_REGULAR_EXPRESSION "${found}"
    ENVIRONMENT "TSAN_OPTIONS=halt_on_error=1")
endfunction()

toy_fault(none "^all is well")

# Threads that wait for what cannot come.
set(place "at .*toy_kernels.cuh:[0-9]+")
toy_fault(whole_mask "deadlock: thread 0 of block [0-9], 0 waits ${place}, but thread 16 of block [0-9], 0 has ended")
toy_fault(narrow_mask "waits ${place} takes the value of lane [0-9]+, which is not in the mask")
toy_fault(no_signal "deadlock: .* ${place}, but thread 0 .* polls ${place} and what is there stays 3")
# What nobody has written is NaN.
toy_fault(unwritten_gate "wrong in order 0: gates.0. is -?nan")
toy_fault(no_async_wait "wrong in order 0: stage.0. is -?nan")

if(FASTLM_SANITIZE MATCHES thread)
  # Races, whatever the order and even where the numbers come out right.
  foreach(name no_block_barrier lost_update no_grid_barrier no_cluster_barrier block_ends no_async_barrier)
    toy_fault(${name} "data race.*toy_kernels.cuh")
  endforeach()
else()
  # A race makes the numbers wrong; this one only if another block goes on in the middle.
  toy_fault(no_block_barrier "wrong in order 0: neighbours.0. is -?nan")
  toy_fault(no_grid_barrier "wrong in order [0-7]: relay")
  toy_fault(no_cluster_barrier "wrong in order [0-7]: ring")
  toy_fault(no_async_barrier "wrong in order [0-7]: stage")
  toy_fault(lost_update "wrong in order [2-7]: count")
endif()
if(FASTLM_SANITIZE MATCHES address)
  toy_fault(shared_overrun "heap-buffer-overflow.*neighbours_kernel")
  toy_fault(global_overrun "heap-buffer-overflow.*neighbours_kernel")
  toy_fault(block_ends "distributed shared memory of a block that has ended.*use-after-poison.*ring_kernel")
endif()
