// Programs that live as long as the group of their step: the real ones, the run killed and taken up again around them.
#include <gtest/gtest.h>

#include "tests/live/program.h"

namespace muster {
namespace {

bool is_alive(pid_t pid) {
  const std::string stat = read_text("/proc/" + std::to_string(pid) + "/stat");
  const size_t end = stat.rfind(") ");
  return end != std::string::npos && stat[end + 2] != 'Z' && stat[end + 2] != 'X';
}

class Lifetimes : public ::testing::Test {
 protected:
  // A tunnel, a step that waits until it is let go, a step behind the group. Who has ended and was not waited for yet
  // is a zombie, and gone.
  std::string playbook() const {
    const std::string text = R"yaml(
muster: 1
playbook: tunnelled
phases:
  - id: through
    steps:
      - id: tunnel
        shell:
          script: |
            setsid sleep 1000 >/dev/null 2>&1 &
            echo $! > pid
            until grep -q sleep /proc/$!/comm; do sleep 0.01; done
          cwd: PLACE
          lifetime: group
      - id: used
        idempotent: true
        shell: {script: 'echo begun > begun; while ! test -e go; do sleep 0.05; done', cwd: PLACE}
  - id: behind
    steps:
      - id: gone
        shell:
          script: |
            case "$(sed 's/.*) //' "/proc/$(cat pid)/stat" 2>/dev/null)" in
              ""|Z*) exit 0 ;;
            esac
            exit 1
          cwd: PLACE
)yaml";
    std::string out;
    for (size_t at = 0;;) {
      const size_t place = text.find("PLACE", at);
      out += text.substr(at, place - at);
      if (place == std::string::npos) break;
      out += home.path("");
      at = place + 5;
    }
    return home.write("p.muster.yaml", out);
  }
  pid_t tunnel() const { return static_cast<pid_t>(std::atoi(read_text(home.path("pid")).c_str())); }
  // The run stands in the step behind the tunnel.
  std::unique_ptr<Background> begun() {
    std::unique_ptr<Background> running = home.start({"run", playbook()});
    EXPECT_TRUE(eventually([&] { return home.has("begun"); })) << running->err();
    EXPECT_GT(tunnel(), 0);
    EXPECT_TRUE(is_alive(tunnel()));
    return running;
  }
  Home home;
};

TEST_F(Lifetimes, OfAGroupEndWithIt) {
  std::unique_ptr<Background> running = begun();
  home.write("go", "");
  Ran ran = running->wait();
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_FALSE(is_alive(tunnel()));
  const std::string told = home.muster({"audit", "last", "--output", "jsonl"}).out;
  EXPECT_NE(told.find("ended with its group: " + std::to_string(tunnel()) + " sleep"), std::string::npos) << told;
}

TEST_F(Lifetimes, OfAGroupOutliveTheKilledProgramAndEndWhenTheResumedGroupDoes) {
  std::unique_ptr<Background> running = begun();
  running->signal(SIGKILL);
  (void)running->wait();
  EXPECT_TRUE(is_alive(tunnel())) << "its group has not ended";
  const pid_t before = tunnel();
  home.write("go", "");
  Ran resumed = home.muster({"resume", "last"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(tunnel(), before) << "it was begun once";
  EXPECT_FALSE(is_alive(before));
}

TEST_F(Lifetimes, OfAGroupEndWhereTheKilledRunIsCancelled) {
  std::unique_ptr<Background> running = begun();
  running->signal(SIGKILL);
  (void)running->wait();
  home.write("go", "");
  Ran cancelled = home.muster({"cancel", "last", "--now", "--reason", "enough"});
  EXPECT_FALSE(is_alive(tunnel())) << cancelled.out << cancelled.err;
}

TEST_F(Lifetimes, OfAGroupEndWithARunThatIsInterrupted) {
  std::unique_ptr<Background> running = begun();
  running->signal(SIGINT);
  Ran ran = running->wait();
  EXPECT_EQ(ran.code, 130) << ran.err;
  EXPECT_FALSE(is_alive(tunnel()));
}

}  // namespace
}  // namespace muster
