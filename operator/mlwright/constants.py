"""Names that more than one layer writes or reads: labels, annotations, mount paths."""

from __future__ import annotations

from typing import Final

FIELD_MANAGER: Final = "mlwright"
"""Field manager of every server-side apply."""

LABEL_MANAGED_BY: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "mlwright"
MANAGED_SELECTOR: Final = f"{LABEL_MANAGED_BY}={MANAGED_BY}"
"""Selects every child that the operator made; watches of foreign kinds are limited to it."""

LABEL_OWNER_KIND: Final = "mlwright.dev/owner-kind"
LABEL_OWNER: Final = "mlwright.dev/owner"
LABEL_MODEL: Final = "mlwright.dev/model"
LABEL_PIPELINE: Final = "mlwright.dev/pipeline"
LABEL_STEP: Final = "mlwright.dev/step"
LABEL_ATTEMPT: Final = "mlwright.dev/attempt"
LABEL_PROBE: Final = "mlwright.dev/probe"
"""On a Job that looks at data, or at how far a tuning is, or sweeps folders: its slot, in seconds since 1970."""
LABEL_DATA: Final = "mlwright.dev/data"
"""On a Job that looks at data: a digest of where that data lies."""
LABEL_MIRROR: Final = "mlwright.dev/mirror"
LABEL_MESSAGE: Final = "mlwright.dev/message"
"""On a Job that tells a mirror: the first digits of the digest of what it tells."""
LABEL_BATCH_RUN: Final = "mlwright.dev/batch-run"
"""On what belongs to a run of a batch prediction: its name."""
LABEL_PREFLIGHT: Final = "mlwright.dev/preflight"
"""On a Job that asks a new version before it answers anybody, and on its pod: the uid of the Deployment asked."""
LABEL_OWN_PREFLIGHT: Final = "mlwright.dev/own-preflight"
"""On such a Job whose container is somebody's own: "true"."""
LABEL_QUEUE: Final = "kueue.x-k8s.io/queue-name"
"""Kueue's own: which LocalQueue admits a Job."""
LABEL_REVISION: Final = "mlwright.dev/revision"
LABEL_VERSION: Final = "mlwright.dev/version"
LABEL_DEPLOYMENT: Final = "mlwright.dev/deployment"

ROUTER: Final = "Router"
"""Kind in the owner label of what a namespace's router consists of: it belongs to all deployments that use it."""
ROUTER_NAME: Final = "mlwright-router"
"""Name of the router of a namespace and of all its objects."""
ROUTER_METRICS_PORT: Final = 8405
ANNOTATION_ROUTE: Final = "mlwright.dev/route"
"""On the Service of a deployment: the document that says how the router divides its requests."""
ANNOTATION_FOLLOWED: Final = "mlwright.dev/follows."
"""Begins annotations of the router's Service, one for each of its pods: digests of the routes that it follows."""

ANNOTATION_WAKES: Final = "mlwright.dev/wakes."
"""Prefix, on the router's Service; behind it the name of a pod of the router. Which sleeps it has requests for."""
ANNOTATION_APPLIED: Final = "mlwright.dev/applied"
"""Hash of the body that was applied last: tells a field that was removed from the desired body."""

ANNOTATION_CRASHES: Final = "mlwright.dev/crashes"
"""On the Job of a step: how many attempts before it failed for a reason that is not the user's."""

ANNOTATION_ASKED: Final = "mlwright.dev/asked"
"""Of the Job of a preflight: addresses of the pods that its program was told to ask."""
ANNOTATION_LOOK: Final = "mlwright.dev/look"
"""On a Job that counts stored rows, as JSON: `slot` and `since`, the one before it, and `token`, what asked for it."""

ANNOTATION_RUN: Final = "mlwright.dev/run"
ANNOTATION_RETRY: Final = "mlwright.dev/retry"
ANNOTATION_ABORT: Final = "mlwright.dev/abort"
ANNOTATION_PROMOTE: Final = "mlwright.dev/promote"
"""On a deployment the number of a version: it takes over without what is left of its rollout."""
ANNOTATION_REFRESH: Final = "mlwright.dev/refresh"
ANNOTATION_APPROVE: Final = "mlwright.dev/approve"
"""On a version its number: it may be served. On a pipeline the number of a version to come. On a deployment the number
of the version whose rollout goes on behind its steps of type Approval."""

MOUNT_ROOT: Final = "/mlwright"
"""Where pods find what storage addresses name."""

STEP_CONTAINER: Final = "step"
PREPARE_CONTAINER: Final = "prepare"
"""Makes the folder in which a container of somebody's own writes."""
OWN_CONTAINER: Final = "own"
"""The container of somebody's own; what it left is made the result of the step by the container `step`."""
OWN_PREFIX: Final = "own-"
"""Stands before the name of a built-in step in the folder of the container whose work it takes in."""
OUTPUT_PATH: Final = "/mlwright/output"
"""Where a container of somebody's own writes."""
PREDICT: Final = "predict"
PUBLISH: Final = "publish"
"""The two programs of a batch prediction, as the label of a step names them."""
TUNE_PROGRESS: Final = "tune.progress.json"
"""The file in a run's folder in which a tuning tells how far it is."""
PAYLOADS: Final = "payloads"
"""The container beside a server that sends its payload log to an object store."""
SEND_PAYLOADS: Final = "send-payloads"
FETCH_PAYLOADS: Final = "fetch-payloads"
"""Its two commands: beside a server, and before a preflight, which reads what was sent."""
PAYLOADS_AWAY: Final = ".away"
"""The file beside those to be sent that is there while the store does not take them."""
FETCH: Final = "fetch"
"""What fetches a bundle for a server: the command, and the name of the container."""
LEARNED: Final = "learned"
COUNT: Final = "count"
"""The two programs of a drift monitor that watches stored rows, and the label of its Jobs: what a version learned, and
where rows fall."""
SERVER_CONTAINER: Final = "server"
SERVER_PORT: Final = 8080
SERVICE_PORT: Final = 80
SERVICE_TLS_PORT: Final = 443
GRPC_PORT: Final = 8081

EXIT_USER_ERROR: Final = 64
"""A step or server ends with it when the user must act; nothing is tried again."""
EXIT_OUR_ERROR: Final = 70
"""A step or server ends with it when we or the surroundings failed; it is tried again."""
