// Every expression that stands in a step or a phase itself, not in the steps inside it: found by walking the rows of
// language/fields.h, so that a key that is new there needs no word here.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "interpreter/language/fields.h"

namespace muster {

// `f(expression, key)`: `key` is the innermost key of the language that it stands under, `when`, `that`, `shell`.
template <class F>
class OwnExpressions {
 public:
  explicit OwnExpressions(F& f) : f_(f) {}

  template <class T>
  void in(const T& construct) {
    // Visitors of fields.h fill constructs, too; this one only reads.
    describe(const_cast<T&>(construct), *this);
  }

  template <class M>
  void operator()(std::string_view key, const M& member, Need, std::string_view) {
    std::string_view outer = key_;
    key_ = key;
    see(member);
    key_ = outer;
  }
  void calls(const std::vector<ActionCall>& calls, std::string_view) {
    for (const ActionCall& call : calls) {
      std::string_view outer = key_;
      key_ = call.action.text;
      see(call.args);
      key_ = outer;
    }
  }
  void entries(const std::vector<Entry>& entries, std::string_view) { see(entries); }
  void part(const Group& group) { in(group); }
  void part(const std::shared_ptr<Group>& group) {
    if (group) in(*group);
  }
  void part(const std::shared_ptr<Fanout>& fanout) {
    if (fanout) in(*fanout);
  }
  void later(std::initializer_list<std::string_view>) {}

 private:
  template <class M>
  void see(const M& member) {
    if constexpr (std::is_same_v<M, Expression>) {
      f_(member, key_);
    } else if constexpr (std::is_same_v<M, Template>) {
      for (const auto& piece : member.pieces)
        if (const auto* expression = std::get_if<Expression>(&piece)) f_(*expression, key_);
    } else if constexpr (std::is_same_v<M, DurationText> || std::is_same_v<M, IntegerText> ||
                         std::is_same_v<M, FailureLimit>) {
      see(member.text);
    } else if constexpr (std::is_same_v<M, ItemList>) {
      std::visit([&](const auto& list) { this->see(list); }, member.list);
    } else if constexpr (std::is_same_v<M, Argument>) {
      std::visit([&](const auto& value) { this->see(value); }, member.value);
    } else if constexpr (std::is_same_v<M, ScalarArgument>) {
      see(member.text);
    } else if constexpr (std::is_same_v<M, Entry> || std::is_same_v<M, Output>) {
      see(member.value);
    } else if constexpr (std::is_same_v<M, std::vector<Step>> || std::is_same_v<M, std::vector<Phase>> ||
                         std::is_same_v<M, std::vector<Option>> || std::is_same_v<M, Rollback>) {
      // Steps of their own.
    } else if constexpr (requires(M m) { describe(m, *this); }) {
      in(member);
    } else if constexpr (requires {
                           *member;
                           static_cast<bool>(member);
                         }) {
      if (member) see(*member);
    } else if constexpr (requires {
                           member.begin();
                           member.front();
                         } &&
                         !std::is_same_v<M, std::string>) {
      for (const auto& item : member) see(item);
    }
  }

  F& f_;
  std::string_view key_;
};

template <class T, class F>
void each_own_expression(const T& construct, F f) {
  OwnExpressions<F>(f).in(construct);
}

}  // namespace muster
