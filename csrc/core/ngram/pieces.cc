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
    while (nodes_.size() < kBlock && (left_ > 0 || open_piece())) {
      read_some();
      // the last one may go on in the next piece
      if (left_ == 0) held_ = nodes_.back(), nodes_.pop_back();
    }
    if (left_ == 0 && piece_ == pieces_->size()) {
      release();
      fill(vocabulary_);
    }
    return nodes_;
  }

 private:
  static constexpr size_t kBlock = 1024;

  const Piece& piece() const { return (*pieces_)[piece_ - 1]; }

  // Whether there was another one with nodes of this level.
  bool open_piece() {
    while (piece_ < pieces_->size()) {
      const Piece& piece = (*pieces_)[piece_++];
      if (piece.places == 0 || piece.sizes[n_ - 1] == 0) continue;
      left_ = piece.sizes[n_ - 1];
      node_bytes_.emplace(*store_, piece.nodes[n_ - 1]);
      has_adjusted_ = n_ < order_ && !piece.adjusted.empty();
      if (has_adjusted_) adjusted_bytes_.emplace(*store_, piece.adjusted[n_ - 1]);
      joins_ = held_ && piece.shared >= n_, joins_child_ = piece.shared > n_;
      if (!joins_) release();
      return true;
    }
    return false;
  }

  void read_some() {
    const bool inner = n_ < order_;
    for (uint64_t some = std::min<uint64_t>(left_, kBlock); some > 0; some--, left_--) {
      node_bytes_->more();
      Node node{};
      node.word = Word(node_bytes_->varint());
      node.adjusted = node.count = node_bytes_->varint();
      if (inner) node.children = node_bytes_->varint();
      if (has_adjusted_) adjusted_bytes_->more(), node.adjusted = adjusted_bytes_->varint();
      if (joins_) join(node);
      fill(node.word);
      nodes_.push_back(node);
    }
  }

  // A node whose places are in two pieces.
  void join(Node& node) {
    node.count += held_->count, node.adjusted += held_->adjusted;
    node.children += held_->children - (joins_child_ ? 1 : 0);
    held_.reset(), joins_ = false;
  }

  void release() {
    if (held_) nodes_.push_back(*held_);
    held_.reset();
  }

  void fill(Word end) {  // words that do not occur
    if (n_ > 1) return;
    while (word_ < end) nodes_.push_back({word_++, 0, 0, 0});
    word_ = std::max(word_, end + 1);
  }

  std::shared_ptr<const std::vector<Piece>> pieces_;
  std::shared_ptr<const ChunkStore> store_;
  int n_, order_;
  Word vocabulary_, word_ = 0;
  size_t piece_ = 0;
  uint64_t left_ = 0;  // nodes of the piece
  bool has_adjusted_ = false, joins_ = false, joins_child_ = false;
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
