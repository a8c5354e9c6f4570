"""What the tab's questions allow, for a visitor's browser that answers them itself (strivelm/web/answers.js)."""

from strivelm.generation import MAX_SEED
from strivelm.ui import limits
from strivelm.ui.tabs.generate.columns_payload import CHOICES, PRESETS
from strivelm.ui.tabs.generate.payload import ALTERNATIVES

NAMES = ("PROMPT_CHARACTERS", "MOST_CHARACTERS", "TEXT_CHARACTERS", "TOGETHER", "HOTTEST", "SECONDS", "CLOCK")
"""The limits of the page that hold there as well."""
LIMITS: dict[str, object] = {name: getattr(limits, name) for name in NAMES} | {
    "MAX_SEED": MAX_SEED,
    "ALTERNATIVES": ALTERNATIVES,
    "PRESETS": PRESETS,
    "CHOICES": CHOICES,
}
