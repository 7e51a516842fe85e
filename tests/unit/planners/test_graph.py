"""The graph of steps: whatever it looks like and in whatever order things happen, it is walked as it says."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlwright.errors import InvalidSpecError
from mlwright.plan.jobs import JobSeen, JobState
from mlwright.plan.steps import BUILT_IN, StepTemplate
from mlwright.plan.training import RecordVersion, RunSeen, StartStep
from mlwright.planners import graph
from mlwright.planners.run import decide
from tests.unit.planners.given import NOW, RESULTS, SETTINGS, a_pod, a_run, said

pytestmark = pytest.mark.timeout(20)
LATER = NOW.replace(year=2027)
"""So late that no pause is left."""


@st.composite
def graphs(draw: st.DrawFn) -> tuple[StepTemplate, ...]:
    """Return steps around the built-in ones, each depending on some that stand before it, in any order."""
    names = [f"s{number}" for number in range(draw(st.integers(0, 6)))]
    places = draw(st.permutations([*names, *(template.name for template in BUILT_IN)]))
    built_in = {template.name: template for template in BUILT_IN}
    order = [name for name in places if name not in built_in]
    for template in BUILT_IN:  # keep them behind each other, wherever the others stand
        order.insert(
            draw(st.integers(order.index(template.depends_on[-1]) + 1 if template.depends_on else 0, len(order))),
            template.name,
        )
    found = []
    for place, name in enumerate(order):
        template = built_in.get(name, StepTemplate(name, ""))
        more = draw(st.lists(st.sampled_from(order[:place]), max_size=3, unique=True)) if place else []
        found.append(replace(template, depends_on=tuple(dict.fromkeys((*template.depends_on, *more)))))
    return tuple(draw(st.permutations(found)))


def chance(seed: int) -> random.Random:
    """Return a seeded generator."""
    return random.Random(seed)  # noqa: S311  # the order of events, no secret


@dataclass
class Walk:
    """A run that goes on, whose Jobs end in an order that chance chooses."""

    templates: tuple[StepTemplate, ...]
    chance: random.Random
    crashes: float = 0.0
    jobs: dict[str, JobSeen] = field(default_factory=dict)
    started: dict[str, StartStep] = field(default_factory=dict)
    sentence: str = ""

    def seen(self) -> RunSeen:
        """Return the run as it stands."""
        begun = a_run().started().done()
        assert begun.frozen is not None
        frozen = replace(begun.frozen, steps=graph.ordered(self.templates))
        return replace(begun, frozen=frozen, jobs=tuple(self.jobs.values()))

    def go(self) -> str:
        """Walk to the end and return how it ended: recorded or failed."""
        for _ in range(200):
            decision = decide(self.seen(), SETTINGS, LATER)
            self.sentence = decision.status.summary
            if any(isinstance(record, RecordVersion) for record in decision.records):
                return "recorded"
            if any(condition.type == "Failed" for condition in decision.status.conditions):
                return "failed"
            for intent in decision.intents:
                if isinstance(intent, StartStep):
                    self._start(intent)
            self._happen()
        raise AssertionError(f"it does not end: {self.sentence}")

    def _start(self, start: StartStep) -> None:
        name = f"{start.step}-{start.attempt}"
        assert name not in self.jobs, f"{name} is started twice"
        assert all(self._succeeded(before) for before in self._template(start.step).depends_on), f"{name} is too early"
        self.started[name] = start
        self.jobs[name] = JobSeen(
            name=name,
            uid=name,
            step=start.step,
            attempt=start.attempt,
            collects=False,
            state=JobState.ACTIVE,
            message="",
            by_user=False,
            crashes=start.crashes,
            started=NOW,
            ended=None,
            pods=(a_pod(name),),
        )

    def _happen(self) -> None:
        active = [name for name, job in self.jobs.items() if job.state is JobState.ACTIVE]
        for name in self.chance.sample(active, self.chance.randint(0, len(active))):
            crashed = self.chance.random() < self.crashes
            job = self.jobs[name]
            words = said("Succeeded", "done", results=RESULTS.get(job.step, {}))
            pod = a_pod(name, phase="Failed", exit_code=70) if crashed else a_pod(name, exit_code=0, exit_message=words)
            state = JobState.FAILED if crashed else JobState.COMPLETE
            self.jobs[name] = replace(job, state=state, ended=NOW, pods=(pod,))

    def _template(self, step: str) -> StepTemplate:
        return next(template for template in self.templates if template.name == step)

    def _succeeded(self, step: str) -> bool:
        return any(job.step == step and job.state is JobState.COMPLETE for job in self.jobs.values())


@given(graphs(), st.integers(0, 999))
def test_every_step_runs_once_and_behind_what_it_depends_on(templates: tuple[StepTemplate, ...], seed: int) -> None:
    """Whatever the graph and whichever Job ends first."""
    walk = Walk(templates, chance(seed))

    assert walk.go() == "recorded"
    assert sorted(walk.started) == sorted(f"{template.name}-0" for template in templates)


@given(graphs(), st.integers(0, 999), st.integers(0, 999))
@settings(max_examples=20, deadline=None)
def test_what_is_started_does_not_follow_from_the_order_of_events(
    templates: tuple[StepTemplate, ...], one: int, other: int
) -> None:
    """The same steps, told the same of the steps before them."""
    walks = [Walk(templates, chance(seed)) for seed in (one, other)]
    for walk in walks:
        walk.go()

    assert walks[0].started == walks[1].started


@given(graphs(), st.integers(0, 999))
def test_a_run_ends_however_often_its_steps_crash(templates: tuple[StepTemplate, ...], seed: int) -> None:
    """With a version, or with the sentence of the step whose attempts are used up; no attempt is started twice."""
    walk = Walk(templates, chance(seed), crashes=0.4)
    end = walk.go()
    tried = [sum(job.step == template.name for job in walk.jobs.values()) for template in templates]

    assert (end, max(tried) <= SETTINGS.step_attempts) in {("recorded", True), ("failed", True)}
    assert end == "recorded" or "(attempt 3 of 3)" in walk.sentence


def test_all_steps_that_may_start_do_so_at_once() -> None:
    """Nobody waits for a step that it does not need."""
    audit, notice = StepTemplate("audit", "", ("validate",)), StepTemplate("notice", "")
    walk = Walk((*BUILT_IN, audit, notice), chance(1))
    first = decide(walk.seen(), SETTINGS, LATER)

    assert first.status.summary == "validate starts; notice starts"


def test_a_run_is_stuck_only_when_no_step_gets_on() -> None:
    """One that waits for a claim holds nothing up while another is at work."""
    waits = a_pod("p", scheduling='persistentvolumeclaim "lake" not found.')
    told = a_run().started().active("validate", 0, waits).active("audit")
    seen = told.done()
    assert seen.frozen is not None
    frozen = replace(seen.frozen, steps=(*BUILT_IN, StepTemplate("audit", "")))
    status = decide(replace(seen, frozen=frozen), SETTINGS, NOW).status

    assert [(c.type, str(c.reason)) for c in status.conditions] == [("Reconciling", "RunInProgress")]
    assert status.summary.endswith("the pod starts by itself; audit is running")


def test_a_step_that_failed_for_good_stops_the_others() -> None:
    """Their Jobs are removed, and the status does not show them at work for ever."""
    told = a_run().started().refused("validate").active("audit")
    seen = told.done()
    assert seen.frozen is not None
    frozen = replace(seen.frozen, steps=(*BUILT_IN, StepTemplate("audit", "")))
    decision = decide(replace(seen, frozen=frozen), SETTINGS, NOW)

    assert [intent.name for intent in decision.intents] == ["churn-1-audit-0"]  # type: ignore[union-attr]
    assert [(s["name"], s["state"]) for s in decision.status.fields["steps"]] == [
        ("validate", "Failed"),
        ("train", "Pending"),
        ("evaluate", "Pending"),
        ("audit", "Stopped"),
    ]


@pytest.mark.parametrize(
    "given_steps, sentence",
    [
        (
            [StepTemplate("a", "", ("b",))],
            "spec.steps[a].dependsOn: step a depends on b, which is no step of this pipeline; its steps are a",
        ),
        (
            [StepTemplate("a", "", ("a",))],
            (
                "spec.steps[a].dependsOn: the steps a -> a wait for each other, so none of them could ever start;"
                " remove one of these dependencies"
            ),
        ),
        (
            [
                StepTemplate("x", ""),
                StepTemplate("a", "", ("x", "b")),
                StepTemplate("b", "", ("c",)),
                StepTemplate("c", "", ("b",)),
            ],
            (
                "spec.steps[b].dependsOn: the steps b -> c -> b wait for each other, so none of them could ever"
                " start; remove one of these dependencies"
            ),
        ),
    ],
    ids=["nobody has that name", "it waits for itself", "two wait for each other, a third for them"],
)
def test_what_is_no_graph_is_refused(given_steps: list[StepTemplate], sentence: str) -> None:
    """It names the step, the field and what to do."""
    with pytest.raises(InvalidSpecError) as refused:
        graph.ordered(given_steps)

    assert str(refused.value) == sentence
