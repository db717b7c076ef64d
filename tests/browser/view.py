"""How pages are seen."""

from dataclasses import dataclass

SIZES = {"wide": (1280, 900), "phone": (390, 844)}
SCHEMES = ["light", "dark"]


@dataclass(frozen=True)
class View:
    """A size, a scheme of colours, and whether scripts run."""

    width: str
    scheme: str
    has_script: bool = True

    @property
    def size(self):
        return SIZES[self.width]

    @property
    def is_phone(self):
        return self.width == "phone"

    def __str__(self):
        return f"{self.width}, {self.scheme}{'' if self.has_script else ', without script'}"

    @property
    def folder(self):
        """Where its pictures are."""
        return f"{self.width}-{self.scheme}{'' if self.has_script else '-without-script'}"


ALL = [View(width, scheme) for width in SIZES for scheme in SCHEMES]

# Of sizes, schemes and scripts, each two are seen together by somebody.
VISITORS = [View("wide", "light"), View("phone", "dark"), View("wide", "dark", False), View("phone", "light", False)]
