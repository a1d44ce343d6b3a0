"""A small SMTP server on 127.0.0.1, for tests: keeps each message it is given as a line of JSON.

Usage: mail_server.py FOLDER [CERTIFICATE KEY]   TLS from the first byte where they are given.

Writes its port to FOLDER/port once it listens. A recipient that begins with `refused` is refused. Ends with its stdin.
"""
import base64
import email
import email.policy
import json
import os
import socketserver
import ssl
import sys
import threading

FOLDER = sys.argv[1]
CONTEXT = None
if len(sys.argv) > 3:
    CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CONTEXT.load_cert_chain(sys.argv[2], sys.argv[3])
LOCK = threading.Lock()


class Session(socketserver.StreamRequestHandler):
    def setup(self):
        if CONTEXT:
            self.request = CONTEXT.wrap_socket(self.request, server_side=True)
        super().setup()

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        sender, recipients, user = "", [], ""
        self.say("220 here")
        for line in self.rfile:
            word = line.decode().strip()
            verb = word.upper().split(" ")[0]
            if verb == "EHLO":
                self.say("250-here\r\n250-AUTH PLAIN\r\n250 8BITMIME")
            elif verb == "AUTH":
                given = word.split(" ")
                if len(given) < 3:
                    self.say("334 ")
                    given.append(self.rfile.readline().decode().strip())
                user = base64.b64decode(given[-1]).decode().split("\0")[1]
                self.say("235 you are " + user)
            elif verb == "MAIL":
                sender = word[word.index("<") + 1:word.index(">")]
                self.say("250 ok")
            elif verb == "RCPT":
                to = word[word.index("<") + 1:word.index(">")]
                if to.startswith("refused"):
                    self.say("550 nobody of that name")
                else:
                    recipients.append(to)
                    self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                lines = []
                for data in self.rfile:
                    if data == b".\r\n":
                        break
                    lines.append(data[1:] if data.startswith(b".") else data)
                mail = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                with LOCK, open(os.path.join(FOLDER, "mail.jsonl"), "a") as kept:
                    kept.write(json.dumps({"from": sender, "to": recipients, "user": user,
                                           "subject": mail["Subject"], "text": mail.get_content()}) + "\n")
                self.say("250 kept")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request, address):
        pass  # a client that does not trust our certificate hangs up


with Server(("127.0.0.1", 0), Session) as server:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(os.path.join(FOLDER, "port.part"), "w") as port:
        port.write(str(server.server_address[1]))
    os.rename(os.path.join(FOLDER, "port.part"), os.path.join(FOLDER, "port"))
    sys.stdin.read()
