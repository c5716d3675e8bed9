"""What a pod's end is taken for, where the table of plans does not show it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from moorage_api.reasons import PERMANENT, Reason
from moorage_operator.endings import MAX_MESSAGE, Verdict, departure, diagnose
from moorage_operator.observed import ContainerSeen, PodSeen
from moorage_operator.reasons import PodReason

from .builders import agent, ended, pod, runner


@pytest.mark.parametrize("reason", Reason)
def test_what_starting_again_cannot_mend_is_broken(reason: Reason) -> None:
    words = json.dumps({"reason": reason, "message": "Said so."})
    end = diagnose(pod(ended(1, words), phase="Failed"))
    assert end is not None
    assert (end.reason, end.message) == (reason, "Said so.")
    assert end.verdict is (Verdict.BROKEN if reason in PERMANENT else Verdict.FAILED)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("", "The container runner ended with code 1."),
        ("plain words", "plain words."),
        ('{"reason": 5, "message": 5}', "The container runner ended with code 1."),
        ('["a list"]', '["a list"].'),
        ('{"message": "Only this"}', "Only this."),
    ],
)
def test_last_words_of_any_form_are_taken(words: str, message: str) -> None:
    end = diagnose(pod(ended(1, words), phase="Failed"))
    assert end is not None
    assert (end.reason, end.message) == (Reason.RUNNER_FAILED, message)


@pytest.mark.parametrize(
    "seen",
    [
        pod(),
        pod(runner(), agent(state="terminated", exit_code=0)),
        PodSeen("x"),
        pod(runner(state="waiting", reason="ContainerCreating"), phase="Pending"),
    ],
    ids=["runs", "its agent ended well", "new", "creating"],
)
def test_a_pod_that_may_still_be_well_has_not_ended(seen: PodSeen) -> None:
    assert diagnose(seen) is None


def test_a_complete_runner_is_complete_whatever_became_of_the_agent() -> None:
    killed = agent(state="terminated", exit_code=137, reason="OOMKilled")
    end = diagnose(pod(ended(0), killed, phase="Failed"))
    assert end is not None
    assert end.verdict is Verdict.COMPLETE


@pytest.mark.parametrize("reason", ["NodeLost", "NodeShutdown", "Terminated"])
def test_a_node_that_goes_is_nobodys_failure(reason: str) -> None:
    end = diagnose(pod(phase="Failed", reason=reason))
    assert end is not None
    assert (end.verdict, end.reason) == (Verdict.AGAIN, PodReason.NODE_LOST)
    assert "kubectl delete node" in end.message


def test_a_departure_tells_nodes_disruptions_and_people_apart() -> None:
    assert departure(pod(node_ready=False)).reason is PodReason.NODE_LOST
    assert departure(pod(disrupted="Preempted")).reason is PodReason.DISRUPTED
    assert departure(pod()).reason is PodReason.POD_DELETED


texts = st.text(max_size=200)
containers = st.builds(
    ContainerSeen,
    name=st.sampled_from(["runner", "agent", "other"]),
    state=st.sampled_from(["waiting", "running", "terminated"]),
    reason=st.one_of(texts, st.sampled_from(["OOMKilled", "ImagePullBackOff", "Error"])),
    message=st.one_of(texts, st.just("[" * 5_000)),
    exit_code=st.one_of(st.none(), st.integers(0, 255)),
)


@settings(max_examples=100, deadline=None)
@given(
    st.builds(
        PodSeen,
        uid=texts,
        phase=st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown"]),
        reason=texts,
        message=texts,
        containers=st.tuples(containers, containers),
    )
)
def test_whatever_a_pod_says_there_is_a_bounded_sentence_or_nothing(seen: PodSeen) -> None:
    end = diagnose(seen)
    if seen.phase == "Failed":
        assert end is not None
    if end is not None:
        assert 0 < len(end.message) <= MAX_MESSAGE + 500
        assert end.message[-1] in ".!?"
