"""axe-core, the rules of accessibility that a program can check."""

import glob
import json
import os
import zipfile

# The frame of a mail's preview is a page of somebody else.
OPTIONS = {"iframes": False, "resultTypes": ["violations"]}


class Axe:
    """The script of the package that `install` has fetched."""

    def __init__(self, folder):
        wheels = glob.glob(os.path.join(folder, "axe_playwright_python-*.whl"))
        if not wheels:
            raise FileNotFoundError(f"axe-core is not in {folder}: tests/browser/install fetches it")
        with zipfile.ZipFile(wheels[0]) as wheel:
            self.script = wheel.read("axe_playwright_python/axe.min.js").decode()

    def violations(self, page):
        """Each rule that the page breaks, with the places."""
        page.send("Emulation.setScriptExecutionDisabled", value=False)
        try:
            page.evaluate(f"if (!window.axe) {{ {self.script} }}")
            found = page.evaluate(f"axe.run(document, {json.dumps(OPTIONS)}).then((results) => results.violations)")
        finally:
            page.send("Emulation.setScriptExecutionDisabled", value=not page.view.has_script)
        lines = []
        for violation in found:
            nodes = violation["nodes"]
            lines.append(f"axe {violation['id']}: {violation['help']} ({len(nodes)} times)")
            for node in nodes[:3]:
                lines.append(f"    {node['html'][:200]}")
                lines += [f"        {line.strip()}" for line in node["failureSummary"].splitlines()[1:3]]
        return lines
