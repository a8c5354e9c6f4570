"""The machine that a Space runs on, as the Hub tells of it: one stage further each time that it is asked. No HTTP here.

The stages and the JSON are those that huggingface_hub 2.4 knows (SpaceStage, SpaceRuntime); `sha` and `errorMessage`
are what the Hub adds.
"""

from dataclasses import dataclass, field


@dataclass
class Machine:
    """How far a Space is, and where it will end."""

    requested: str = "cpu-basic"
    current: str | None = None
    end: str = "RUNNING"
    """The stage in which a build or a start ends."""
    error: str = ""
    late: int = 0
    """How often the stage and the commit of before are still told after a change."""
    says_commit: bool = True
    logs: dict[str, list[str]] = field(default_factory=lambda: {"build": ["Building"], "run": ["Starting"]})
    log_ends: bool = True
    stages: list[str] = field(default_factory=lambda: ["NO_APP_FILE"])
    """The one that is told next, and those that follow it; the last stays."""
    restarts: list[bool] = field(default_factory=list)
    """Whether each restart that was asked for was to build everything anew."""
    runs: str | None = None
    """The commit whose state is told."""
    commit: str | None = None

    def change(self, commit: str | None = None, builds: bool = True) -> None:
        """Builds a commit, or starts the present one again; a paused machine stays as it is."""
        self.commit = commit or self.commit
        if self.stages[0] == "PAUSED":
            return
        self._go(*(["BUILDING"] * 2 + ["APP_STARTING"] if builds else ["RUNNING_APP_STARTING"] * 2))

    def restart(self, anew: bool) -> None:
        """What its owner asks for; this wakes a paused one, too."""
        self.restarts.append(anew)
        self._go("BUILDING", "BUILDING", "APP_STARTING")

    def _go(self, *way: str) -> None:
        self.stages = [self.stages[0]] * self.late + [*way, self.end]

    def told(self) -> dict:
        """The runtime, as the Hub describes it; the next time it is one stage further."""
        stage = self.stages.pop(0) if len(self.stages) > 1 else self.stages[0]
        if stage in ("BUILDING", "APP_STARTING") or len(self.stages) == 1:
            self.runs = self.commit
        if stage == "RUNNING":
            self.current = self.requested
        hardware = {"current": self.current, "requested": self.requested}
        told = {"stage": stage, "hardware": hardware, "gcTimeout": 172800, "storage": None, "devMode": False}
        if self.says_commit and self.runs:
            told["sha"] = self.runs
        if stage.endswith("ERROR"):
            told["errorMessage"] = self.error
        return told
