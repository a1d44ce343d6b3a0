// Whether a type has rows in fields.h: for what walks them from one construct to the next.
#pragma once

#include "interpreter/language/fields.h"

namespace muster {

struct AnyVisitor {
  template <class M>
  void operator()(std::string_view, M&, Need, std::string_view) {}
  void calls(std::vector<ActionCall>&, std::string_view) {}
  void entries(std::vector<Entry>&, std::string_view) {}
  void part(Group&) {}
  void part(std::shared_ptr<Group>&) {}
  void part(std::shared_ptr<Fanout>&) {}
  void later(std::initializer_list<std::string_view>) {}
};
template <class T>
concept HasRows = requires(T t, AnyVisitor v) {
  describe(t, v);
};

}  // namespace muster
