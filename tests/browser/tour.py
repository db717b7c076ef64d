"""A tour of all pages: from the navigation by links of every kind, each seen in every view.

The routes are read from `src/web/rights.rs`: a page to which no link leads, or
that nobody has added here, is a failure.
"""

import re
from urllib.parse import parse_qs, urlsplit

from view import ALL

ROUTE = re.compile(r'^\s*(Colleagues|Customers)\s+\w+\s+get\s+"([^"]+)"', re.MULTILINE)

# Where a page leads: its links, and its forms that ask.
LINKS = """[
  ...[...document.querySelectorAll("a[href]")].map((link) => link.href),
  ...[...document.querySelectorAll("form")].filter((form) => form.method === "get").map((form) => form.action),
]"""

# What is no page.
FILES = {"/keepwell.js", "/style.css", "/answers.csv", "/accounts/{id}/reports/{report}/{at}/pdf"}


def read_routes(source):
    """The routes of pages, those without a variable first."""
    with open(f"{source}/src/web/rights.rs") as file:
        routes = {path for _, path in ROUTE.findall(file.read())}
    return sorted(routes - FILES, key=lambda route: (route.count("{"), route))


def find_route(routes, path):
    """The route that a path belongs to, or none."""
    for route in routes:
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path):
            return route
    return None


def take_tour(page, strangers, routes, starts, inspection):
    """Looks at every page.

    `page` is a colleague's who may see everything. `strangers` is a page of
    somebody who has not logged in, `starts` the addresses to which no page
    leads: those in mails, and those before the login.
    """
    seen = set()

    def look(page, address, kind, status=200):
        page.show(ALL[0])
        page.open(address, status)
        links = page.evaluate(LINKS)
        for view in ALL:
            page.show(view)
            inspection.look(page, kind)
        return links

    def visit(page, start, follows):
        waiting = [start]
        while waiting:
            address = waiting.pop(0)
            parts = urlsplit(address)
            route = find_route(routes, parts.path)
            names = sorted(parse_qs(parts.query, keep_blank_values=True))
            kind = route and f"{route} {' '.join(names)}".strip()
            if kind is None or kind in seen:
                continue
            seen.add(kind)
            found = look(page, parts._replace(scheme="", netloc="", fragment="").geturl(), kind)
            waiting += [link for link in found if link.startswith(f"{page.base}/") and follows(urlsplit(link).path)]

    for start in starts:
        visit(strangers, start, lambda path: path.startswith(("/u/", "/p/", "/s/")))
    visit(page, "/", lambda path: True)
    look(page, "/accounts/nobody", "not found", 404)
    look(strangers, "/u/damaged", "a damaged link", 404)
    visited = {kind.split(" ")[0] for kind in seen}
    for route in routes:
        if route not in visited:
            inspection.failures.append(f"no link leads to {route}; a file needs its name in tests/browser/tour.py")
    return len(seen)
