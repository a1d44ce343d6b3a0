// Feeds a fuzz target without a fuzzer: every file of the given folders as it is, cut short, and changed by a seeded
// random hand. So each test run walks the target under the sanitizers, and a finding of the fuzzer stays found once its
// file is in tests/fuzz/found.
//
//   replay MUTATIONS FOLDER...
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

void feed(const std::string& text) {
  // A copy of its own, so that a read behind its end is seen.
  std::vector<uint8_t> bytes(text.begin(), text.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

std::string changed(std::string text, std::mt19937_64& random, const std::vector<std::string>& corpus) {
  static const std::vector<std::string> words = {"${{",    "}}",
                                                 "steps.", "inputs.",
                                                 "[[",     "]]",
                                                 "'",      "\"",
                                                 "\\",     "\t",
                                                 "- ",     ": ",
                                                 "{",      "}",
                                                 "[",      "]",
                                                 "&a ",    "*a",
                                                 "#",      "\n",
                                                 "|",      ">",
                                                 "\r\n",   "\xEF\xBB\xBF",
                                                 "\xFF",   "9999999999999999999"};
  for (size_t n = 1 + random() % 4; n > 0; --n) {
    size_t at = text.empty() ? 0 : random() % text.size();
    switch (random() % 6) {
      case 0:
        text.resize(at);
        break;
      case 1:
        text.insert(at, words[random() % words.size()]);
        break;
      case 2:
        text.erase(at, 1 + random() % 8);
        break;
      case 3:
        if (!text.empty()) text[at] = static_cast<char>(random());
        break;
      case 4: {
        const std::string& other = corpus[random() % corpus.size()];
        if (!other.empty()) text.insert(at, other, random() % other.size(), 1 + random() % 64);
        break;
      }
      default:
        text.insert(at, text.substr(at, 1 + random() % 200));
        break;
    }
  }
  return text.substr(0, 64 << 10);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  std::vector<std::string> files;
  for (int i = 2; i < argc; ++i)
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i]))
      if (entry.is_regular_file() && entry.file_size() < (64 << 10)) files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  std::vector<std::string> corpus;
  for (const std::string& path : files) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    feed(corpus.back());
  }
  if (corpus.size() < 10) {
    std::fprintf(stderr, "only %zu files to begin with\n", corpus.size());
    return 1;
  }
  std::mt19937_64 random(20261121);
  int mutations = std::atoi(argv[1]);
  for (int i = 0; i < mutations; ++i) feed(changed(corpus[random() % corpus.size()], random, corpus));
  std::printf("%zu files, %d changed ones\n", corpus.size(), mutations);
  return 0;
}
