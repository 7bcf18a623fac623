// Collectives of a warp: lanes wait until all of their mask have come; the last one does the work for all.
//
// Values go from lane to lane through the machine, so that a sanitizer sees no order between their other memory.
#include <bit>

#include "machine.h"
#include "mma.h"

namespace simt {

void Launch::gather(uint32_t mask, Collective collective, Where where) {
  Thread& thread = *current_;
  Warp& warp = *thread.warp;
  const uint32_t self = 1u << thread.lane_number;
  thread.where = where;
  if (!(mask & self)) stop([&] { return text_of(thread) + " is not in the mask that it names at " + text_of(where); });
  if (warp.threads.size() < kLanes && mask >> warp.threads.size())
    stop([&] {
      return text_of(thread) + " names more lanes at " + text_of(where) + " than the " +
             std::to_string(warp.threads.size()) + " of its warp";
    });
  Gathering* mine = nullptr;
  for (Gathering& gathering : warp.gatherings) {
    if (gathering.mask == mask)
      mine = &gathering;
    else if (gathering.mask & self && gathering.arrived & mask)  // each waits for the other
      stop([&] {
        const Thread& other = warp.threads[std::countr_zero(gathering.arrived & mask)];
        return "different masks: " + text_of(other) + " with another mask than " + text_of(thread) + " at " +
               text_of(where);
      });
  }
  if (!mine) {
    const int first = std::countr_zero(mask);
    const char* meeting = &warp.meetings[first][warp.gathered[first]++ % 4];
    mine = &warp.gatherings.emplace_back(Gathering{mask, 0, collective, where, meeting});
  }
  if (mine->arrived &&
      (mine->collective != collective || (collective != Collective::kBarrier && !same_place(mine->where, where))))
    stop([&] {
      return "divergent warp: " + text_of(warp.threads[std::countr_zero(mine->arrived)]) + ", but " + text_of(thread) +
             " is at " + text_of(where);
    });
  mine->arrived |= self;

  const char* meeting = mine->meeting;
  if (collective == Collective::kBarrier) happens_before(meeting);
  thread.wait = Wait::kWarp;
  if (mine->arrived == mask) {
    complete(warp, *mine);
    std::swap(*mine, warp.gatherings.back());
    warp.gatherings.pop_back();
  }
  pause(thread.wait, where);
  if (collective == Collective::kBarrier) happens_after(meeting);
}

void Launch::complete(Warp& warp, const Gathering& gathering) {
  progress_++;
  const uint32_t mask = gathering.mask;
  switch (gathering.collective) {
    case Collective::kShuffle:
      exchange(warp, mask);
      break;
    case Collective::kVote: {
      uint32_t yes = 0;
      for (uint32_t rest = mask; rest; rest &= rest - 1) {
        const int lane = std::countr_zero(rest);
        yes |= uint32_t(warp.threads[lane].lane.value) << lane;
      }
      for (uint32_t rest = mask; rest; rest &= rest - 1) warp.threads[std::countr_zero(rest)].lane.result = yes;
      break;
    }
    case Collective::kBarrier:
      break;
    case Collective::kHalf:
      multiply(warp, Matrix::kHalf);
      break;
    case Collective::kBFloat16:
      multiply(warp, Matrix::kBFloat16);
      break;
    case Collective::kTf32:
      multiply(warp, Matrix::kTf32);
      break;
  }
  const auto ready = [&](int lane) {
    warp.threads[lane].wait = Wait::kNothing;
    ready_.push_back(&warp.threads[lane]);
  };
  if (backwards())
    for (uint32_t rest = mask; rest; rest &= rest - 1) ready(std::countr_zero(rest));
  else
    for (uint32_t rest = mask; rest; rest &= ~std::bit_floor(rest)) ready(31 - std::countl_zero(rest));
}

// Which lane's value each lane takes: PTX ISA, shfl.sync.
void Launch::exchange(Warp& warp, uint32_t mask) {
  for (uint32_t rest = mask; rest; rest &= rest - 1) {
    const int number = std::countr_zero(rest);
    Thread& thread = warp.threads[number];
    Lane& lane = thread.lane;
    const int width = lane.width;
    if (width < 1 || width > int(kLanes) || (width & (width - 1)))
      stop([&] { return text_of(thread) + ": a width of " + std::to_string(width) + " is not 1, 2, 4, 8, 16 or 32"; });
    const int begin = number & -width, end = begin + width, operand = lane.operand & 31;
    int source = number;
    switch (lane.shuffle) {
      case Shuffle::kIndex:
        source = begin | (operand & (width - 1));
        break;
      case Shuffle::kUp:
        source = number - operand >= begin ? number - operand : number;
        break;
      case Shuffle::kDown:
        source = number + operand < end ? number + operand : number;
        break;
      case Shuffle::kXor:
        source = (number ^ operand) < end ? number ^ operand : number;
        break;
    }
    if (!(mask >> source & 1))
      stop([&] {
        return text_of(thread) + " takes the value of lane " + std::to_string(source) + ", which is not in the mask";
      });
    lane.result = warp.threads[source].lane.value;
  }
}

void Launch::multiply(Warp& warp, Matrix type) {
  Fragments fragments[kLanes];
  for (unsigned i = 0; i < kLanes; i++) {
    const Lane& lane = warp.threads[i].lane;
    fragments[i] = {lane.d, lane.a, lane.b};
  }
  multiply_fragments(type, fragments);
}

}  // namespace simt
