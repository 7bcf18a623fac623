#include "parts.h"

namespace fastlm::ngram {
namespace {

class Source : public NodeSource {
 public:
  Source(std::shared_ptr<const std::vector<Part>> parts, int n) : parts_(std::move(parts)), n_(n) {}

  std::span<const Node> next() override {
    size_t filled = 0;
    while (filled < kBlock && part_ < parts_->size()) {
      const PartLevel& level = (*parts_)[part_][n_ - 1];
      if (at_ == level.words.size()) {
        part_++, at_ = 0;
        continue;
      }
      nodes_[filled++] = {level.words[at_], level.counts[at_], level.counts[at_], level.children[at_]};
      at_++;
    }
    return {nodes_, filled};
  }

 private:
  static constexpr size_t kBlock = 512;

  std::shared_ptr<const std::vector<Part>> parts_;
  int n_;
  size_t part_ = 0, at_ = 0;
  Node nodes_[kBlock];
};

}  // namespace

NodeLevels nodes_of_parts(std::vector<Part> parts, int order) {
  const auto shared = std::make_shared<const std::vector<Part>>(std::move(parts));
  NodeLevels levels;
  for (int n = 1; n <= order; n++) {
    uint64_t size = 0;
    for (const Part& part : *shared) size += part[n - 1].words.size();
    levels.push_back({size, [shared, n] { return std::make_unique<Source>(shared, n); }});
  }
  return levels;
}

}  // namespace fastlm::ngram
