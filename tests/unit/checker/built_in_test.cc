// What the checker says of the actions that are really there.
#include <gtest/gtest.h>

#include "steps/steps.h"
#include "tests/unit/checker/checked.h"

namespace muster {
namespace {

std::string said_of(const std::string& sql) {
  SourceFiles files;
  Diagnostics problems;
  uint32_t file = files.add(
      {"t.yaml", with_steps("- sql: {connection: app, " + sql + "}", "connections: {app: {sqlite: /srv/app.db}}\n"),
       ""});
  if (auto read = read_playbook(files, file, problems)) (void)check(std::move(*read), builtin_actions(), problems);
  return render_all(problems, files);
}

TEST(Sql, TakesNoMarkerRowBesideAQueryAndSaysWhereBothStand) {
  const std::string said = said_of("query: select 1, marker_row: true");
  EXPECT_NE(said.find("t.yaml:7:"), std::string::npos) << said;
  EXPECT_NE(said.find("`sql` with `query` takes no `marker_row`"), std::string::npos) << said;
  EXPECT_NE(said.find("`query` is given here"), std::string::npos) << said;
  EXPECT_EQ(said_of("execute: delete from t, marker_row: true"), "");
}

TEST(Sql, TakesNoFileForWhatItWrites) {
  EXPECT_NE(said_of("execute: delete from t, save: rows.csv").find("`sql` with `execute` takes no `save`"),
            std::string::npos);
  EXPECT_NE(said_of("check: quick, max_rows: 3").find("takes no `max_rows`"), std::string::npos);
}

}  // namespace
}  // namespace muster
