"""A tour of all pages: from the navigation by links of every kind, each seen in every view.

The routes are read from `src/web/rights.rs`, so that a new page is visited, too:
one to which no link leads is a failure.
"""

import re
from urllib.parse import parse_qs, urlsplit

from chromium import PageFailure, ProtocolError
from view import ALL

ROUTE = re.compile(r'^\s*(Colleagues|Customers)\s+\w+\s+get\s+"([^"]+)"', re.MULTILINE)

# The type of what is a page, and not a file.
PAGE = "text/html"

# Where a page leads: its links, and its forms that ask, as they stand there, where nothing more is required.
LINKS = """[
  ...[...document.querySelectorAll("a[href]")].map((link) => new URL(link.getAttribute("href"), location.href).href),
  ...[...document.querySelectorAll("form")].filter((form) => form.method === "get" && form.checkValidity()).map(
    (form) => `${form.action}?${new URLSearchParams(new FormData(form))}`),
]"""


def read_routes(source):
    """The routes of what is shown, those without a variable first."""
    with open(f"{source}/src/web/rights.rs") as file:
        routes = {path for _, path in ROUTE.findall(file.read())}
    return sorted(routes, key=lambda route: (route.count("{"), route))


def find_route(routes, path):
    """The route that a path belongs to, or none."""
    for route in routes:
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path):
            return route
    return None


class Tour:
    """What has been seen, by kind: a route, and the names of what is asked for there."""

    def __init__(self, routes, inspection):
        self.routes = routes
        self.inspection = inspection
        self.kinds = set()

    def visit(self, page, start, follows=lambda path: True):
        """Looks at the page at an address and at those to which it leads, one of each kind."""
        waiting = [start]
        while waiting:
            parts = urlsplit(waiting.pop(0))
            route = find_route(self.routes, parts.path)
            kind = f"{route} {' '.join(sorted(parse_qs(parts.query, keep_blank_values=True)))}".strip()
            if route is None or kind in self.kinds:
                continue
            self.kinds.add(kind)
            found = self.look(page, parts._replace(scheme="", netloc="", fragment="").geturl(), kind)
            waiting += [link for link in found if link.startswith(f"{page.base}/") and follows(urlsplit(link).path)]

    def look(self, page, address, kind, status=200):
        """Looks at one page in each view, and returns where it leads."""
        try:
            page.show(ALL[0])
            _, content = page.ask(address)
            if content != PAGE:
                return []
            page.open(address, status)
            links = page.evaluate(LINKS)
            for view in ALL:
                page.show(view)
                self.inspection.look(page, kind)
            return links
        except (PageFailure, ProtocolError) as failure:
            self.inspection.fail(page, kind, f"{address}: {failure}")
            return []

    def require_all(self, page):
        """Every route has been seen, but for what pages load by themselves, such as a script."""
        seen = {kind.split(" ")[0] for kind in self.kinds}
        for route in self.routes:
            if route not in seen and ("{" in route or page.ask(route) == (200, PAGE)):
                self.inspection.failures.append(f"no link leads to {route}")


def take_tour(page, strangers, routes, starts, inspection):
    """Looks at every page.

    `page` is a colleague's who may see everything. `strangers` is a page of
    somebody who has not logged in, `starts` the addresses to which no page
    leads: those in mails, and those before the login.
    """
    tour = Tour(routes, inspection)
    for start in starts:
        tour.visit(strangers, start, lambda path: path.startswith(("/u/", "/p/", "/s/", "/g/")))
    tour.visit(page, "/")
    tour.look(page, "/accounts/nobody", "not found", 404)
    tour.look(strangers, "/u/damaged", "a damaged link", 404)
    tour.look(strangers, "/g/damaged", "a damaged link to a plan", 404)
    tour.require_all(page)
    return len(tour.kinds)
