// Cross entropy of one row of logits, with label smoothing (Szegedy et al. 2016) and z-loss (de Brébisson & Vincent
// 2016): the loss and its gradient.
#pragma once

#include <cmath>

#include "host_device.h"

namespace fastlm {

struct CrossEntropyRule {
  double label_smoothing = 0, z_loss = 0;

  // log_sum: log of the sum of e^logit; target: the target's logit; mean: that of all logits, which only smoothing asks
  // for.
  FASTLM_HD double loss(double log_sum, double target, double mean) const {
    const double sure = log_sum - target, fit = label_smoothing == 0 ? sure : smooth(sure, log_sum - mean);
    return z_loss == 0 ? fit : fit + z_loss * log_sum * log_sum;
  }

  // The gradient of logit c is on_probability * p(c) - on_all / classes, less on_target for the target.
  FASTLM_HD double on_probability(double log_sum) const { return 1 + 2 * z_loss * log_sum; }
  FASTLM_HD double on_all() const { return label_smoothing; }
  FASTLM_HD double on_target() const { return 1 - label_smoothing; }

 private:
  FASTLM_HD double smooth(double sure, double unsure) const {
    return (1 - label_smoothing) * sure + label_smoothing * unsure;
  }
};

}  // namespace fastlm
