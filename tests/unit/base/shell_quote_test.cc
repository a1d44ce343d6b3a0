#include "interpreter/base/shell_quote.h"

#include <gtest/gtest.h>
#include <stdio.h>

namespace muster {
namespace {

// What the real shell makes of a line, each word followed by a line end.
std::string read_by_sh(const std::string& line) {
  std::string command = "printf '%s\\n' " + line;
  FILE* shell = ::popen(command.c_str(), "r");
  std::string out;
  for (int c = 0; shell && (c = ::fgetc(shell)) != EOF;) out.push_back(static_cast<char>(c));
  if (shell) ::pclose(shell);
  return out;
}

TEST(ShellQuote, LeavesPlainWordsAsTheyAre) {
  EXPECT_EQ(shell_quote("/usr/bin/pg_ctl"), "/usr/bin/pg_ctl");
  EXPECT_EQ(shell_quote("--max=1.5:2,a@b+c%d"), "--max=1.5:2,a@b+c%d");
}

TEST(ShellQuote, QuotesWhatAShellWouldChange) {
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("a b"), "'a b'");
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quote("~root"), "'~root'");
  EXPECT_EQ(shell_quote("\xC3\xBC"), "'\xC3\xBC'");
}

TEST(ShellQuote, QuotesAWordThatWouldBeAnAssignmentInFrontOfACommand) {
  EXPECT_EQ(shell_line({"A=b", "env"}), "'A=b' env");
  EXPECT_EQ(shell_line({"env", "A=b"}), "env A=b");
}

TEST(RemoteShellLine, KeepsWhatAnotherShellWouldTakeForAKeywordOrExpand) {
  EXPECT_EQ(remote_shell_line({"systemctl", "restart", "app.service"}), "systemctl restart app.service");
  EXPECT_EQ(remote_shell_line({"if", "true"}), "'if' true");
  EXPECT_EQ(remote_shell_line({"echo", "if"}), "echo if");
  EXPECT_EQ(remote_shell_line({"echo", "=ls", "a=b"}), "echo '=ls' a=b");
  EXPECT_EQ(remote_shell_line({"A=b", "env"}), "'A=b' env");
}

// Every byte but zero, alone and between others; then words that shells find interesting.
std::vector<std::string> interesting_words() {
  std::vector<std::string> words{"",     "'",  "''", "\\", "\\'",   "$HOME", "`id`",        "$(id)", "!x", "#x",
                                 "a\nb", "\n", "-n", "*",  "{a,b}", "~",     "a;b&c|d>e<f", "=ls",   "if", "--"};
  for (int byte = 1; byte < 256; ++byte) {
    words.emplace_back(1, static_cast<char>(byte));
    words.push_back("a" + std::string(1, static_cast<char>(byte)) + "b");
  }
  return words;
}

TEST(RemoteShellLine, IsReadBackByTheRealShellByteForByte) {
  std::vector<std::string> words = interesting_words();
  std::string expected;
  for (const std::string& word : words) expected += word + "\n";
  EXPECT_EQ(read_by_sh(remote_shell_line(words)), expected);
}

TEST(ShellQuote, IsReadBackByTheRealShellByteForByte) {
  std::vector<std::string> words = interesting_words();
  std::string expected;
  for (const std::string& word : words) expected += word + "\n";
  EXPECT_EQ(read_by_sh(shell_line(words)), expected);
}

}  // namespace
}  // namespace muster
