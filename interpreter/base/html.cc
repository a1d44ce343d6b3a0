#include "interpreter/base/html.h"

#include "interpreter/base/utf8.h"

namespace muster {
namespace {

constexpr std::string_view style =
    "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:72em;padding:0 1em;color:#1c2430}"
    "h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}code,pre{font:13px/1.45 ui-monospace,monospace}"
    "table{border-collapse:collapse;margin:.5em 0}th,td{text-align:left;padding:.2em .8em .2em 0;"
    "border-bottom:1px solid #d8dee6;vertical-align:top}pre{background:#f4f6f8;padding:.8em;overflow:auto}"
    "ul{list-style:none;padding-left:1.3em}.tree>ul{padding-left:0}"
    ".all,.some,.none,.nothing{padding:.05em .45em;border-radius:.3em}.all{background:#c9efd2}.some{background:#ffeeb3}"
    ".none{background:#ffd2cf}.nothing{background:#e8ebef}.bad{color:#b3261e;font-weight:600}.small{color:#5b6673;"
    "font-size:.9em}svg{max-width:100%;height:auto}";

}  // namespace

std::string html_text(std::string_view text) {
  std::string out;
  for (char c : escape_for_terminal(text, true)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

std::string html_page(std::string_view title, const std::string& body) {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
         "<meta name=\"viewport\" content=\"width=device-width\">\n<title>" +
         html_text(title) + "</title>\n<style>" + std::string(style) + "</style>\n</head>\n<body>\n" + body +
         "</body>\n</html>\n";
}

}  // namespace muster
