// SQLite's usual files, read in large pieces: for checks, which walk a whole database mostly in its order and would ask
// the system for each page.
//
// What was read ahead is forgotten with each lock that is taken or given back, and a database in WAL mode is read page
// by page, so that nothing is seen that SQLite would not see by itself.
// A file that is still being written is waited for, page by page, where the connection was told of its Arrival.
// Threads: the name may be asked for from several; an open file belongs to its connection.
// Source: https://www.sqlite.org/c3ref/io_methods.html
#pragma once

namespace muster {

// The name of its VFS, for sqlite3_open_v2. nullptr where SQLite has no files of its own.
[[nodiscard]] const char* sqlite_reading_ahead();

// The file control by which a connection's file learns of its Arrival; the argument is an Arrival*, which must outlive
// it.
inline constexpr int reading_while_arriving = 0x4d535452;

}  // namespace muster
