// libcurl, loaded at its first use: the functions that we call, typed by its own header.
//
// Private to the files of this room that speak through libcurl: they include <curl/curl.h> before it, which therefore
// shows in no header.
// Errors: `not_found` without libcurl 7.85 or later, `storage` when it cannot be started.
// Threads: safe from several threads.
#pragma once

#ifndef LIBCURL_VERSION_NUM
#error "include <curl/curl.h> first"
#endif

#include "interpreter/base/result.h"

namespace muster {

struct CurlFunctions {
  decltype(&::curl_global_init) global_init;
  decltype(&::curl_version_info) version_info;
  decltype(&::curl_easy_init) easy_init;
  decltype(&::curl_easy_cleanup) easy_cleanup;
  decltype(&::curl_easy_reset) easy_reset;
  decltype(&::curl_easy_setopt) easy_setopt;
  decltype(&::curl_easy_getinfo) easy_getinfo;
  decltype(&::curl_easy_perform) easy_perform;
  decltype(&::curl_easy_strerror) easy_strerror;
  decltype(&::curl_multi_init) multi_init;
  decltype(&::curl_multi_cleanup) multi_cleanup;
  decltype(&::curl_multi_add_handle) multi_add_handle;
  decltype(&::curl_multi_remove_handle) multi_remove_handle;
  decltype(&::curl_multi_perform) multi_perform;
  decltype(&::curl_multi_poll) multi_poll;
  decltype(&::curl_multi_wakeup) multi_wakeup;
  decltype(&::curl_multi_info_read) multi_info_read;
  decltype(&::curl_slist_append) slist_append;
  decltype(&::curl_slist_free_all) slist_free_all;
};

// The one table of the process; it stays.
[[nodiscard]] Result<const CurlFunctions*> curl_functions();

}  // namespace muster
