// The recurrent layer on the CPU.
#include "../cpu/rnn.h"
#include "rnn_layer.h"
#include "team.h"

namespace fastlm {
namespace {

class Cpu {
 public:
  explicit Cpu(const Layer& layer) : layout_(layer.layout) {}

  Walk walk(bool reverse) const { return layout_.walk(reverse); }

  template <class T>
  void forward(const std::string& cell, const RnnForward<T>& args) const {
    TorchTeam team;
    cpu::rnn_forward(cell, args, team);
  }

  template <class T>
  void backward(const std::string& cell, const RnnBackward<T>& args) const {
    TorchTeam team;
    cpu::rnn_backward(cell, args, team);
  }

 private:
  const Layout& layout_;
};

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(fastlm, CPU, m) {
  m.impl("rnn_layer", TORCH_BOX(&rnn_layer<Cpu>));
  m.impl("rnn_layer_backward", TORCH_BOX(&rnn_layer_backward<Cpu>));
}

}  // namespace fastlm
