// A random playbook of one seed, for the actions of simulation.h: groups in groups, gates, retries, rollbacks, rescues.
#pragma once

#include <random>
#include <string>
#include <vector>

namespace muster::simulation {

struct Story {
  explicit Story(uint64_t seed) : random(seed) { write(); }
  size_t below(size_t n) { return random() % n; }
  bool one_in(size_t n) { return below(n) == 0; }

  void write() {
    text =
        "muster: 1\nplaybook: story\ninputs:\n  yes: {type: boolean, default: true}\n  no: {type: boolean, default: "
        "false}\n";
    if (one_in(4)) text += "locks: [\"story\"]\n";
    has_secret = one_in(3);
    if (has_secret) text += "secrets: {token: {env: TOKEN}}\n";
    text += "phases:\n";
    for (size_t phase = 0, phases = 1 + below(3); phase < phases; ++phase) {
      text += "  - id: p" + std::to_string(phase) + "\n";
      if (one_in(3))
        text += "    approval: {message: Go on, approvers: [group:sre], expires: 30m" +
                std::string(one_in(3) ? ", evidence: {rows: {look: {name: rows}}}" : "") + "}\n";
      if (one_in(8)) text += "    when: inputs." + std::string(one_in(2) ? "yes" : "no") + "\n";
      group("    ", 0, false);
    }
    if (one_in(2)) text += "always:\n  - {id: last, do: {name: last}}\n";
    names.push_back("last");
  }

  // What stands inside a phase or a step that is a group: its steps, and what becomes of it when they fail.
  void group(const std::string& indent, int depth, bool undone_as_one) {
    if (one_in(4)) text += indent + "parallel: true\n";
    std::string id = "g" + std::to_string(number++);
    bool own_way_back = depth > 0 && one_in(4);
    text += indent + "steps:\n";
    std::vector<std::string> earlier;
    for (size_t step = 0, steps = 1 + below(depth == 0 ? 4 : 3); step < steps; ++step) {
      if (depth < 2 && one_in(6)) {
        std::string inner = "n" + std::to_string(number++);
        text += indent + "  - id: " + inner + "\n";
        if (one_in(6)) text += indent + "    when: inputs." + std::string(one_in(3) ? "no" : "yes") + "\n";
        if (one_in(4)) text += indent + "    on_failure: continue\n";
        group(indent + "    ", depth + 1, undone_as_one || own_way_back);
        earlier.push_back(inner);
      } else {
        text += indent + "  - ";
        this->step(earlier, undone_as_one || own_way_back);
      }
    }
    if (own_way_back) {
      text += indent + "rollback: [{do: {name: undo " + id + "}}]\n";
      names.push_back(id);
    }
    if (depth > 0 && one_in(3)) {
      text += indent + "rescue:\n" + indent + "  - ";
      std::vector<std::string> none;
      this->step(none, undone_as_one || own_way_back);
    }
    if (one_in(5)) {
      std::string last = "s" + std::to_string(number++);
      text += indent + "always: [{id: " + last + ", do: {name: " + last + "}}]\n";
      names.push_back(last);
    }
  }

  void step(std::vector<std::string>& earlier, bool undone_as_one) {
    std::string id = "s" + std::to_string(number++);
    text += "{id: " + id;
    if (one_in(12)) {
      text += ", wait: {for: " + std::to_string(1 + below(20)) + "s}}\n";
      earlier.push_back(id);
      return;
    }
    if (one_in(14)) {
      text += ", manual: {instructions: Look at it, assignees: [group:sre], expires: 30m}}\n";
      earlier.push_back(id);
      return;
    }
    size_t kind = below(10);
    std::string action = kind < 6 ? "do" : kind < 8 ? "look" : "destroy";
    text += ", " + action + ": {name: " + id;
    if (has_secret && one_in(3)) text += ", key: \"${{ secrets.token }}\"";
    text += "}";
    if (!earlier.empty() && one_in(3)) text += ", needs: [" + earlier[below(earlier.size())] + "]";
    if (one_in(8)) text += ", when: inputs." + std::string(one_in(3) ? "no" : "yes");
    if (one_in(3)) text += ", retry: {attempts: " + std::to_string(2 + below(2)) + ", delay: 5s}";
    if (one_in(5)) text += std::string(", on_failure: ") + (one_in(3) ? "ask" : "continue");
    if (action != "look" && one_in(2)) {
      text += ", rollback: [{do: {name: undo " + id + "}}]";
      if (!undone_as_one) undoable.push_back(id);
    }
    if (action != "look" && one_in(5)) {
      text += ", idempotent: true";
      repeatable.push_back(id);
    }
    if (action == "look") repeatable.push_back(id);
    if (action != "look" && one_in(6)) {
      // Yes, no, or unable to tell, the same each time.
      text += ", done_when: {look: {name: done " + id;
      if (has_secret && one_in(2)) text += ", key: \"${{ secrets.token }}\"";
      text += "}, that: \"result.name == '" + std::string(one_in(3) ? "done " + id : "another") + "'\"}";
      checked.push_back("done " + id);
    }
    if (one_in(6)) text += ", verify: {that: \"result.name == '" + std::string(one_in(3) ? "another" : id) + "'\"}";
    text += "}\n";
    names.push_back(id);
    earlier.push_back(id);
  }

  std::mt19937_64 random;
  int number = 0;
  bool has_secret = false;
  std::string text;
  std::vector<std::string> names, undoable, repeatable, checked;
};

}  // namespace muster::simulation
