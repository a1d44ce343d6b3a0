-- Encrypted boxes as files. A box is two lines: a header, {"box", "version", "count", "key", "mac"}, and its records as JSON,
-- encrypted by AES-256 (openssl, PBKDF2 with a salt of its own) and written in base64. `key` tells which key without
-- telling it; `mac` is an HMAC-SHA256 over all else, made with a key of its own that is derived from the box key. So a
-- wrong key, a changed byte and a cut file are told apart, and nothing is decrypted before its mac fits.
--
-- What a call of `ctx` gives is journaled. So one program does all that needs a record in the clear, and tells only what may
-- be kept: counts, names, reasons. Keys go in through its environment, and from there into that of openssl.

local program = [==[
import hmac, json, os, re, subprocess, sys

def stop(problem, reason):
    print(json.dumps({"problem": problem, "reason": reason}))
    sys.exit(0)

def key_of(name):
    if not re.fullmatch("[0-9a-fA-F]{64}", os.environ[name]):
        stop("wrong_key", "the key has not 32 bytes: a key file holds 64 hexadecimal digits")
    return bytes.fromhex(os.environ[name])

def mac_of(key, header, body):
    told = "\n".join([header["box"], str(header["version"]), str(header["count"]), body])
    return hmac.new(hmac.digest(key, b"mac", "sha256"), told.encode(), "sha256").hexdigest()

def id_of(key):
    return hmac.digest(key, b"id", "sha256").hex()[:16]

def openssl(name, text, *words):
    done = subprocess.run(["openssl", "enc", "-aes-256-cbc", "-pbkdf2", "-base64", "-A", "-pass", "env:" + name, *words],
                          input=text, capture_output=True)
    return done.stdout if done.returncode == 0 else None

def read(file, name):
    key = key_of(name)
    try:
        with open(file, encoding="utf-8", newline="\n") as text:
            lines = text.read().split("\n")
        header, body = json.loads(lines[0]), lines[1]
        assert isinstance(header["box"], str) and isinstance(header["count"], int) and isinstance(header["mac"], str)
        assert isinstance(header["key"], str) and body
    except OSError as problem:
        stop("missing", str(problem))
    except (ValueError, KeyError, IndexError, TypeError, AssertionError):
        stop("corrupt", "it has no readable header and body")
    if header.get("version") != 1:
        stop("corrupt", "its version is not known")
    if header["key"] != id_of(key):
        stop("wrong_key", "it was encrypted with another key")
    if not hmac.compare_digest(header["mac"], mac_of(key, header, body)):
        stop("corrupt", "its content does not fit its seal")
    plain = openssl(name, body.encode(), "-d")
    try:
        records = json.loads(plain)
        assert len(records) == header["count"]
    except (ValueError, TypeError, AssertionError):
        stop("corrupt", "it does not hold the records that its header tells")
    return header["box"], records

def keep(file, content):
    with open(os.open(file + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())
    os.replace(file + ".new", file)

def write(file, box, name, records):
    key = key_of(name)
    body = openssl(name, json.dumps(records).encode(), "-salt")
    if not body:
        stop("failed", "openssl does not encrypt")
    body = body.decode().strip()
    header = {"box": box, "version": 1, "count": len(records), "key": id_of(key)}
    header["mac"] = mac_of(key, header, body)
    keep(file, json.dumps(header) + "\n" + body + "\n")

def told(**values):
    print(json.dumps(values))

operation, file, *words = sys.argv[1:]
if operation == "write":
    records = json.load(sys.stdin)
    write(file, re.sub(r"\.box$", "", os.path.basename(file)), "BOX_KEY", records)
    told(count=len(records))
elif operation == "inspect":
    box, records = read(file, "BOX_KEY")
    told(count=len(records), key_id=id_of(key_of("BOX_KEY")))
elif operation == "rekey":
    box, records = read(file, "BOX_KEY")
    write(words[0], box, "NEW_KEY", records)
    if read(words[0], "NEW_KEY") != (box, records):
        stop("corrupt", "what was written is not what was read")
    told(count=len(records))
elif operation in ("erase", "count"):
    box, records = read(file, "BOX_KEY")
    kept = [record for record in records if record.get(words[0]) != words[1]]
    if operation == "erase" and len(kept) < len(records):
        write(file, box, "BOX_KEY", kept)
    told(removed=len(records) - len(kept), kept=len(kept))
elif operation == "retype":
    box, records = read(file, "BOX_KEY")
    changed = [record for record in records if record.get("model") == words[0]]
    for record in changed:
        record["typeId"] = int(words[1])
    write(file, box, "BOX_KEY", records)
    told(changed=len(changed), count=len(records))
elif operation == "export":
    found = []
    for each in words[2:]:
        box, records = read(each, "BOX_KEY")
        found.append({"box": box, "records": [record for record in records if record.get(words[0]) == words[1]]})
    keep(file, json.dumps({"subject": words[1], "boxes": found, "audit": json.load(sys.stdin)}))
    told(count=sum(len(each["records"]) for each in found))
]==]

local file_field = {type = "path", required = true, description = "the file of the box"}
local key_field = {type = "string", required = true, secret = true, description = "its key: 64 hexadecimal digits"}
local owner_field = {type = "string", default = "subject", description = "the field that names whose record it is"}
local subject_field = {type = "string", required = true, description = "a reference of the subject"}

-- What the program tells; nothing of it is a record.
local function ask(ctx, effect, env, stdin, ...)
  local done = ctx.shell{argv = list.concat({"python3", "-c", program}, {...}), env = env, stdin = stdin, effect = effect}
  return json.decode(done.stdout)
end

-- The same; what is wrong with a box is an error.
local function demand(ctx, effect, env, stdin, ...)
  local answer = ask(ctx, effect, env, stdin, ...)
  if answer.problem then
    error{code = answer.problem, effect = "none", message = ({...})[2] .. ": " .. answer.reason}
  end
  return answer
end

local whole = {shell = {exit_code = 0, stdout = '{"count": 2, "key_id": "0011223344556677"}', stderr = ""}}
local key = string.rep("6b", 32)

action "box_inspect" {
  summary = "Whether a box opens, whether it is whole, and how much it holds",
  effect = "read",
  fields = {file = file_field, key = key_field},
  results = {
    intact = {type = "boolean", description = "it opens with this key, and every byte fits"},
    problem = {type = "string", description = "corrupt, wrong_key or missing; nil of an intact one"},
    reason = {type = "string", description = "more of the problem"},
    count = {type = "integer", description = "its records; nil where it is not intact"},
    key_id = {type = "string", description = "which key it was encrypted with"},
  },
  run = function(args, ctx)
    local answer = ask(ctx, "read", {BOX_KEY = args.key}, "", "inspect", args.file)
    answer.intact = answer.problem == nil
    return answer
  end,
  examples = {
    {args = {file = "/boxes/a.box", key = key}, answers = whole, result = {intact = true, count = 2, key_id = "0011223344556677"}},
    {args = {file = "/boxes/a.box", key = key}, answers = {shell = {exit_code = 0, stdout = '{"problem": "corrupt", "reason": "cut"}', stderr = ""}},
      result = {intact = false, problem = "corrupt", reason = "cut"}},
  },
}

action "box_write" {
  summary = "Write a box with the given records",
  effect = "write",
  fields = {file = file_field, key = key_field, records = {type = "list", of = "any", required = true, description = "what it holds"}},
  results = {count = {type = "integer", description = "its records"}},
  preview = function(args) return "write " .. #args.records .. " records to " .. args.file end,
  run = function(args, ctx)
    return demand(ctx, "write", {BOX_KEY = args.key}, json.encode(args.records), "write", args.file)
  end,
  examples = {{args = {file = "/boxes/a.box", key = key, records = {{id = 1}, {id = 2}}}, preview = "write 2 records to /boxes/a.box"}},
}

action "box_rekey" {
  summary = "Read a box with one key and write it elsewhere with another",
  effect = "write",
  fields = {
    file = file_field, key = key_field,
    to = {type = "path", required = true, description = "the file of the new box"},
    new_key = {type = "string", required = true, secret = true, description = "its key: 64 hexadecimal digits"},
  },
  results = {count = {type = "integer", description = "records that it holds"}},
  preview = function(args) return "encrypt " .. args.file .. " anew as " .. args.to end,
  run = function(args, ctx)
    return demand(ctx, "write", {BOX_KEY = args.key, NEW_KEY = args.new_key}, "", "rekey", args.file, args.to)
  end,
  examples = {{args = {file = "/a.box", key = key, to = "/b.box", new_key = key}, preview = "encrypt /a.box anew as /b.box"}},
}

action "box_erase" {
  summary = "Take the records of one subject out of a box",
  effect = "destructive",
  fields = {file = file_field, key = key_field, field = owner_field, subject = subject_field},
  results = {removed = {type = "integer", description = "records that went"}, kept = {type = "integer", description = "records that stayed"}},
  preview = function(args) return "take the records of " .. args.subject .. " out of " .. args.file end,
  run = function(args, ctx)
    return demand(ctx, "destructive", {BOX_KEY = args.key}, "", "erase", args.file, args.field, args.subject)
  end,
  examples = {{args = {file = "/a.box", key = key, subject = "p-1"}, preview = "take the records of p-1 out of /a.box"}},
}

action "box_count" {
  summary = "How many records of one subject a box holds",
  effect = "read",
  fields = {file = file_field, key = key_field, field = owner_field, subject = subject_field},
  results = {count = {type = "integer", description = "records of the subject"}},
  run = function(args, ctx)
    return {count = demand(ctx, "read", {BOX_KEY = args.key}, "", "count", args.file, args.field, args.subject).removed}
  end,
  examples = {
    {args = {file = "/a.box", key = key, subject = "p-1"}, result = {count = 3},
      answers = {shell = {exit_code = 0, stdout = '{"removed": 3, "kept": 1}', stderr = ""}}},
  },
}

action "box_export" {
  summary = "Write the records of one subject in several boxes to one file that only its owner reads",
  effect = "write",
  fields = {
    files = {type = "list", of = "path", required = true, description = "the files of the boxes"},
    key = key_field, field = owner_field, subject = subject_field,
    audit = {type = "list", of = "any", required = true, description = "entries of the audit log that go along"},
    to = {type = "path", required = true, description = "the file to write"},
  },
  results = {count = {type = "integer", description = "records that were written"}},
  preview = function(args) return "write the records of " .. args.subject .. " in " .. #args.files .. " boxes to " .. args.to end,
  run = function(args, ctx)
    local audit = #args.audit == 0 and "[]" or json.encode(args.audit)
    local words = list.concat({"export", args.to, args.field, args.subject}, args.files)
    return demand(ctx, "write", {BOX_KEY = args.key}, audit, table.unpack(words))
  end,
  examples = {{args = {files = {"/a.box"}, key = key, subject = "p-1", audit = {}, to = "/out.json"},
    preview = "write the records of p-1 in 1 boxes to /out.json"}},
}

action "box_retype" {
  summary = "Give the records of a model in a box another typeId",
  effect = "write",
  fields = {
    file = file_field, key = key_field,
    model = {type = "string", required = true, description = "the model whose records change"},
    to = {type = "integer", required = true, description = "its new typeId"},
  },
  results = {changed = {type = "integer", description = "records with the new typeId"}, count = {type = "integer", description = "all records"}},
  preview = function(args) return "records of " .. args.model .. " in " .. args.file .. " get the typeId " .. args.to end,
  run = function(args, ctx)
    return demand(ctx, "write", {BOX_KEY = args.key}, "", "retype", args.file, args.model, tostring(args.to))
  end,
  examples = {{args = {file = "/a.box", key = key, model = "Room", to = 11}, preview = "records of Room in /a.box get the typeId 11"}},
}
