"""Keepwell as it is: the demo on a free port, in a folder of its own."""

import html
import json
import os
import re
import shutil
import subprocess
import tempfile
import threading
import urllib.parse
import urllib.request

PASSWORD = "a password of twelve"

# How long the demo may take to be there, in seconds.
PATIENCE = 300

# A run that waits for a person, of which every visitor needs one.
HELD = """\
playbook: {name}
about: More accounts than may enter without a person, so that somebody has a run to approve.
alerts_to: cs-ops@example.com
schedule: "0 3 1 1 *"
when: account.tier == "A"
reentry: {{ once_per: period("quarter") }}
guardrails: {{ hold_above: {{ count: 1 }}, ramp: {{ first: 1000 }} }}
steps:
  - task: {{ id: greet, title: "Greet {{{{ account.name }}}}", to: csm, due: 5 business days }}
"""


class Demo:
    """A running demo, until `close`. Its users are added before anybody looks."""

    def __init__(self, program, source, held):
        self.folder = tempfile.mkdtemp(prefix="keepwell-browser-")
        # Its Postgres belongs to another user when root runs it.
        os.chmod(self.folder, 0o755)
        shutil.copytree(os.path.join(source, "scripts"), os.path.join(self.folder, "scripts"))
        playbooks = os.path.join(self.folder, "playbooks")
        shutil.copytree(os.path.join(source, "playbooks"), playbooks)
        for name in held:
            with open(os.path.join(playbooks, f"{name}.yaml"), "w") as file:
                file.write(HELD.format(name=name))
        self.program = program
        self.lines = []
        self.log = open(os.path.join(self.folder, "log"), "w+")
        self.process = subprocess.Popen(
            [program, "demo", "--port", "0"],
            cwd=self.folder,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        try:
            self.base = self.read_address()
        except BaseException:
            self.close()
            raise

    def read_address(self):
        """Where its pages are; the rest of what it prints is read and let go."""
        found = threading.Event()
        addresses = []

        def read():
            for line in self.process.stdout:
                match = re.search(r"http://\S+:\d+", line)
                if match and not addresses:
                    addresses.append(match.group())
                    found.set()
            found.set()

        threading.Thread(target=read, daemon=True).start()
        found.wait(PATIENCE)
        if not addresses:
            raise RuntimeError(f"keepwell demo did not start:\n{self.read_log()}")
        return addresses[0]

    def read_log(self):
        self.log.flush()
        with open(self.log.name) as file:
            return file.read()[-4000:]

    def command(self, *arguments, password=None):
        """What a command prints that is called beside the demo."""
        variables = environment()
        if password:
            variables["KEEPWELL_PASSWORD"] = password
        done = subprocess.run(
            [self.program, "--demo", *arguments],
            cwd=self.folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        if done.returncode != 0:
            raise RuntimeError(f"keepwell {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def add_user(self, name, role):
        self.command("user", "add", name, "--role", role, password=PASSWORD)

    def password_link(self, name):
        """The address at which a user sets a password."""
        return re.search(r"/password/\S+", self.command("user", "link", name)).group()

    def mail_links(self):
        """The paths of customers' pages that mails lead to.

        To a survey each mail has several; here is the one with the highest answer.
        """
        kinds = {"unsubscribe": r"/u/[^\s\"<>)]+", "survey": r"/s/[^\s\"<>)]+\?answer=\d+"}
        links = {kind: [] for kind in kinds}
        page = "/messages"
        while page:
            text = self.get(page)
            for address in sorted(set(re.findall(r'href="(/messages/[^"?]+)"', text))):
                # A mail with HTML stands in the page as a text of its own.
                body = html.unescape(html.unescape(self.get(address)))
                for kind, path in kinds.items():
                    found = re.findall(re.escape(self.base) + f"({path})", body)
                    if found and found[-1] not in links[kind]:
                        links[kind].append(found[-1])
            more = re.search(r'href="([^"]+)" rel="next"', text)
            page = html.unescape(more.group(1)) if more else None
        for kind, found in links.items():
            if not found:
                raise RuntimeError(f"no mail of the demo has a link of the kind {kind}")
        return links

    def plan_link(self):
        """The path of the customer's page of a success plan, as the page of its account has it."""
        goals = json.loads(self.command("goals", "--format", "json"))["goals"]
        # One of which something was measured on the way shows most.
        goal = max(goals, key=lambda goal: (bool(goal["milestones"]), goal["progress"] or 0))
        account = urllib.parse.quote(goal["account"], safe="")
        return re.search(re.escape(self.base) + r"(/g/[0-9a-f.]+)", self.get(f"/accounts/{account}")).group(1)

    def get(self, address):
        """The text of a page; for as long as nobody has to log in."""
        with urllib.request.urlopen(urllib.parse.urljoin(self.base, address), timeout=60) as answer:
            return answer.read().decode()

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def environment():
    """The variables of this process without those that lead Keepwell elsewhere."""
    away = ("KEEPWELL_", "PG")
    return {name: value for name, value in os.environ.items() if not name.startswith(away) and name != "DATABASE_URL"}
