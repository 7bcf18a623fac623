#include "pieces.h"

#include <optional>

namespace fastlm::ngram {
namespace {

class PieceSource : public NodeSource {
 public:
  PieceSource(std::shared_ptr<const std::vector<Piece>> pieces, std::shared_ptr<const ChunkStore> store, int n,
              int order, Word vocabulary)
      : pieces_(std::move(pieces)), store_(std::move(store)), n_(n), order_(order), vocabulary_(vocabulary) {}

  std::span<const Node> next() override {
    nodes_.clear();
    while (nodes_.size() < kBlock) {
      if (nodes_left_ == 0 && !open_piece()) break;
      Node node = read();
      if (nodes_left_ + 1 == piece().sizes[n_ - 1] && held_ && piece().shared >= n_)
        join(node);
      else
        release();
      held_ = node;
    }
    if (nodes_.size() < kBlock) {
      release();
      fill(vocabulary_);
    }
    return nodes_;
  }

 private:
  static constexpr size_t kBlock = 1024;

  const Piece& piece() const { return (*pieces_)[piece_ - 1]; }

  bool open_piece() {
    while (piece_ < pieces_->size()) {
      const Piece& piece = (*pieces_)[piece_++];
      if (piece.places == 0 || piece.sizes[n_ - 1] == 0) continue;
      nodes_left_ = piece.sizes[n_ - 1];
      node_bytes_.emplace(*store_, piece.nodes[n_ - 1]);
      if (n_ < order_ && !piece.adjusted.empty())
        adjusted_bytes_.emplace(*store_, piece.adjusted[n_ - 1]);
      else
        adjusted_bytes_.reset();
      return true;
    }
    return false;
  }

  Node read() {
    nodes_left_--;
    Node node{};
    node.word = Word(node_bytes_->varint());
    node.adjusted = node.count = node_bytes_->varint();
    if (n_ < order_) node.children = node_bytes_->varint();
    if (adjusted_bytes_) node.adjusted = adjusted_bytes_->varint();
    return node;
  }

  // A node whose places are in two pieces.
  void join(Node& node) const {
    node.count += held_->count, node.adjusted += held_->adjusted;
    node.children += held_->children - (piece().shared > n_ ? 1 : 0);
  }

  void release() {
    if (!held_) return;
    fill(held_->word);
    nodes_.push_back(*held_);
    held_.reset();
  }

  void fill(Word end) {  // words that do not occur
    if (n_ > 1) return;
    while (word_ < end) nodes_.push_back({word_++, 0, 0, 0});
    word_ = end + 1;
  }

  std::shared_ptr<const std::vector<Piece>> pieces_;
  std::shared_ptr<const ChunkStore> store_;
  int n_, order_;
  Word vocabulary_, word_ = 0;
  size_t piece_ = 0;
  uint64_t nodes_left_ = 0;
  std::optional<ChunkReader> node_bytes_, adjusted_bytes_;
  std::optional<Node> held_;
  std::vector<Node> nodes_;
};

}  // namespace

NodeLevels levels_of(std::vector<Piece> pieces, std::shared_ptr<const ChunkStore> store, Word vocabulary, int order) {
  const auto all = std::make_shared<const std::vector<Piece>>(std::move(pieces));
  NodeLevels levels;
  for (int n = 1; n <= order; n++) {
    uint64_t size = n == 1 ? vocabulary : 0;
    for (const Piece& piece : *all)
      if (n > 1 && piece.places > 0) size += piece.sizes[n - 1] - (piece.shared >= n ? 1 : 0);
    levels.push_back({size, [=] { return std::make_unique<PieceSource>(all, store, n, order, vocabulary); }});
  }
  return levels;
}

}  // namespace fastlm::ngram
