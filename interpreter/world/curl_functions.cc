#include <curl/curl.h>
#include <dlfcn.h>

#include "interpreter/world/curl_functions.h"

namespace muster {

namespace {

constexpr unsigned oldest_version = 0x075500;  // 7.85: protocols are limited by name

template <class F>
bool find_function(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(::dlsym(library, name));
  return function != nullptr;
}

Result<CurlFunctions> load() {
  // Never closed: a resolver thread of the library may still run when its request has long been given up.
  void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    return fail(ErrorCode::not_found, "libcurl could not be loaded", "install the package `libcurl4`");
  }
  CurlFunctions f{};
  bool is_whole = find_function(library, "curl_global_init", f.global_init) &&
                  find_function(library, "curl_version_info", f.version_info) &&
                  find_function(library, "curl_easy_init", f.easy_init) &&
                  find_function(library, "curl_easy_cleanup", f.easy_cleanup) &&
                  find_function(library, "curl_easy_reset", f.easy_reset) &&
                  find_function(library, "curl_easy_setopt", f.easy_setopt) &&
                  find_function(library, "curl_easy_getinfo", f.easy_getinfo) &&
                  find_function(library, "curl_easy_perform", f.easy_perform) &&
                  find_function(library, "curl_easy_strerror", f.easy_strerror) &&
                  find_function(library, "curl_multi_init", f.multi_init) &&
                  find_function(library, "curl_multi_cleanup", f.multi_cleanup) &&
                  find_function(library, "curl_multi_add_handle", f.multi_add_handle) &&
                  find_function(library, "curl_multi_remove_handle", f.multi_remove_handle) &&
                  find_function(library, "curl_multi_perform", f.multi_perform) &&
                  find_function(library, "curl_multi_poll", f.multi_poll) &&
                  find_function(library, "curl_multi_wakeup", f.multi_wakeup) &&
                  find_function(library, "curl_multi_info_read", f.multi_info_read) &&
                  find_function(library, "curl_slist_append", f.slist_append) &&
                  find_function(library, "curl_slist_free_all", f.slist_free_all);
  if (!is_whole || f.version_info(CURLVERSION_NOW)->version_num < oldest_version) {
    return fail(ErrorCode::not_found, "libcurl 7.85 or later is needed", "install the package `libcurl4`");
  }
  if (f.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return fail(ErrorCode::storage, "libcurl could not be started");
  return f;
}

}  // namespace

Result<const CurlFunctions*> curl_functions() {
  static const Result<CurlFunctions> loaded = load();
  if (!loaded) return pass(loaded.error());
  return &*loaded;
}

}  // namespace muster
