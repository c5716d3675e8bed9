"""What the mobile client reads (shared design, http-api: endpoints marked M), and what we add."""

from moorage_testing.shapes import (
    anything,
    identity,
    moment,
    number,
    one_of,
    or_null,
    text,
    truth,
    whole,
)

_STATE = one_of("healthy", "degraded", "unhealthy")
_DETAIL = {"status": _STATE, "latencyMs": number, "message": or_null(text)}

HEALTH = {
    "status": _STATE,
    "timestamp": moment,
    "services": dict.fromkeys(("database", "redis", "queue", "sessions"), _STATE),
    "version": text,
    "uptime": number,
    "details": dict.fromkeys(("database", "redis", "queue", "sessions"), _DETAIL),
}
LIVE = {"status": one_of("ok"), "timestamp": moment}
READY = {"ready": truth, "checks": dict.fromkeys(("database", "redis", "sessions"), truth)}

_USAGE = {"inputTokens": whole, "outputTokens": whole, "costUsd": number, "turns": whole}
_CONDITION = anything

SESSION = {
    # What the client reads.
    "id": identity,
    "projectPath": text,
    "claudeDirectoryPath": or_null(text),
    "claudeCodeSessionId": or_null(text),
    "context": anything,
    "status": one_of("active", "inactive", "archived"),
    "metadata": or_null(anything),
    "isWorking": truth,
    "currentJobId": or_null(text),
    "lastJobStatus": or_null(one_of("completed", "failed", "interrupted", "budget_exceeded")),
    "createdAt": moment,
    "updatedAt": moment,
    "lastAccessedAt": moment,
    # What Moorage adds.
    "name": text,
    "phase": one_of(
        "Pending", "Starting", "Ready", "Suspending", "Suspended", "Succeeded", "Failed"
    ),
    "activity": or_null(one_of("Idle", "Working", "AwaitingApproval", "RateLimited")),
    "repository": {
        "url": text,
        "ref": or_null(text),
        "credentialsSecretRef": or_null(anything),
        "submodules": truth,
        "depth": or_null(whole),
    },
    "usage": _USAGE,
    "budget": {"maxCostUsd": or_null(number), "maxTurns": or_null(whole)},
    "pendingApprovals": whole,
    "conditions": anything,
    "message": or_null(text),
    "permissionMode": or_null(one_of("default", "acceptEdits", "plan", "bypassPermissions")),
    "model": or_null(text),
}
SESSIONS = {"sessions": [SESSION], "total": whole, "limit": whole, "offset": whole}
REPOSITORIES = {
    "repositories": [
        {
            "id": identity,
            "folderName": text,
            "path": text,
            "isGitRepository": one_of(True),
            "url": text,
            "defaultBranch": or_null(text),
            "configured": truth,
            "access": {"everybody": truth, "users": [text], "groups": [text]},
            "credentialsSecret": or_null(text),
        }
    ],
    "total": whole,
    "githubReposDirectory": one_of(""),
}
DONE = {"success": one_of(True)}

_SENT = {
    "id": text,
    "sessionId": identity,
    "role": one_of("user"),
    "content": text,
    "timestamp": moment,
    "claudeSessionId": or_null(text),
}
MESSAGE_SENT = {"message": _SENT, "waking": truth}
_CHILD = {
    "id": text,
    "role": one_of("assistant"),
    "content": text,
    "timestamp": moment,
    "toolCalls": anything,
    "toolResults": anything,
    "thinking": or_null(text),
    "parentToolUseId": or_null(text),
}
_CHILD_WITH_TOOLS = _CHILD | {
    "toolCalls": [{"id": text, "name": text, "input": anything}],
    "toolResults": [{"tool_use_id": text, "content": anything, "is_error": truth}],
}
CONVERSATION = {
    "messages": [_SENT | {"children": [_CHILD_WITH_TOOLS]}],
    "session": {
        "id": identity,
        "isWorking": truth,
        "currentJobId": or_null(text),
        "lastJobStatus": SESSION["lastJobStatus"],
        "status": SESSION["status"],
    },
    "hasMore": truth,
}

_FILE = {
    "path": text,
    "name": text,
    "type": one_of("file", "directory", "symlink", "other"),
    "size": whole,
    "modifiedAt": moment,
}
FILES = {"files": [_FILE], "basePath": text, "nextAfter": or_null(text)}
CONTENT = {
    "path": text,
    "content": text,
    "encoding": one_of("utf-8", "base64"),
    "size": whole,
    "mimeType": text,
    "modifiedAt": moment,
}
CREATED = {"path": text, "size": whole, "created": one_of(True)}
UPDATED = {"path": text, "size": whole, "updated": one_of(True)}
DELETED = {"success": one_of(True), "path": text}

ERROR = {"error": text, "code": text}
ERROR_WITH_DETAILS = ERROR | {"details": anything}
