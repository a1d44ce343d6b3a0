// A playbook as a flat list of its groups and steps, with what must have ended before what: the checker's map.
//
// Unlike graph/ it stands on playbooks that may be wrong: names that lead nowhere are left out.
// Errors: none here; cycles are found and told.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "interpreter/language/playbook.h"

namespace muster {

// Which list of its group a node stands in, in the order in which they run.
enum class ListOf : uint8_t { body, rescue, rollback, always, before };

struct OutlineNode {
  const Step* step = nullptr;  // neither step nor phase: the playbook
  const Phase* phase = nullptr;
  uint32_t parent = 0;
  ListOf list = ListOf::body;
  uint32_t place = 0;           // in its list
  uint32_t chain = 0;           // the first place from which on each one waits for the one before it
  uint32_t list_index = 0;      // into Outline::lists
  uint32_t last = 0;            // the last node beneath it
  std::vector<uint32_t> needs;  // explicit ones that lead somewhere
};

class Outline {
 public:
  explicit Outline(const Playbook& playbook);
  Outline(const Outline&) = delete;
  Outline& operator=(const Outline&) = delete;

  // Node 0 is the playbook; a node comes before all that it holds.
  [[nodiscard]] const std::vector<OutlineNode>& nodes() const { return nodes_; }
  [[nodiscard]] std::optional<uint32_t> find_step(std::string_view id) const;
  [[nodiscard]] std::vector<std::string_view> step_ids() const;
  [[nodiscard]] uint32_t node_of(const Step& step) const { return by_address_.at(&step); }
  [[nodiscard]] uint32_t node_of(const Phase& phase) const { return by_address_.at(&phase); }
  // Whether `inner` is `outer` or stands in it.
  [[nodiscard]] bool is_inside(uint32_t inner, uint32_t outer) const {
    return outer <= inner && inner <= nodes_[outer].last;
  }
  // Whether `earlier` has ended, in whatever way, whenever `later` begins.
  [[nodiscard]] bool ends_before(uint32_t earlier, uint32_t later) const;
  // The steps of one cycle of waiting, each waiting for the next; empty when there is none.
  [[nodiscard]] std::vector<uint32_t> cycle() const;

 private:
  uint32_t add(OutlineNode node);
  void add_steps(uint32_t parent, const std::vector<Step>& steps, ListOf list, bool parallel);
  void add_group(uint32_t node, const Group& group);
  void add_options(uint32_t parent, const Choose& choose);
  void resolve_needs();
  [[nodiscard]] std::optional<uint32_t> place_in(uint32_t list_index, uint32_t parent, uint32_t node) const;

  std::vector<OutlineNode> nodes_;
  std::vector<std::vector<uint32_t>> lists_;  // nodes of each list, in file order
  std::unordered_map<std::string_view, uint32_t> by_id_;
  std::unordered_map<const void*, uint32_t> by_address_;  // of steps and phases
};

}  // namespace muster
