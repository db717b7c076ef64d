"""Chromium without a window, driven by its DevTools protocol over a pipe.

It needs no package: requests and answers are JSON with a zero byte behind each.
Elements are found by what they are for whoever uses the page, their role and
their name, and used by the mouse and the keys. Every wait is for a condition.
"""

import base64
import contextlib
import fcntl
import json
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

# How long a condition may take to hold, in seconds: long, since only a failure waits for its end.
PATIENCE = 30

# The keys that write no letter, with their code for Windows, which Chromium goes by.
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27}


class PageFailure(AssertionError):
    """What a page does not do, or what it does that it should not."""


class ProtocolError(Exception):
    """A request that Chromium refused."""


class Chromium:
    """A browser with a profile of its own, until `close`."""

    def __init__(self, program):
        self.profile = tempfile.mkdtemp(prefix="keepwell-chromium-")
        arguments = [program, "--headless", "--remote-debugging-pipe", f"--user-data-dir={self.profile}"]
        arguments += ["--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
        arguments += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        if os.geteuid() == 0:
            # Chromium's sandbox refuses to work for root.
            arguments.append("--no-sandbox")
        requests, self.output = open_pipe()
        self.input, answers = open_pipe()

        def lay_pipes():
            os.dup2(requests, 3)
            os.dup2(answers, 4)

        self.log = open(os.path.join(self.profile, "log"), "w+")
        self.process = subprocess.Popen(
            [*arguments, "about:blank"],
            preexec_fn=lay_pipes,
            pass_fds=(3, 4),
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        os.close(requests)
        os.close(answers)
        self.buffer = b""
        self.number = 0
        self.listeners = {}
        self.version = self.send("Browser.getVersion")["product"]

    def send(self, method, session=None, **parameters):
        """Sends a request and returns its answer; events before it go to their pages."""
        self.number += 1
        number = self.number
        request = {"id": number, "method": method, "params": parameters}
        if session:
            request["sessionId"] = session
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.output, data) :]
        end = time.monotonic() + 2 * PATIENCE
        while True:
            answer = self.read(end)
            if answer is None:
                raise PageFailure(f"Chromium does not answer {method}")
            if answer.get("id") != number:
                continue
            if "error" in answer:
                raise ProtocolError(f"{method}: {answer['error'].get('message')}")
            return answer["result"]

    def read(self, end):
        """The next answer or event; none when there is none until `end`."""
        while b"\0" not in self.buffer:
            ready, _, _ = select.select([self.input], [], [], max(0, end - time.monotonic()))
            if not ready:
                return None
            data = os.read(self.input, 1 << 20)
            if not data:
                self.log.seek(0)
                raise PageFailure(f"Chromium has ended:\n{self.log.read()[-2000:]}")
            self.buffer += data
        text, self.buffer = self.buffer.split(b"\0", 1)
        answer = json.loads(text)
        listener = self.listeners.get(answer.get("sessionId"))
        if "method" in answer and listener:
            listener(answer["method"], answer["params"])
        return answer

    def open_page(self, base, view):
        """A page with cookies of its own, seen through `view`."""
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Page(self, session, base, view)

    def close(self):
        with contextlib.suppress(PageFailure, ProtocolError, OSError):
            self.send("Browser.close")
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.profile, ignore_errors=True)


def open_pipe():
    """Both ends of a pipe, with numbers above those that a process is born with."""
    ends = []
    for end in os.pipe():
        ends.append(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20))
        os.close(end)
    return ends


class Page:
    """A tab. What a page logs as an error, and whatever it loads in vain, is kept in `troubles`."""

    def __init__(self, chromium, session, base, view):
        self.chromium = chromium
        self.session = session
        self.base = base
        self.loads = 0
        self.status = None
        self.troubles = []
        chromium.listeners[session] = self.hear
        for domain in ["Page", "Runtime", "Network", "Log", "DOM", "Accessibility"]:
            self.send(f"{domain}.enable")
        self.show(view)

    def send(self, method, **parameters):
        return self.chromium.send(method, self.session, **parameters)

    def hear(self, event, values):
        if event == "Page.loadEventFired":
            self.loads += 1
        elif event == "Network.responseReceived":
            response = values["response"]
            if values["type"] == "Document":
                self.status = response["status"]
            elif response["status"] >= 400 and not response["url"].endswith("/favicon.ico"):
                # That one is asked for by the browser, and not by the page.
                self.troubles.append(f"{response['url']} answers {response['status']}")
        elif event == "Runtime.exceptionThrown":
            details = values["exceptionDetails"]
            self.troubles.append(details.get("exception", {}).get("description") or details["text"])
        elif event == "Log.entryAdded" and values["entry"]["level"] == "error":
            if values["entry"]["source"] != "network":
                self.troubles.append(values["entry"]["text"])

    def show(self, view):
        """Sets the size, the scheme of colours, and whether scripts run from the next page on."""
        self.view = view
        width, height = view.size
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=view.is_phone,
        )
        features = [("prefers-color-scheme", view.scheme), ("prefers-reduced-motion", "reduce")]
        self.send("Emulation.setEmulatedMedia", features=[{"name": name, "value": value} for name, value in features])
        self.send("Emulation.setScriptExecutionDisabled", value=not view.has_script)

    # Where it is

    def open(self, address, status=200):
        """Opens an address and waits until it is there."""
        with self.loading():
            self.send("Page.navigate", url=self.base + address if address.startswith("/") else address)
        if self.status != status:
            raise PageFailure(f"{address} answers {self.status}, not {status}")

    def ask(self, address):
        """The status and the type of what is at an address, with the cookies of this page."""
        cookies = self.send("Network.getCookies", urls=[self.base])["cookies"]
        kept = "; ".join(f"{cookie['name']}={cookie['value']}" for cookie in cookies)
        request = urllib.request.Request(self.base + address, headers={"cookie": kept}, method="HEAD")
        try:
            answer = urllib.request.urlopen(request, timeout=2 * PATIENCE)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            return answer.status, answer.headers.get_content_type()

    @contextlib.contextmanager
    def loading(self):
        """Waits for the page to which what is done within leads."""
        before = self.loads
        yield
        end = time.monotonic() + PATIENCE
        while self.loads == before:
            if self.chromium.read(end) is None:
                raise PageFailure("no new page was loaded")

    @property
    def address(self):
        """Where it is, from the host on."""
        return self.evaluate("location.pathname + location.search")

    # What is on it

    def evaluate(self, expression):
        answer = self.send("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise ProtocolError(answer["exceptionDetails"].get("exception", {}).get("description", expression))
        return answer["result"].get("value")

    def count(self, selector):
        return self.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length")

    def text(self, selector="body"):
        """What a reader sees of the first element that fits."""
        return self.evaluate(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''")

    def find_all(self, role, name=None, under=None):
        """The elements with this role and this name, a text or an expression, in order."""
        root = under.node if under else self.send("DOM.getDocument", depth=0)["root"]["backendNodeId"]
        nodes = self.send("Accessibility.queryAXTree", backendNodeId=root, role=role)["nodes"]
        seen = [node for node in nodes if not node["ignored"] and fits(name, read_name(node))]
        return [Element(self, node["backendDOMNodeId"], role, read_name(node)) for node in seen]

    def find(self, role, name=None, under=None):
        """The first of them, as soon as there is one."""
        return self.wait_for(
            lambda: next(iter(self.find_all(role, name, under)), None), f"there is no {role} {describe(name)}"
        )

    def select(self, selector):
        """The first element of a selector, as soon as there is one."""

        def look():
            root = self.send("DOM.getDocument", depth=0)["root"]["nodeId"]
            node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
            return node and self.send("DOM.describeNode", nodeId=node)["node"]["backendNodeId"]

        node = self.wait_for(look, f"there is no {selector}")
        return Element(self, node, "element", selector)

    def wait_for(self, condition, otherwise):
        """Waits until the condition returns something, and returns it."""
        end = time.monotonic() + PATIENCE
        while True:
            # Where a page is just being replaced by the next, its parts are gone.
            with contextlib.suppress(ProtocolError):
                value = condition()
                if value:
                    return value
            if time.monotonic() > end:
                raise PageFailure(otherwise)
            self.chromium.read(time.monotonic() + 0.02)

    def wait_for_text(self, words, selector="body"):
        self.wait_for(lambda: words in self.text(selector), f"“{words}” does not appear in {selector}")

    # What is done on it

    def press(self, *keys):
        """Presses keys: letters, or those of `KEYS`."""
        for key in keys:
            code = KEYS.get(key, ord(key.upper()) if len(key) == 1 else 0)
            text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
            shared = {"key": key, "windowsVirtualKeyCode": code}
            self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **shared)
            self.send("Input.dispatchKeyEvent", type="keyUp", **shared)

    def write(self, text):
        """Writes text where the focus is."""
        self.send("Input.insertText", text=text)

    def tab_to(self, selector, limit=400):
        """Presses Tab until an element that fits has the focus, as somebody without a mouse does."""
        for _ in range(limit):
            self.press("Tab")
            if self.has_focus(selector):
                return
        raise PageFailure(f"no Tab leads to {selector}")

    def has_focus(self, selector):
        return self.evaluate(f"document.activeElement.matches({json.dumps(selector)})")

    def picture(self, path, height=2400):
        """Keeps what it looks like from the top on."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "scale": 1, "width": self.view.size[0], "height": min(size["height"], height)}
        data = self.send("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))


class Element:
    """Something on a page, as long as the page is there."""

    def __init__(self, page, node, role, name):
        self.page = page
        self.node = node
        self.role = role
        self.name = name

    def call(self, function):
        """What a function in the page's language says of it."""
        thing = self.page.send("DOM.resolveNode", backendNodeId=self.node)["object"]["objectId"]
        answer = self.page.send(
            "Runtime.callFunctionOn", objectId=thing, functionDeclaration=function, returnByValue=True
        )
        return answer["result"].get("value")

    def click(self):
        """Clicks its middle with the mouse; nothing may lie above it."""
        self.page.send("DOM.scrollIntoViewIfNeeded", backendNodeId=self.node)
        quads = self.page.send("DOM.getContentQuads", backendNodeId=self.node)["quads"]
        if not quads:
            raise PageFailure(f"the {self.role} {describe(self.name)} is not to be seen")
        x, y = sum(quads[0][0::2]) / 4, sum(quads[0][1::2]) / 4
        is_free = self.call(
            f"""function () {{
              const top = document.elementFromPoint({x}, {y});
              return this.contains(top) || top?.closest("label")?.contains(this) || false;
            }}"""
        )
        if not is_free:
            raise PageFailure(f"something lies above the {self.role} {describe(self.name)}")
        for kind in ["mousePressed", "mouseReleased"]:
            self.page.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def follow(self):
        """Clicks it, and waits for the page to which it leads."""
        with self.page.loading():
            self.click()

    def fill(self, text):
        """Writes into it what shall stand there."""
        self.click()
        self.call("function () { this.select() }")
        self.page.write(text)

    @property
    def value(self):
        return self.call("function () { return this.value }")

    @property
    def is_checked(self):
        return self.call("function () { return this.checked }")


def read_name(node):
    return " ".join(str(node.get("name", {}).get("value", "")).split())


def fits(wanted, name):
    if wanted is None:
        return True
    return wanted.search(name) is not None if isinstance(wanted, re.Pattern) else wanted == name


def describe(name):
    if name is None:
        return "at all"
    return f"/{name.pattern}/" if isinstance(name, re.Pattern) else f"“{name}”"
