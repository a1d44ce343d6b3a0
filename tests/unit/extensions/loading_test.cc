// The Lua files that a playbook names, found, read once and kept.
#include "interpreter/cli/loading.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "interpreter/base/digest.h"
#include "steps/steps.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

const std::string head = "muster: 1\nplaybook: p\n";
const std::string body = "phases:\n  - id: only\n    steps:\n";

struct Loading : testing::Test {
  Loading() {
    ::mkdir((folder.path() + "/books").c_str(), 0700);
    ::mkdir((folder.path() + "/books/lib").c_str(), 0700);
    write("outside.lua", "return {}\n");
  }
  void write(const std::string& path, const std::string& text) const {
    std::ofstream(folder.path() + "/" + path, std::ios::binary) << text;
  }
  [[nodiscard]] std::string first() const { return folder.path() + "/books/p.muster.yaml"; }
  // Reads `p.muster.yaml`; the messages without the lines that they quote.
  std::string check() {
    Result<SourceFiles> read = first_source(first());
    EXPECT_TRUE(read.has_value());
    files = std::move(*read);
    return check(sources_beside(first()));
  }
  std::string check(const OpenSource& open) {
    Diagnostics problems;
    std::optional<CheckedPlaybook> checked = read_and_check(files, open, builtin_actions(), extended, problems);
    std::string said;
    for (const Diagnostic& problem : problems) said += problem.code + ": " + problem.message + "\n";
    EXPECT_EQ(checked.has_value() && !has_errors(problems), said.empty());
    return said;
  }
  TempDirectory folder;
  SourceFiles files;
  Extended extended;
};

TEST_F(Loading, FindsInARunWhatItKeptAndNothingElse) {
  write("books/p.muster.yaml", head + "extensions: [runs.lua]\n" + body + "      - set: {x: \"${{ runs.f() }}\"}\n");
  write("books/runs.lua", "local more = require 'lib.more' return {f = function() return more end}\n");
  write("books/lib/more.lua", "return 1\n");
  ASSERT_EQ(check(), "");
  EXPECT_EQ(files.all().size(), 3u);
  ::unlink((folder.path() + "/books/runs.lua").c_str());
  ::unlink((folder.path() + "/books/lib/more.lua").c_str());
  EXPECT_EQ(check(no_more_sources()), "");
  EXPECT_EQ(files.all().size(), 3u);
  SourceFiles torn;
  torn.add(files.at(0));
  files = std::move(torn);
  EXPECT_EQ(check(no_more_sources()).rfind("unreadable-file: ", 0), 0u);
}

TEST_F(Loading, LeavesTheFolderOnNoWay) {
  ASSERT_EQ(::symlink((folder.path() + "/outside.lua").c_str(), (folder.path() + "/books/link.lua").c_str()), 0);
  for (const char* name : {"../outside.lua", "link.lua", "/outside.lua", "\"a\\0/b.lua\"", "lib/missing.lua"}) {
    write("books/p.muster.yaml", head + "extensions: [" + name + "]\n" + body + "      - shell: {argv: [a]}\n");
    EXPECT_NE(check().find("unreadable-file: "), std::string::npos) << name;
    EXPECT_EQ(files.all().size(), 1u) << name;
  }
}

TEST_F(Loading, RequiresNothingFromOutsideOfTheFolder) {
  ASSERT_EQ(::symlink((folder.path() + "/outside.lua").c_str(), (folder.path() + "/books/lib/link.lua").c_str()), 0);
  ASSERT_EQ(::symlink(folder.path().c_str(), (folder.path() + "/books/up").c_str()), 0);
  write("books/p.muster.yaml", head + "extensions: [runs.lua]\n" + body + "      - set: {x: 1}\n");
  for (const char* name : {"lib.link", "up.outside", "lib.missing"}) {
    write("books/runs.lua", std::string("local m = require '") + name + "'\nreturn {}\n");
    EXPECT_EQ(check().rfind("unreadable-file: the required file cannot be read: ", 0), 0u) << name;
    EXPECT_EQ(files.all().size(), 2u) << name;
  }
  // `.` stands for a folder, so that no name leads upwards by itself, and each file has one name.
  for (const char* name :
       {"/outside", "../outside", "..outside", "lib/../../outside", "", "lib/one", "lib..one", "."}) {
    write("books/runs.lua", std::string("local m = require '") + name + "'\nreturn {}\n");
    EXPECT_EQ(check().rfind("bad-extension: a required file is named by letters", 0), 0u) << name;
    EXPECT_EQ(files.all().size(), 2u) << name;
  }
}

// What is required by many is read once, under its name, and its digest is that of what was read: the run keeps both.
TEST_F(Loading, ReadsARequiredFileOnceAndDigestsIt) {
  write("books/p.muster.yaml",
        head + "extensions: [runs.lua, more.lua]\n" + body + "      - set: {x: \"${{ runs.f() .. more.f() }}\"}\n");
  write("books/runs.lua", "local one = require 'lib.one' return {f = function() return one end}\n");
  write("books/more.lua", "local one = require(\"lib.one\") return {f = function() return one end}\n");
  write("books/lib/one.lua", "local two = require 'lib.two' return two\n");
  write("books/lib/two.lua", "return 2\n");
  std::map<std::string, int> opened;
  OpenSource beside = sources_beside(first());
  Result<SourceFiles> read = first_source(first());
  ASSERT_TRUE(read.has_value());
  files = std::move(*read);
  EXPECT_EQ(check([&](const std::string& path) {
              ++opened[path.substr(path.rfind("books/") + 6)];
              return beside(path);
            }),
            "");
  EXPECT_EQ(opened,
            (std::map<std::string, int>{{"runs.lua", 1}, {"more.lua", 1}, {"lib/one.lua", 1}, {"lib/two.lua", 1}}));
  ASSERT_EQ(files.all().size(), 5u);
  for (uint32_t i = 1; i < 5; ++i) EXPECT_EQ(files.at(i).digest, sha256_hex(files.at(i).text)) << files.at(i).path;
}

TEST_F(Loading, TakesTheExtensionsOfCalledPlaybooks) {
  write("books/runs.lua", "return {f = function() return 1 end}\n");
  write("books/lib/more.lua",
        "action 'restart' {summary = 's', effect = 'write', run = function(args, ctx) return {} end}\n");
  write("books/lib/runs.lua", "return {f = function() return 2 end}\n");
  write("books/p.muster.yaml",
        head + "extensions: [runs.lua]\n" + body + "      - call: {playbook: lib/q.muster.yaml}\n");
  write("books/lib/q.muster.yaml",
        "muster: 1\nplaybook: q\nextensions: [more.lua, ../runs.lua]\n" + body + "      - restart: {}\n");
  EXPECT_EQ(check(), "");
  EXPECT_EQ(files.all().size(), 4u);
  write("books/lib/q.muster.yaml",
        "muster: 1\nplaybook: q\nextensions: [more.lua, runs.lua]\n" + body + "      - restart: {}\n");
  EXPECT_EQ(check(), "bad-extension: two extensions are called `runs`\n");
}

}  // namespace
}  // namespace muster
