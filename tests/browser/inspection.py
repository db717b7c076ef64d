"""What must hold of every page, however it is seen."""

import os
import re


class Inspection:
    """Looks at pages, keeps a picture of each, and remembers what is wrong."""

    def __init__(self, axe, folder):
        self.axe = axe
        self.folder = folder
        self.failures = []
        self.looks = 0

    def look(self, page, name):
        """Checks a page as it is now seen: the rules of axe, its width, and that nothing in it failed."""
        self.looks += 1
        self.keep_picture(page, name)
        # What is folded up is read, too.
        page.evaluate("window.folded = [...document.querySelectorAll('details:not([open])')]")
        page.evaluate("folded.forEach((one) => one.open = true)")
        troubles = self.axe.violations(page)
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if wider > 0:
            troubles.append(f"it is {wider} pixels wider than the window, by {self.find_widest(page)}")
        page.evaluate("folded.forEach((one) => one.open = false)")
        troubles += page.troubles
        page.troubles = []
        for trouble in troubles:
            self.fail(page, name, trouble)

    def fail(self, page, name, trouble):
        """Remembers a failure, with all that is needed to see it again."""
        self.failures.append(f"{name} ({page.view}) at {page.address}: {trouble}")

    def keep_picture(self, page, name):
        folder = os.path.join(self.folder, page.view.folder)
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, re.sub(r"[^\w.-]+", "-", name).strip("-") + ".png")
        page.picture(path)
        return path

    def find_widest(self, page):
        return page.evaluate(
            """(() => {
              const width = document.documentElement.clientWidth;
              const wide = [...document.querySelectorAll("main *, header *")].filter(
                (one) => one.getBoundingClientRect().right > width + 1);
              return wide.slice(0, 3).map((one) => one.outerHTML.slice(0, 120)).join(" and ");
            })()"""
        )
