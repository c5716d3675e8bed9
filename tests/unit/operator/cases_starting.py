"""Cases: a session on its way to Ready."""

from moorage_api.resources import Phase, TemplateSpec
from moorage_operator.actions import (
    CreateClaim,
    CreatePod,
    CreateSecret,
    GrantAccess,
    RevokeAccess,
)
from moorage_operator.observed import Place

from .builders import (
    MINUTE,
    NOW,
    agent,
    live,
    observed,
    pod,
    runner,
    running,
    session,
    starting_pod,
    state,
    status,
)
from .cases import CLOSED, DELETE, LONG_STARTING, Case, waiting

CASES: dict[str, Case] = {
    # Nothing there yet
    "a new session is started": (
        session(),
        observed(secret=None, claim=False, live=live(access=False)),
        Phase.STARTING,
        "Starting",
        (CreateClaim(), CreateSecret(), GrantAccess(), CreatePod()),
    ),
    "an ephemeral workspace needs no claim": (
        session(workspace={"kind": "ephemeral"}),
        observed(secret=None, claim=False),
        Phase.STARTING,
        "Starting",
        (CreateSecret(), GrantAccess(), CreatePod()),
    ),
    "what was created before a crash is not created again": (
        session(),
        observed(pod=starting_pod()),
        Phase.STARTING,
        "Starting",
        (),
    ),
    "in line behind a limit": (
        session(),
        observed(place=Place(3, "the limit of 10 running sessions in this namespace")),
        Phase.PENDING,
        "Waiting",
        (),
    ),
    "its template is missing": (
        session(templateRef={"name": "t"}),
        observed(),
        Phase.PENDING,
        "TemplateNotFound",
        (),
    ),
    "it makes no valid spec with its template": (
        session(templateRef={"name": "t"}, interactive=False),
        observed(template=TemplateSpec()),
        Phase.FAILED,
        "SpecInvalid",
        (RevokeAccess(),),
    ),
    "its template is spoilt after it ran": (
        session(status(Phase.SUSPENDED), templateRef={"name": "t"}, interactive=False),
        observed(template=TemplateSpec()),
        Phase.PENDING,
        "SpecInvalid",
        (),
    ),
    "Redis is away": (session(), observed(live=None), Phase.PENDING, "RedisUnavailable", ()),
    "the cluster refuses its pod": (
        session(),
        observed(refusal="exceeded quota: pods."),
        Phase.PENDING,
        "CreationRefused",
        (),
    ),
    "created as suspended": (
        session(suspend=True),
        observed(),
        Phase.SUSPENDED,
        "Requested",
        (CLOSED,),
    ),
    # Starting
    "no node takes the pod": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        observed(pod=starting_pod(unschedulable="0/3 nodes are available.")),
        Phase.STARTING,
        "Unschedulable",
        (),
    ),
    "an image is pulled again by the kubelet first": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        waiting("ErrImagePull"),
        Phase.STARTING,
        "ImagePullFailed",
        (),
    ),
    "an image cannot be pulled": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        waiting("ImagePullBackOff"),
        Phase.PENDING,
        "ImagePullFailed",
        (DELETE,),
    ),
    "an image's name is none": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        waiting("InvalidImageName"),
        Phase.FAILED,
        "ImageNameInvalid",
        (DELETE,),
    ),
    "a container cannot be created": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        waiting("CreateContainerError"),
        Phase.PENDING,
        "ContainerNotStarted",
        (DELETE,),
    ),
    "the Secret went before the runner started": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        observed(pod=starting_pod(), secret=None),
        Phase.STARTING,
        "Starting",
        (CreateSecret(), GrantAccess()),
    ),
    "the Secret went while Redis is away": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        observed(pod=starting_pod(), secret=None, live=None),
        Phase.STARTING,
        "Starting",
        (),
    ),
    "the runner prepares": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        running(state(phase=Phase.STARTING, activity=None)),
        Phase.STARTING,
        "Starting",
        (),
    ),
    "Redis went away while it starts": (
        session(LONG_STARTING),
        running(live=None),
        Phase.STARTING,
        "RedisUnavailable",
        (),
    ),
    "the runner is ready": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        running(),
        Phase.READY,
        "Running",
        (),
    ),
    "what an earlier runner said does not count": (
        session(status(Phase.STARTING, since=NOW - MINUTE)),
        running(
            pod=pod(runner(started_at=NOW - MINUTE / 2), agent()),
            live=live(state(), heartbeat=NOW - MINUTE),
        ),
        Phase.STARTING,
        "Starting",
        (),
    ),
    "it takes too long to start": (
        session(LONG_STARTING),
        observed(pod=starting_pod()),
        Phase.FAILED,
        "StartTimeout",
        (DELETE,),
    ),
    "time without Redis is no time to start in": (
        session(LONG_STARTING),
        observed(pod=starting_pod(), live=live(reachable_since=NOW - MINUTE)),
        Phase.STARTING,
        "Starting",
        (),
    ),
}
