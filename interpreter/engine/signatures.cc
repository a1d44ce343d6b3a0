#include "interpreter/engine/signatures.h"

#include "interpreter/base/digest.h"

namespace muster {
namespace {

constexpr const char* purpose = "muster-gate";  // no signature made for something else counts here
constexpr Duration longest = Duration::seconds(30);

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

Result<std::string> kept(World& world, const std::string& path, const std::string& text) {
  Result<std::unique_ptr<WriteFile>> file = world.files.create(path);
  if (!file) return pass(file.error());
  Result<void> written = (*file)->write_at(0, text);
  if (!written) return pass(written.error());
  return path;
}

}  // namespace

std::string signed_text(std::string_view verdict, std::string_view digest) {
  return std::string(verdict) + " " + std::string(digest) + "\n";
}

Result<std::string> sign_decision(World& world, const std::string& key_file, std::string_view verdict,
                                  std::string_view digest, std::stop_token stop) {
  Command command;
  command.argv = {"ssh-keygen", "-q", "-Y", "sign", "-f", key_file, "-n", purpose};
  command.input = signed_text(verdict, digest);
  command.timeout = longest;
  command.ssh_agent = true;
  Result<ProcessEnd> end = world.processes.observe(command, stop);
  if (!end) return pass(end.error());
  std::string signature = end->out.head + end->out.tail;
  if (end->kind != EndKind::exited || end->code != 0 || signature.rfind("-----BEGIN SSH SIGNATURE-----", 0) != 0)
    return fail(ErrorCode::refused, "`" + key_file + "` could not sign: " + first_line(end->err.head),
                "a key with a passphrase signs through an agent: `ssh-add " + key_file + "`");
  return signature;
}

Result<void> check_signature(World& world, const Configuration& configuration, const Vote& vote, std::stop_token stop) {
  std::string allowed;
  for (const Person& person : configuration.people)
    if (person.name.text == vote.person)
      for (const std::string& key : person.keys)
        allowed += person.name.text + " namespaces=\"" + purpose + "\" " + key + "\n";
  if (allowed.empty())
    return fail(ErrorCode::refused, "no key of `" + vote.person + "` is known",
                "give it under `people` of the configuration");
  if (vote.signature.empty())
    return fail(ErrorCode::refused, "the decision of `" + vote.person + "` is not signed", "add `--sign KEY`");
  Result<std::string> folder = world.scratch.directory();
  if (!folder) return pass(folder.error());
  const std::string name = *folder + "/" + to_hex(world.entropy.bytes(8));
  Result<std::string> signers = kept(world, name + ".signers", allowed);
  if (!signers) return pass(signers.error());
  Result<std::string> signature = kept(world, name + ".sig", vote.signature);
  if (!signature) return pass(signature.error());
  Command command;
  command.argv = {"ssh-keygen", "-Y", "verify", "-f", *signers, "-I", vote.person, "-n", purpose, "-s", *signature};
  command.input = signed_text(vote.verdict, vote.digest);
  command.timeout = longest;
  Result<ProcessEnd> end = world.processes.observe(command, stop);
  (void)world.files.remove(*signers);
  (void)world.files.remove(*signature);
  if (!end) return pass(end.error());
  if (end->kind == EndKind::exited && end->code == 0) return {};
  return fail(ErrorCode::refused,
              "the signature of `" + vote.person + "` does not hold: " + first_line(end->err.head + end->out.head));
}

}  // namespace muster
