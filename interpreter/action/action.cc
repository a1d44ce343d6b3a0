#include "interpreter/action/action.h"

namespace muster {

Connection connection_of(const Value& argument) {
  Connection connection;
  const Map* map = argument.find<Map>();
  if (!map) return connection;
  connection.name = text_of(*map, "name");
  connection.kind = text_of(*map, "kind");
  connection.settings = *map;
  connection.settings.erase("name");
  connection.settings.erase("kind");
  return connection;
}

}  // namespace muster
