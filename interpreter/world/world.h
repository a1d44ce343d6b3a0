// Everything through which anything touches the world, and what a function may do told by what it is handed:
// Look reads, Trial tries and takes back by itself, Touch changes. A dry run never constructs a Touch.
//
// Source: docs/architecture.md, "How the engine works".
#pragma once

#include "interpreter/world/clock.h"
#include "interpreter/world/entropy.h"
#include "interpreter/world/files.h"
#include "interpreter/world/http.h"
#include "interpreter/world/messages.h"
#include "interpreter/world/processes.h"
#include "interpreter/world/scratch.h"
#include "interpreter/world/sql.h"
#include "interpreter/world/variables.h"

namespace muster {

struct Look {
  Clock& clock;
  FilesRead& files;
  SqlRead& sql;
  HttpRead& http;
  DeclaredReads& commands;
};

struct Trial {
  SqlTrial& sql;
  Scratch& scratch;
};

struct Touch {
  Look look;
  Files& files;
  Sql& sql;
  Http& http;
  Processes& processes;
  Entropy& entropy;
  Channels* channels = nullptr;  // none: no message can be sent
};

// The ports of one interpreter; the engine makes Looks and Touches of it.
struct World {
  Clock& clock;
  Files& files;
  Sql& sql;
  SqlTrial& sql_trial;
  Http& http;
  Processes& processes;
  Scratch& scratch;
  Entropy& entropy;
  Variables& variables;
  Channels* channels = nullptr;  // none: no message can be sent
  [[nodiscard]] Look look() { return {clock, files, sql, http, processes}; }
  [[nodiscard]] Trial trial() { return {sql_trial, scratch}; }
  [[nodiscard]] Touch touch() { return {look(), files, sql, http, processes, entropy, channels}; }
};

}  // namespace muster
