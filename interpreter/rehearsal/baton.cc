#include "interpreter/rehearsal/baton.h"

#include <algorithm>
#include <cassert>

namespace muster {
thread_local Baton::Job* Baton::mine_ = nullptr;

Baton::~Baton() {
  // The loop has waited for its jobs; what is left of them is the way out of their threads.
  hurry(true);
  while (!jobs_.empty()) {
    bool any = false;
    for (auto it = queue_.begin(); it != queue_.end();) {
      Job* job = it->second.job;
      it = queue_.erase(it);
      if (!job) continue;
      give_to(*job);
      any = true;
      break;
    }
    if (!any) break;
  }
  for (std::unique_ptr<Job>& job : jobs_)
    if (job->thread.joinable()) job->thread.join();
}

Baton::Key Baton::add(int64_t at_us, Due due) {
  std::lock_guard lock(mutex_);
  Key key{at_us, ++sequence_};
  queue_.emplace(key, std::move(due));
  return key;
}

void Baton::start(std::function<void()> run) {
  auto job = std::make_unique<Job>();
  job->run = std::move(run);
  Job* raw = job.get();
  raw->thread = std::thread([this, raw] {
    mine_ = raw;
    raw->go.take();
    raw->run();
    raw->run = nullptr;
    raw->over = true;
    loop_.give();
  });
  jobs_.push_back(std::move(job));
  (void)add(now_us_, {raw, {}});
}

void Baton::post(std::function<void()> on_loop) {
  Job* job = mine_;
  (void)add(now_us_, {nullptr, std::move(on_loop)});
  if (!job) return;
  (void)add(now_us_, {job, {}});
  pass_on(*job);
}

void Baton::at(Duration later, std::function<void()> on_loop) {
  (void)add(now_us_ + std::max<int64_t>(later.us, 0), {nullptr, std::move(on_loop), true});
}

bool Baton::sleep(Duration duration, const std::stop_token& stop) {
  Job* job = mine_;
  assert(job && "only a job may sleep");
  {
    std::lock_guard lock(mutex_);
    if (stop.stop_requested() || hurry_) return false;
    job->asleep = add(now_us_ + std::max<int64_t>(duration.us, 0), {job, {}});
  }
  {
    // Whoever asks it to stop has the baton, and the job goes on when its turn comes.
    std::stop_callback woken(stop, [this, job] { wake(*job); });
    pass_on(*job);
  }
  std::lock_guard lock(mutex_);
  job->asleep = {-1, -1};
  return !stop.stop_requested() && !hurry_;
}

void Baton::wake(Job& job) {
  std::lock_guard lock(mutex_);
  if (job.asleep.first < 0 || queue_.erase(job.asleep) == 0) return;
  job.asleep = add(now_us_, {&job, {}});
}

void Baton::hurry(bool on) {
  std::lock_guard lock(mutex_);
  hurry_ = on;
  if (!on) return;
  for (std::unique_ptr<Job>& job : jobs_) wake(*job);
}

void Baton::forget_plans() {
  std::lock_guard lock(mutex_);
  std::erase_if(queue_, [](const auto& entry) { return entry.second.planned; });
}

void Baton::give_to(Job& job) {
  job.go.give();
  loop_.take();
  if (!job.over) return;
  job.thread.join();
  std::erase_if(jobs_, [&](const std::unique_ptr<Job>& one) { return one.get() == &job; });
}

void Baton::pass_on(Job& job) {
  loop_.give();
  job.go.take();
}

void Baton::wait(std::optional<Duration> boot_deadline) {
  while (true) {
    Due due;
    {
      std::lock_guard lock(mutex_);
      const bool none = queue_.empty();
      if (boot_deadline) {
        const int64_t deadline = std::max<int64_t>(boot_deadline->us - baton_boot_offset.us, now_us_);
        if (none || deadline < queue_.begin()->first.first) {
          now_us_ = deadline;
          return;
        }
      }
      if (!none) {
        now_us_ = std::max<int64_t>(now_us_, queue_.begin()->first.first);
        due = std::move(queue_.begin()->second);
        queue_.erase(queue_.begin());
      }
    }
    if (due.job) {
      give_to(*due.job);
      continue;
    }
    if (due.on_loop) {
      due.on_loop();
    } else if (on_stuck) {
      on_stuck();
    }
    return;
  }
}

}  // namespace muster
