// Every step of a playbook, groups and what stands beside them included; the steps of playbooks that it calls are not.
#pragma once

#include <vector>

#include "interpreter/language/playbook.h"

namespace muster {

template <class F>
void each_step(std::vector<Step>& steps, F& f);

template <class F>
void each_step(Step& step, F& f) {
  f(step);
  if (step.group) {
    each_step(step.group->steps, f);
    each_step(step.group->rescue, f);
    each_step(step.group->always, f);
  }
  if (step.choose)
    for (Option& option : step.choose->options) each_step(option.step, f);
  each_step(step.rescue, f);
  if (step.retry) each_step(step.retry->before, f);
  if (step.rollback) each_step(step.rollback->steps, f);
}

template <class F>
void each_step(std::vector<Step>& steps, F& f) {
  for (Step& step : steps) each_step(step, f);
}

// A group before what stands in it.
template <class F>
void each_step(Playbook& playbook, F f) {
  for (Phase& phase : playbook.phases) {
    each_step(phase.group.steps, f);
    each_step(phase.group.rescue, f);
    each_step(phase.group.always, f);
    if (phase.rollback) each_step(phase.rollback->steps, f);
  }
  each_step(playbook.rescue, f);
  if (playbook.rollback) each_step(playbook.rollback->steps, f);
  each_step(playbook.always, f);
}

}  // namespace muster
