// Nodes that tell how many of them have been read, for the progress of what reads them.
#pragma once

#include <algorithm>
#include <utility>

#include "nodes.h"

namespace fastlm::ngram {

class ToldNodes : public NodeSource {
 public:
  struct Share {
    std::function<void(double)> done;
    uint64_t total = 0, read = 0, told = 0;
  };

  ToldNodes(std::unique_ptr<NodeSource> source, std::shared_ptr<Share> share)
      : source_(std::move(source)), share_(std::move(share)) {}

  std::span<const Node> next() override {
    const std::span<const Node> nodes = source_->next();
    share_->read += nodes.size();
    if (share_->read - share_->told > share_->total / 256) {
      share_->told = share_->read;
      share_->done(std::min(1.0, double(share_->read) / double(share_->total)));
    }
    return nodes;
  }

 private:
  std::unique_ptr<NodeSource> source_;
  std::shared_ptr<Share> share_;
};

// The same levels. done: called now and then with the share that has been read of all of them, so many times.
inline NodeLevels told(const NodeLevels& levels, int times, std::function<void(double)> done) {
  const auto share = std::make_shared<ToldNodes::Share>(ToldNodes::Share{std::move(done)});
  NodeLevels same;
  for (const NodeLevel& level : levels) {
    share->total += level.size * times;
    same.push_back({level.size, [=] { return std::make_unique<ToldNodes>(level.open(), share); }});
  }
  return same;
}

}  // namespace fastlm::ngram
